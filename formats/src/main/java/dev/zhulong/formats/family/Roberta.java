package dev.zhulong.formats.family;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import java.util.List;

/** RoBERTa (Liu et al. 2019): BERT whose positions count tokens that are no padding from {@code pad_token_id + 1}, with heads of other names. */
public class Roberta extends Bert {
    @Override
    public String modelType() {
        return "roberta";
    }

    @Override
    String stem() {
        return "Roberta";
    }

    @Override
    String prefix() {
        return "roberta.";
    }

    @Override
    List<String> headNames() {
        return List.of("lm_head.", "classifier.", "qa_outputs.");
    }

    @Override
    String tokenHead() {
        return "lm_head";
    }

    @Override
    List<String> otherTokenHeads() {
        return List.of();
    }

    /** By GELU, whatever the layers have. */
    @Override
    public Dense denseOfTokens(Activation layers) {
        return new Dense(Activation.GELU, true);
    }

    @Override
    int padId() {
        return 1;
    }

    @Override
    int firstPosition(int padId) {
        return padId + 1;
    }

    @Override
    void headParameters(ParameterList list, EncoderSpec spec, String prefix) {
        long hidden = spec.hiddenSize();
        switch (spec.head()) {
            case Head.None none -> { }
            case Head.MaskedTokens tokens -> {
                list.bias(Role.HEAD, "lm_head", "cls.output", Layout.SAME, spec.vocabSize());
                dense(list, "lm_head.dense", hidden);
                list.norm(Role.HEAD_NORM, "lm_head.layer_norm", "cls.norm", hidden, true);
                ownHead(list, spec, tokens, "lm_head.decoder");
            }
            case Head.Classes classes -> {
                dense(list, "classifier.dense", hidden);
                outputs(list, spec, "classifier.out_proj");
            }
            case Head.Tags tags -> outputs(list, spec, "classifier");
            case Head.Spans spans -> outputs(list, spec, "qa_outputs");
        }
    }
}
