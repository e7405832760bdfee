package dev.zhulong.formats.family;

import dev.zhulong.formats.EncoderDecoderSpec.Ids;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import java.util.List;

/** BART (Lewis et al. 2020). */
public final class Bart extends BartEncoderDecoder {
    @Override
    public String modelType() {
        return "bart";
    }

    @Override
    public List<String> architectures() {
        return List.of("BartForConditionalGeneration", "BartModel");
    }

    @Override
    NormPlace place() {
        return NormPlace.AFTER;
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
        return EncoderDecoderFields.ids(config, vocab, 1, 0, 2, 2, 2);
    }
}
