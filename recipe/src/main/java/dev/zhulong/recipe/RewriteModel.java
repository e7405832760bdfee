package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.label.TextPair;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.TokenizerJson;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A new encoder–decoder as a recipe describes it: its tokenizer, and its shape as its family reads a configuration. */
final class RewriteModel {
    private static final String PAD = "<pad>";
    private static final String EOS = "</s>";
    static final int LEAST_VOCABULARY = 256 + 2;

    private RewriteModel() {}

    /** Learns a vocabulary of both sides and writes it into {@code directory}; every text ends with its mark. */
    static void tokenizer(RewriteRecipe recipe, List<TextPair> pairs, Path directory) {
        var trainer = new BpeTrainer(recipe.tokenizer().vocabSize(), List.of(PAD, EOS));
        trainer.addAll(pairs.stream().flatMap(pair -> Stream.of(recipe.data().prefix() + pair.source(), pair.target())));
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings(null, EOS, PAD, false, true, recipe.model().contextLength()));
    }

    /** @param vocab tokens of the tokenizer */
    static EncoderDecoderSpec spec(RewriteRecipe recipe, int vocab) {
        RewriteRecipe.Model m = recipe.model();
        RewriteRecipe.Kind family = m.family().orElseThrow();
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.put("model_type", family.modelType()).put("vocab_size", vocab).put("d_model", m.hiddenSize()).put("is_encoder_decoder", true);
        config.put("tie_word_embeddings", true).put("pad_token_id", 0).put("eos_token_id", 1);
        switch (family) {
            case T5 -> config.put("num_layers", m.layers()).put("num_heads", m.heads()).put("d_kv", m.hiddenSize() / m.heads()).put("d_ff", m.intermediateSize())
                    .put("n_positions", m.contextLength()).put("feed_forward_proj", "relu").put("decoder_start_token_id", 0);
            case MARIAN, BART -> {
                for (String half : List.of("encoder", "decoder")) {
                    config.put(half + "_layers", m.layers()).put(half + "_attention_heads", m.heads()).put(half + "_ffn_dim", m.intermediateSize());
                }
                boolean marian = family == RewriteRecipe.Kind.MARIAN;
                config.put("max_position_embeddings", m.contextLength()).put("activation_function", marian ? "swish" : "gelu").put("scale_embedding", marian);
                // Marian begins a text with padding, BART with the end of one
                config.put("decoder_start_token_id", marian ? 0 : 1).put("forced_eos_token_id", 1).putNull("bos_token_id");
            }
        }
        return (EncoderDecoderSpec) Families.find(family.modelType()).orElseThrow().read(new JsonFields(Path.of("recipe.yaml"), "model.", config));
    }
}
