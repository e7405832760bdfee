package dev.zhulong.formats.family;

import dev.zhulong.formats.JsonFields;
import java.util.List;

/** mT5 (Xue et al. 2021): T5 1.1 in many languages. */
public final class Mt5 extends T5 {
    @Override
    public String modelType() {
        return "mt5";
    }

    @Override
    public List<String> architectures() {
        return List.of("MT5ForConditionalGeneration", "MT5Model");
    }

    @Override
    String absentProjection() {
        return "gated-gelu";
    }

    @Override
    int absentStart() {
        return 0;
    }

    @Override
    boolean scalesLogits(JsonFields config) {
        return false;
    }
}
