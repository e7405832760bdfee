package dev.zhulong.formats.family;

import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Role;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** XLM-RoBERTa (Conneau et al. 2019): RoBERTa in a hundred languages, under the same names. */
public final class XlmRoberta extends Roberta {
    @Override
    public String modelType() {
        return "xlm-roberta";
    }

    @Override
    String stem() {
        return "XLMRoberta";
    }

    /** Here transformers makes the head before the encoder, so that a matrix which is both is called by the head's name. */
    @Override
    public Map<String, List<String>> together(NetworkSpec network) {
        if (!network.tiedEmbeddings()) {
            return super.together(network);
        }
        var together = new LinkedHashMap<String, List<String>>();
        parameters(network).forEach(p -> together.put(p.role() == Role.EMBED ? "lm_head.decoder.weight" : p.name(), List.of(p.name())));
        return together;
    }
}
