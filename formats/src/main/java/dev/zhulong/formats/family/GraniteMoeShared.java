package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.gguf.GgufMetadata;
import java.util.List;

/** Granite with experts, one of which all tokens pass (IBM 2025). */
public final class GraniteMoeShared extends GraniteMoe {
    @Override
    public String modelType() {
        return "granitemoeshared";
    }

    @Override
    public List<String> architectures() {
        return List.of("GraniteMoeSharedForCausalLM");
    }

    @Override
    protected Mlp.Dense shared(JsonFields config, Mlp.Dense dense) {
        int width = config.integer("shared_intermediate_size", 0, MOST, 0);
        return width == 0 ? null : width(dense, width);
    }

    @Override
    protected void writeShared(DecoderSpec spec, Mlp.Dense shared, ObjectNode config) {
        config.put("shared_intermediate_size", shared == null ? 0 : shared.width());
    }

    @Override
    public boolean claims(GgufMetadata metadata) {
        return metadata.integer("granitemoe.expert_shared_feed_forward_length", 0, MOST, 0) > 0;
    }
}
