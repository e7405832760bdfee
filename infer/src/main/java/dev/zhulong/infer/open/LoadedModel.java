package dev.zhulong.infer.open;

import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.text.Tokenizer;
import java.util.List;

/**
 * A model, ready to run. Closing it frees the weights; the tokenizer belongs to the {@link ModelFiles} that gave it.
 *
 * @param model     on the engine asked for
 * @param tokenizer of the same files
 * @param advice    of the model's makers, for generation
 * @param eosIds    ids that end a sequence
 */
public record LoadedModel(LanguageModel model, Tokenizer tokenizer, GenerationConfig advice, List<Integer> eosIds) implements AutoCloseable {
    /** Writes with it. */
    public Generator generator() {
        return new Generator(model, tokenizer);
    }

    @Override
    public void close() {
        model.close();
    }
}
