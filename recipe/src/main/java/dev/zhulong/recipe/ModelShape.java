package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.text.Tokenizer;
import java.util.Collections;
import java.util.List;

/** The shape a recipe's model section describes. */
final class ModelShape {
    private ModelShape() {}

    static DecoderSpec of(PretrainRecipe.Model m, Tokenizer tokenizer) {
        List<Integer> eos = tokenizer.eos().isPresent() ? List.of(tokenizer.eos().getAsInt()) : List.of();
        return of(m, tokenizer.vocabSize(), tokenizer.bos().orElse(-1), eos);
    }

    /** The smallest that it may come to, whatever the text makes of the vocabulary. */
    static DecoderSpec smallest(PretrainRecipe recipe) {
        PretrainRecipe.Tokens tokens = recipe.data().tokenizer();
        boolean bytes = tokens.type() == PretrainRecipe.TokenizerType.BPE && tokens.path().isEmpty();
        return of(recipe.model(), (bytes ? RecipeCheck.BYTES : 1) + tokens.specials().size(), -1, List.of());
    }

    private static DecoderSpec of(PretrainRecipe.Model m, int vocab, int bos, List<Integer> eos) {
        boolean gpt2 = m.family() == Family.of("gpt2");
        int headDim = m.hiddenSize() / m.heads();
        int ffn = m.intermediateSize() > 0 ? m.intermediateSize() : gpt2 ? 4 * m.hiddenSize() : (m.hiddenSize() * 8 / 3 + 63) / 64 * 64;
        return new DecoderSpec(m.family(), vocab, m.hiddenSize(), m.layers(), m.heads(),
                m.kvHeads() == 0 ? m.heads() : m.kvHeads(), headDim, ffn, m.contextLength(),
                gpt2 ? DecoderSpec.Norm.LAYER : DecoderSpec.Norm.RMS, 1e-5,
                gpt2 ? DecoderSpec.Activation.GELU_TANH : DecoderSpec.Activation.SILU, !gpt2,
                gpt2 ? null : new DecoderSpec.Rope(m.ropeTheta(), headDim, new DecoderSpec.Scaling.None()),
                m.tiedEmbeddings(), gpt2 || m.family() == Family.of("qwen2"), gpt2, gpt2, m.family() == Family.of("qwen3"),
                Collections.nCopies(m.layers(), m.slidingWindow()), bos, eos);
    }
}
