package dev.zhulong.formats.family;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec.Ids;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import java.util.List;

/** mBART (Liu et al. 2020, Tang et al. 2020): BART in many languages. */
public final class MBart extends BartEncoderDecoder {
    @Override
    public String modelType() {
        return "mbart";
    }

    @Override
    public List<String> architectures() {
        return List.of("MBartForConditionalGeneration", "MBartModel");
    }

    @Override
    NormPlace place() {
        return NormPlace.BEFORE;
    }

    @Override
    boolean normalisesEmbeddings() {
        return true;
    }

    @Override
    Positions positions(Ids ids) {
        return new Positions.Learned(2);
    }

    @Override
    Ids ids(JsonFields config, int vocab) {
        return EncoderDecoderFields.ids(config, vocab, 1, 0, 2, -1, 2);
    }

    /** The last of the labels, which is the language. */
    @Override
    public int firstInput(EncoderDecoderSpec spec, int[] labels) {
        return labels.length == 0 ? spec.ids().pad() : labels[labels.length - 1];
    }
}
