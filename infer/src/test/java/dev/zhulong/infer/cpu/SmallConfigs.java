package dev.zhulong.infer.cpu;

import java.util.stream.Stream;

/**
 * {@code config.json} of small decoders of every family, with its switches the one way and the other: heads that are not hidden / heads wide, that share
 * keys or do not, heads of their own or tied ones, biases.
 */
final class SmallConfigs {
    private static final String SIZES = "\"vocab_size\":272,\"num_hidden_layers\":3,\"max_position_embeddings\":96,"
            + "\"bos_token_id\":256,\"eos_token_id\":257,\"pad_token_id\":null,";
    /** Six heads, of which three share a key. */
    private static final String WIDE = SIZES + "\"hidden_size\":48,\"intermediate_size\":80,\"num_attention_heads\":6,\"num_key_value_heads\":2,";
    /** Four heads with keys of their own. */
    private static final String PLAIN = SIZES + "\"hidden_size\":64,\"intermediate_size\":96,\"num_attention_heads\":4,\"num_key_value_heads\":4,";

    private SmallConfigs() {}

    static Stream<String> all() {
        return Stream.of(
                "{\"model_type\":\"llama\"," + WIDE + "\"attention_bias\":true,\"mlp_bias\":true,\"head_dim\":12,\"rms_norm_eps\":1e-5,"
                        + "\"tie_word_embeddings\":true}",
                "{\"model_type\":\"gemma\"," + WIDE + "\"head_dim\":16,\"rms_norm_eps\":1e-6,\"hidden_act\":\"gelu_pytorch_tanh\"}",
                "{\"model_type\":\"gemma2\"," + WIDE + "\"head_dim\":16,\"attn_logit_softcapping\":2.5,\"final_logit_softcapping\":1.5,"
                        + "\"query_pre_attn_scalar\":20,\"sliding_window\":7,"
                        + "\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"]}",
                "{\"model_type\":\"gemma2\"," + PLAIN + "\"head_dim\":16,\"attn_logit_softcapping\":null,\"final_logit_softcapping\":null,"
                        + "\"query_pre_attn_scalar\":16,\"sliding_window\":9}",
                "{\"model_type\":\"gemma3_text\"," + WIDE + "\"head_dim\":20,\"query_pre_attn_scalar\":9,\"sliding_window\":5,"
                        + "\"sliding_window_pattern\":2,\"rope_theta\":500000,"
                        + "\"rope_local_base_freq\":1000,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":4.0}}",
                "{\"model_type\":\"granite\"," + WIDE + "\"embedding_multiplier\":3.5,\"residual_multiplier\":0.4,"
                        + "\"attention_multiplier\":0.2,\"logits_scaling\":5.0}",
                "{\"model_type\":\"granite\"," + PLAIN + "\"attention_bias\":true,\"mlp_bias\":true,\"embedding_multiplier\":1.0,"
                        + "\"residual_multiplier\":1.0,\"attention_multiplier\":0.25,"
                        + "\"logits_scaling\":1.0,\"tie_word_embeddings\":true}",
                "{\"model_type\":\"olmo2\"," + WIDE + "\"rms_norm_eps\":1e-6}",
                "{\"model_type\":\"olmo2\"," + PLAIN + "\"attention_bias\":true,\"tie_word_embeddings\":true}",
                "{\"model_type\":\"smollm3\"," + WIDE + "\"no_rope_layers\":[1,0,1],\"rope_theta\":5000,\"use_sliding_window\":false}",
                "{\"model_type\":\"cohere\"," + WIDE + "\"use_qk_norm\":true,\"logit_scale\":0.3,\"attention_bias\":true}",
                "{\"model_type\":\"cohere\"," + PLAIN + "\"use_qk_norm\":false,\"logit_scale\":0.0625}",
                "{\"model_type\":\"cohere2\"," + WIDE + "\"sliding_window\":6,\"layer_types\":[\"sliding_attention\",\"full_attention\","
                        + "\"sliding_attention\"],\"logit_scale\":0.5}",
                "{\"model_type\":\"ernie4_5\"," + WIDE + "\"head_dim\":24,\"use_bias\":true,\"tie_word_embeddings\":false}",
                "{\"model_type\":\"phi\"," + WIDE + "\"partial_rotary_factor\":0.5,\"qk_layernorm\":true,\"hidden_act\":\"gelu\"}",
                "{\"model_type\":\"phi\"," + PLAIN + "\"partial_rotary_factor\":0.75,\"qk_layernorm\":false,\"tie_word_embeddings\":true}",
                "{\"model_type\":\"phi3\"," + WIDE + "\"sliding_window\":6}",
                "{\"model_type\":\"phi3\"," + PLAIN + "\"partial_rotary_factor\":0.75,\"tie_word_embeddings\":true}",
                "{\"model_type\":\"gpt_neox\"," + PLAIN + "\"rotary_pct\":0.5,\"use_parallel_residual\":true,\"hidden_act\":\"gelu_new\"}",
                "{\"model_type\":\"gpt_neox\"," + PLAIN + "\"rotary_pct\":1.0,\"use_parallel_residual\":false,\"attention_bias\":false,"
                        + "\"tie_word_embeddings\":true}",
                "{\"model_type\":\"stablelm\"," + WIDE + "\"partial_rotary_factor\":0.5,\"qk_layernorm\":true,"
                        + "\"use_parallel_residual\":true,\"use_qkv_bias\":true}",
                "{\"model_type\":\"stablelm\"," + PLAIN + "\"partial_rotary_factor\":0.25,\"qk_layernorm\":false,"
                        + "\"use_parallel_residual\":false,\"tie_word_embeddings\":true}",
                "{\"model_type\":\"starcoder2\"," + WIDE + "\"use_bias\":true,\"sliding_window\":8,\"norm_epsilon\":1e-4,\"tie_word_embeddings\":true}",
                "{\"model_type\":\"starcoder2\"," + PLAIN + "\"use_bias\":false,\"sliding_window\":null,\"tie_word_embeddings\":false}",
                "{\"model_type\":\"glm4\"," + WIDE + "\"head_dim\":12,\"attention_bias\":true,\"partial_rotary_factor\":0.5}",
                "{\"model_type\":\"glm4\"," + PLAIN + "\"head_dim\":16,\"attention_bias\":false,\"partial_rotary_factor\":1.0,"
                        + "\"tie_word_embeddings\":true}",
                "{\"model_type\":\"glm\"," + WIDE + "\"head_dim\":12,\"attention_bias\":true,\"partial_rotary_factor\":0.5}",
                "{\"model_type\":\"olmo3\"," + WIDE + "\"sliding_window\":6,\"layer_types\":[\"sliding_attention\",\"full_attention\","
                        + "\"sliding_attention\"]}",
                "{\"model_type\":\"seed_oss\"," + WIDE + "\"head_dim\":12,\"attention_bias\":true,\"attention_out_bias\":true,\"mlp_bias\":true}",
                "{\"model_type\":\"exaone4\"," + WIDE + "\"sliding_window\":6,\"sliding_window_pattern\":2}",
                "{\"model_type\":\"nemotron\"," + WIDE + "\"head_dim\":8,\"mlp_bias\":true,\"attention_bias\":true}",
                "{\"model_type\":\"olmo\"," + WIDE + "\"clip_qkv\":0.8}",
                "{\"model_type\":\"arcee\"," + PLAIN + "\"tie_word_embeddings\":true}",
                "{\"model_type\":\"hunyuan_v1_dense\"," + WIDE + "\"head_dim\":12,\"rope_scaling\":{\"type\":\"dynamic\",\"alpha\":50.0,\"factor\":1.0}}",
                "{\"model_type\":\"phi3\"," + PLAIN + "\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,1.1,1.2,1.3,1.4,1.5,1.6,1.7],"
                        + "\"long_factor\":[2,3,4,5,6,7,8,9]},\"original_max_position_embeddings\":200}");
    }
}
