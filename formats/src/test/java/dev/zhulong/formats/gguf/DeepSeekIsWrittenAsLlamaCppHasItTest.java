package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.SpecDifference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keys as in llama.cpp's {@code conversion/deepseek.py} from before it cut {@code attn_kv_b} in two. */
class DeepSeekIsWrittenAsLlamaCppHasItTest {
    private static final String YARN = "'rope_scaling':{'type':'yarn','factor':40.0,'original_max_position_embeddings':64,";

    @TempDir
    Path directory;

    private DecoderSpec spec(String type, String more) throws IOException {
        String given = more == null ? "" : "," + more;
        var json = new StringBuilder("{'model_type':'" + type + "','vocab_size':40,'hidden_size':32,'intermediate_size':64,'num_hidden_layers':3,'num_attention_heads':4,"
                + "'max_position_embeddings':128,'kv_lora_rank':16,'qk_nope_head_dim':8,'qk_rope_head_dim':4,'v_head_dim':6,'moe_intermediate_size':24,"
                + "'n_shared_experts':2,'n_routed_experts':8,'num_experts_per_tok':2,'first_k_dense_replace':1" + given);
        Map.of("'q_lora_rank'", 12, "'n_group'", 1, "'topk_group'", 1).forEach((field, value) -> json.append(given.contains(field) ? "" : "," + field + ":" + value));
        return HfConfig.read(Files.writeString(directory.resolve("config.json"), json.append("}").toString().replace('\'', '"')));
    }

    private DecoderSpec readBack(DecoderSpec spec) {
        try (var model = GgufModel.open(SmallModels.write(directory.resolve("model.gguf"), spec, 1))) {
            return model.spec();
        }
    }

