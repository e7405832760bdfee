package dev.zhulong.formats.family;

import dev.zhulong.formats.EncoderDecoderSpec.Ids;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import java.util.List;

/** Marian's models (Junczys-Dowmunt et al. 2018), such as OPUS-MT's (Tiedemann and Thottingal 2020). */
public final class Marian extends BartEncoderDecoder {
    @Override
    public String modelType() {
        return "marian";
    }

    @Override
    public List<String> architectures() {
        return List.of("MarianMTModel", "MarianModel");
    }

    @Override
    NormPlace place() {
        return NormPlace.AFTER;
    }

    @Override
    boolean normalisesEmbeddings() {
        return false;
    }

    @Override
    Positions positions(Ids ids) {
        return new Positions.Sinusoidal(0, false);
    }

    @Override
    Ids ids(JsonFields config, int vocab) {
        return EncoderDecoderFields.ids(config, vocab, vocab - 1, -1, 0, vocab - 1, 0);
    }

    @Override
    boolean mayBeApart() {
        return true;
    }
}
