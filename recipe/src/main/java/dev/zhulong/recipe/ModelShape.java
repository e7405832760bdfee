package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Path;
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

    /** As its family reads a configuration with these fields: what it has or lacks besides, it knows. */
    private static DecoderSpec of(PretrainRecipe.Model m, int vocab, int bos, List<Integer> eos) {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.put("vocab_size", vocab).put("hidden_size", m.hiddenSize()).put("num_hidden_layers", m.layers()).put("num_attention_heads", m.heads());
        config.put("num_key_value_heads", m.kvHeads() == 0 ? m.heads() : m.kvHeads()).put("head_dim", m.hiddenSize() / m.heads());
        if (m.intermediateSize() > 0) {
            config.put("intermediate_size", m.intermediateSize()).put("n_inner", m.intermediateSize());
        } else {
            config.put("intermediate_size", (m.hiddenSize() * 8 / 3 + 63) / 64 * 64);
        }
        config.put("max_position_embeddings", m.contextLength()).put("rms_norm_eps", 1e-5).put("layer_norm_epsilon", 1e-5);
        config.put("rope_theta", m.ropeTheta()).put("tie_word_embeddings", m.tiedEmbeddings());
        config.put("sliding_window", m.slidingWindow() == 0 ? null : Integer.valueOf(m.slidingWindow()));
        if (m.experts() > 0) {
            config.put("num_local_experts", m.experts()).put("num_experts_per_tok", m.expertsPerToken()).put("router_aux_loss_coef", m.balance());
        }
        config.put("bos_token_id", bos < 0 ? null : Integer.valueOf(bos));
        config.put("eos_token_id", eos.isEmpty() ? null : eos.getFirst());
        NetworkSpec network = m.family().read(new JsonFields(Path.of("recipe.yaml"), "model.", config));
        if (!(network instanceof DecoderSpec spec)) {
            throw new IllegalArgumentException("model.family: " + m.family().modelType() + " is an encoder, and pretraining makes decoders");
        }
        if (m.kvHeads() > 0 && spec.kvHeads() != m.kvHeads()) {
            throw new IllegalArgumentException("model.kv_heads: " + m.family().modelType() + " has as many as heads, found " + m.kvHeads() + " and " + m.heads());
        }
        if (m.slidingWindow() > 0 && !spec.windows().contains(m.slidingWindow())) {
            throw new IllegalArgumentException("model.sliding_window needs a family with windows, such as mistral; found " + m.family().modelType());
        }
        if (m.experts() > 0 && spec.stack().experts().isEmpty()) {
            throw new IllegalArgumentException("model.experts needs a family with experts, such as mixtral; found " + m.family().modelType());
        }
        return attending(m, spec);
    }

    /** That of the model to continue from. */
    static DecoderSpec of(PretrainRecipe.Model m, Path from) {
        return attending(m, HfConfig.read(from.resolve("config.json")));
    }

    /** The same with attention as the recipe says. */
    static DecoderSpec attending(PretrainRecipe.Model m, DecoderSpec spec) {
        return m.attention().map(attention -> attention.applied(spec)).orElse(spec);
    }
}