    /** Under llama.cpp's architecture where llama.cpp computes it as it is, else under one that it refuses by name. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"deepseek_v2||deepseek2", "deepseek_v2|'q_lora_rank':null,'tie_word_embeddings':true|deepseek2",
        "deepseek_v2|'topk_method':'group_limited_greedy','n_group':4,'topk_group':2|deepseek2-zhulong", "deepseek_v3|'attention_bias':true|deepseek2-zhulong",
        "deepseek_v3|'n_group':4,'topk_group':2|deepseek2", "deepseek_v3|'n_group':8,'topk_group':3|deepseek2-zhulong", "deepseek_v3|'norm_topk_prob':false|deepseek2",
        "deepseek_v3|'rope_interleave':false|deepseek2-zhulong", "deepseek_v3|'rms_norm_eps':1e-5|deepseek2-zhulong",
        "deepseek_v2|" + YARN + "'mscale':0.707,'mscale_all_dim':0.707}|deepseek2", "deepseek_v3|" + YARN + "'mscale':1.0,'mscale_all_dim':1.0}|deepseek2",
        "deepseek_v3|" + YARN + "'beta_fast':16,'attention_factor':0.5,'mscale_all_dim':0.5}|deepseek2-zhulong", "deepseek_v3|" + YARN + "'attention_factor':1.0}|deepseek2-zhulong",
        "deepseek_v3|'rope_scaling':{'type':'linear','factor':2.0}|deepseek2-zhulong"})
    void andIsReadBack(String type, String more, String architecture) throws IOException {
        DecoderSpec spec = spec(type, more);
        assertThat(SpecDifference.of(spec, readBack(spec), 1e-6, Set.of())).isEmpty();
        assertThat(GgufConfig.write(spec)).containsEntry("general.architecture", GgufValue.of(architecture));
    }

    @Test
    void theKeysAreLlamaCpps() throws IOException {
        Map<String, GgufValue> keys = GgufConfig.write(spec("deepseek_v3", "'n_group':4,'topk_group':2,'routed_scaling_factor':2.5," + YARN + "'mscale':0.707,'mscale_all_dim':0.707}"));
        Map.ofEntries(Map.entry("attention.q_lora_rank", GgufValue.of(12)), Map.entry("attention.kv_lora_rank", GgufValue.of(16)), Map.entry("attention.key_length", GgufValue.of(12)),
                Map.entry("attention.value_length", GgufValue.of(6)), Map.entry("rope.dimension_count", GgufValue.of(4)), Map.entry("leading_dense_block_count", GgufValue.of(1)),
                Map.entry("feed_forward_length", GgufValue.of(64)), Map.entry("expert_feed_forward_length", GgufValue.of(24)), Map.entry("expert_count", GgufValue.of(8)),
                Map.entry("expert_used_count", GgufValue.of(2)), Map.entry("expert_shared_count", GgufValue.of(2)), Map.entry("expert_weights_scale", GgufValue.of(2.5f)),
                Map.entry("expert_weights_norm", GgufValue.of(true)), Map.entry("expert_gating_func", GgufValue.of(2)), Map.entry("expert_group_count", GgufValue.of(4)),
                Map.entry("expert_group_used_count", GgufValue.of(2)), Map.entry("rope.scaling.yarn_log_multiplier", GgufValue.of(0.0707f)))
                .forEach((key, value) -> assertThat(keys).containsEntry("deepseek2." + key, value));
        assertThat(keys).doesNotContainKeys("deepseek2.attention.key_length_mla", "deepseek2.rope.scaling.attn_factor");
        assertThat(GgufWeight.of(spec("deepseek_v3", null)).stream().map(GgufWeight::gguf)).contains("blk.0.attn_q_a.weight", "blk.0.attn_q_a_norm.weight", "blk.0.attn_q_b.weight",
                "blk.0.attn_kv_a_mqa.weight", "blk.0.attn_kv_a_norm.weight", "blk.0.attn_kv_b.weight", "blk.0.ffn_gate.weight", "blk.1.ffn_gate_exps.weight",
                "blk.1.ffn_gate_shexp.weight", "blk.1.exp_probs_b.bias");
    }

    /** The scores of a file for llama.cpp are multiplied by the square of what it multiplies cosines and sines by. */
    @Test
    void withoutALogMultiplierScoresAreScaledAsLlamaCppDoes() throws IOException {
        DecoderSpec read = changed(spec("deepseek_v2", YARN + "'mscale':1.0,'mscale_all_dim':1.0}"), "rope.scaling.yarn_log_multiplier", null);
        double factor = 0.1 * Math.log(40) + 1;
        assertThat(read.layer(0).attention().scale()).isEqualTo(factor * factor / Math.sqrt(12));
    }

    @ParameterizedTest
    @CsvSource({"attention.key_length_mla,12", "attention.head_count_kv,1", "rope.dimension_count,12", "attention.kv_lora_rank,", "expert_shared_count,", "expert_group_count,3",
        "expert_used_count,5", "attention.value_length,2000000000", "expert_shared_count,2000000000"})
    void whatIsWrongIsNamed(String key, Integer value) throws IOException {
        DecoderSpec spec = spec("deepseek_v3", "'n_group':4,'topk_group':2");
        assertThatThrownBy(() -> changed(spec, key, value == null ? null : GgufValue.of(value))).isInstanceOf(FormatException.class).hasMessageContaining("deepseek2." + key);
    }

    /** What a file says whose key is another; null for none. */
    private DecoderSpec changed(DecoderSpec spec, String key, GgufValue value) {
        Path file = SmallModels.write(directory.resolve("model.gguf"), spec, 1);
        try (GgufFile written = GgufFile.open(file)) {
            var metadata = new LinkedHashMap<>(written.metadata().values());
            if (value == null) {
                metadata.remove("deepseek2." + key);
            } else {
                metadata.put("deepseek2." + key, value);
            }
            List<GgufWriter.Entry> entries = written.tensors().values().stream()
                    .map(tensor -> new GgufWriter.Entry(tensor.name(), tensor.type(), tensor.shape(), tensor::data)).toList();
            GgufWriter.write(directory.resolve("changed.gguf"), metadata, entries);
        }
        try (GgufModel model = GgufModel.open(directory.resolve("changed.gguf"))) {
            return model.spec();
        }
    }
}
