package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Patches;

/** DINOv2 with tokens that are no patches and have no position, which take what else would lie in patches of the background (Darcet et al. 2024). */
public final class Dinov2WithRegisters extends Dinov2 {
    private static final String REGISTERS = "num_register_tokens";

    @Override
    public String modelType() {
        return "dinov2_with_registers";
    }

    @Override
    String stem() {
        return "Dinov2WithRegisters";
    }

    @Override
    Patches patches(JsonFields config) {
        // published files were made with positions that were smoothed where there are fewer of them
        return VisionFields.patches(config, 224, 16, true, config.integer(REGISTERS, 1, 10_000, 4), true, true);
    }

    @Override
    void writeMore(VisionSpec spec, ObjectNode config) {
        super.writeMore(spec, config);
        config.remove(MASKED);
        config.put(REGISTERS, spec.patches().registers());
    }
}
