package dev.zhulong.formats.family;

import dev.zhulong.formats.EncoderDecoderSpec.Ids;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import java.util.List;

/** M2M-100 (Fan et al. 2020) and NLLB (NLLB Team 2022). */
public final class M2M100 extends BartEncoderDecoder {
    @Override
    public String modelType() {
        return "m2m_100";
    }

    @Override
    public List<String> architectures() {
        return List.of("M2M100ForConditionalGeneration", "M2M100Model");
    }

    @Override
    NormPlace place() {
        return NormPlace.BEFORE;
    }

    @Override
    boolean normalisesEmbeddings() {
        return false;
    }

    @Override
    Positions positions(Ids ids) {
        return new Positions.Sinusoidal(ids.pad() + 1, true);
    }

    @Override
    Ids ids(JsonFields config, int vocab) {
        return EncoderDecoderFields.ids(config, vocab, 1, 0, 2, 2, -1);
    }

    @Override
    boolean hasLogitsBias() {
        return false;
    }

    @Override
    boolean absentScale() {
        return true;
    }

    @Override
    String absentActivation() {
        return "relu";
    }
}
