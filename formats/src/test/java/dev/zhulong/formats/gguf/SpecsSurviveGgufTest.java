package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SpecsSurviveGgufTest {

    @TempDir
    Path directory;

    private DecoderSpec readBack(DecoderSpec spec) {
        try (var model = GgufModel.open(SmallModels.write(directory.resolve("model.gguf"), spec, 1))) {
            return model.spec();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"stories15M.Q8_0.gguf", "stories15M.Q4_0.gguf"})
    void llamaCppsFileSaysWhatTheDirectorySays(String name) {
        Path directory = Samples.shared("assets/stories15M");
        try (var model = GgufModel.open(directory.resolve(name))) {
            assertThat(model.spec()).isEqualTo(ModelDirectory.readSpec(directory));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void everyFamily(Family family) {
        assertThat(readBack(SmallModels.spec(family))).isEqualTo(SmallModels.spec(family));
    }

    /** Under llama.cpp's architecture where llama.cpp computes them as they are, else under one that it refuses by name. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"gemma|'head_dim':16|gemma", "gemma|'head_dim':16,'tie_word_embeddings':false|gemma-zhulong",
        "gemma2|'query_pre_attn_scalar':8|gemma2", "gemma2|'query_pre_attn_scalar':5|gemma2-zhulong", "gemma2|'query_pre_attn_scalar':8,'attn_logit_softcapping':null|gemma2-zhulong",
        "gemma2|'query_pre_attn_scalar':8,'layer_types':['full_attention','sliding_attention','full_attention','full_attention']|gemma2-zhulong",
        "gemma3_text|'query_pre_attn_scalar':8,'sliding_window_pattern':2,'rope_local_base_freq':123.0|gemma3", "gemma3_text||gemma3-zhulong",
        "granite|'embedding_multiplier':12.0,'residual_multiplier':0.22,'logits_scaling':8.3,'attention_multiplier':0.1|granite", "olmo2||olmo2",
        "olmo2|'tie_word_embeddings':true|olmo2", "olmo2|'head_dim':16|olmo2-zhulong", "olmo3|'rope_scaling':{'rope_type':'linear','factor':2.0}|olmo2",
        "smollm3||smollm3", "smollm3|'no_rope_layers':[0,1,1,1]|smollm3-zhulong", "cohere|'use_qk_norm':true|command-r", "cohere2||cohere2",
        "cohere2|'layer_types':['full_attention','sliding_attention','full_attention','full_attention']|cohere2-zhulong", "ernie4_5||ernie4_5",
        "ernie4_5|'use_bias':true|ernie4_5-zhulong", "seed_oss||seed_oss", "exaone4||exaone4-zhulong", "exaone4|'sliding_window':null|exaone4"})
    void theDecodersOfToday(String type, String more, String architecture) throws IOException {
        String window = more != null && more.contains("'sliding_window'") ? "" : ",'sliding_window':5";
        String head = more != null && more.contains("'head_dim'") || type.startsWith("cohere") ? "" : ",'head_dim':8";
        String json = ("{'model_type':'" + type + "','vocab_size':40,'hidden_size':32,'intermediate_size':64,'num_hidden_layers':4,'num_attention_heads':4,"
                + "'num_key_value_heads':2" + window + head + (more == null ? "" : "," + more) + "}").replace('\'', '"');
        DecoderSpec spec = HfConfig.read(Files.writeString(directory.resolve("config.json"), json));
        assertThat(readBack(spec)).isEqualTo(spec);
        assertThat(GgufConfig.write(spec)).containsEntry("general.architecture", GgufValue.of(architecture));
    }

    @Test
    void biasesOfLlamaAreThoseTheFileHas() {
        DecoderSpec spec = SmallModels.withBiases(SmallModels.spec(Family.of("llama")));
        assertThat(readBack(spec)).isEqualTo(spec);
    }

    @Test
    void linearAndYarnScaling() {
        DecoderSpec linear = SmallModels.spec(Family.of("llama"), new Scaling.Linear(2.5));
        assertThat(readBack(linear)).isEqualTo(linear);
        DecoderSpec yarn = SmallModels.spec(Family.of("qwen2"), new Scaling.Yarn(4, 32, 32, 1, 0.1 * Math.log(4) + 1, true));
        assertThat(readBack(yarn)).isEqualTo(yarn);
        var odd = new Scaling.Yarn(40, 64, 16, 2, 0.9, true);
        var read = (Scaling.Yarn) readBack(SmallModels.spec(Family.of("qwen3"), odd)).rope().scaling();
        assertThat(read.attentionFactor()).isCloseTo(0.9, within(1e-6));
        assertThat(read).isEqualTo(new Scaling.Yarn(40, 64, 16, 2, read.attentionFactor(), true));
    }

    @Test
    void llama3ScalingIsFoundAgainFromItsFactors() {
        // Llama 3.1, Llama 3.2, and one nobody has published.
        for (var scaling : List.of(new Scaling.Llama3(8, 1, 4, 8192), new Scaling.Llama3(32, 1, 4, 8192),
                new Scaling.Llama3(6, 1, 3, 1024))) {
            DecoderSpec small = SmallModels.spec(Family.of("llama"), scaling);
            DecoderSpec spec = new DecoderSpec(small.family(), 40, 64, 2, 1, 1, 64, 64, 131_072, small.norm(), 1e-5, small.activation(), true,
                    new DecoderSpec.Rope(500_000, 64, scaling), true, false, false, false, false, List.of(0, 0), 1, List.of(2));
            assertThat(readBack(spec)).isEqualTo(spec);
        }
    }

    /** In small heads one pair of dimensions or none lies on the ramp, so that another scaling may be found, of the same factors. */
    @Test
    void llama3FactorsOfSmallHeadsAreFoundAgain() {
        for (int head : new int[] {2, 4, 8, 16}) {
            for (double theta : new double[] {10_000, 500_000}) {
                for (var scaling : List.of(new Scaling.Llama3(8, 1, 4, 32), new Scaling.Llama3(8, 1, 4, 8192), new Scaling.Llama3(32, 1, 4, 100),
                        new Scaling.Llama3(4, 2, 30, 2048), new Scaling.Llama3(8, 1, 4, 3), new Scaling.Llama3(1, 1, 4, 3))) {
                    DecoderSpec small = SmallModels.spec(Family.of("llama"), scaling);
                    var rope = new DecoderSpec.Rope(theta, head, scaling);
                    DecoderSpec spec = new DecoderSpec(small.family(), 40, 64, 2, 1, 1, head, 64, 131_072, small.norm(), 1e-5, small.activation(), true,
                            rope, true, false, false, false, false, List.of(0, 0), 1, List.of(2));
                    float[] expected = GgufRope.frequencies(rope).orElseThrow();
                    assertThat(GgufRope.frequencies(readBack(spec).rope()).orElseThrow()).as(rope.toString()).containsExactly(expected, within(2e-3f));
                }
            }
        }
    }

    /** Llama 3.1's factors as published code gives them: huggingface/transformers, modeling_rope_utils, heads of 128. */
    @Test
    void llama3FactorsAreThePublishedOnes() {
        float[] factors = GgufRope.frequencies(new DecoderSpec.Rope(500_000, 128, new Scaling.Llama3(8, 1, 4, 8192))).orElseThrow();
        for (int i = 0; i < 64; i++) {
            double frequency = 1 / Math.pow(500_000, i / 64.0);
            double wavelength = 2 * Math.PI / frequency;
            double scaled = frequency;
            if (wavelength > 8192) {
                scaled = frequency / 8;
            } else if (wavelength >= 8192 / 4.0) {
                double smooth = (8192 / wavelength - 1) / (4 - 1);
                scaled = (1 - smooth) * frequency / 8 + smooth * frequency;
            }
            assertThat((double) factors[i]).isCloseTo(frequency / scaled, within(1e-6));
        }
    }

    @Test
    void whatGgufCannotSayIsRefused() {
        refused(SmallModels.spec(Family.of("llama"), new Scaling.Dynamic(2, 128)), "dynamic");
        refused(SmallModels.spec(Family.of("llama"), new Scaling.Yarn(4, 32, 32, 1, 1.1, false)), "truncated");
        refused(SmallModels.withBiases(SmallModels.spec(Family.of("qwen3"))), "qkvBias: expected false, found true");
        DecoderSpec s = SmallModels.spec(Family.of("qwen2"));
        refused(new DecoderSpec(s.family(), 40, 32, 2, 4, 2, 16, 64, 128, s.norm(), 1e-6, Activation.GELU, true, s.rope(), false, true, false,
                false, false, List.of(0, 0), 1, List.of()), "activation: expected SILU, found GELU");
        refused(new DecoderSpec(s.family(), 40, 32, 2, 4, 2, 16, 64, 128, s.norm(), 1e-6, Activation.SILU, true, s.rope(), false, true,
                false, false, false, List.of(0, 8), 1, List.of()), "windows");
        refused(new DecoderSpec(Family.of("llama"), 40, 32, 2, 4, 2, 16, 64, 128, s.norm(), 1e-6, Activation.SILU, true,
                new DecoderSpec.Rope(1e4, 8, new Scaling.None()), false, false, false, false, false, List.of(0, 0), 1, List.of()),
                "rotaryDims: expected 16, found 8");
    }

    private static void refused(DecoderSpec spec, String words) {
        assertThatThrownBy(() -> GgufConfig.write(spec)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(words)
                .message().doesNotContain("\n");
    }

    private DecoderSpec changed(String key, GgufValue value) {
        Path path = SmallModels.write(directory.resolve("model.gguf"), SmallModels.spec(Family.of("llama")), 1);
        Path changed = directory.resolve("changed.gguf");
        try (var file = GgufFile.open(path)) {
            Map<String, GgufValue> metadata = new LinkedHashMap<>(file.metadata().values());
            metadata.put(key, value);
            metadata.values().removeIf(each -> each == null);
            GgufWriter.write(changed, metadata, file.tensors().values().stream().map(GgufWriter.Entry::of).toList());
        }
        try (var model = GgufModel.open(changed)) {
            return model.spec();
        }
    }

    private void refusedWhere(String key, GgufValue value, String words) {
        assertThatThrownBy(() -> changed(key, value)).isInstanceOf(FormatException.class).hasMessageContaining(words)
                .message().doesNotContain("\n");
    }

    @Test
    void wrongKeysAreNamed() {
        refusedWhere("general.architecture", GgufValue.of("mamba"), "one of llama, qwen2, qwen3, gpt2, ");
        refusedWhere("general.architecture", GgufValue.of("mamba"), ", found \"mamba\"");
        refusedWhere("general.architecture", null, "found no such key");
        refusedWhere("llama.block_count", GgufValue.of(20_000), "llama.block_count: expected a whole number from 1 to 10000");
        refusedWhere("llama.block_count", GgufValue.of(3), "tensor \"blk.2.attn_norm.weight\": not in this file");
        refusedWhere("llama.block_count", GgufValue.of(1), "tensor \"blk.1.attn_norm.weight\": expected only weights that LLAMA has");
        refusedWhere("llama.attention.head_count", GgufValue.of(new int[] {4, 2}), "the same whole number from 1 to");
        refusedWhere("llama.attention.head_count", GgufValue.of(new int[] {4, 4, 4}), "an array of 2 whole numbers, found an array of 3 INT32");
        refusedWhere("llama.feed_forward_length", GgufValue.of(new int[] {0, 0}), "layers that differ in it are not supported");
        refusedWhere("llama.attention.head_count_kv", GgufValue.of(3), "a divisor of attention.head_count 4, found 3");
        refusedWhere("llama.attention.head_count_kv", GgufValue.of(4),
                "tensor \"blk.0.attn_k.weight\": expected shape [64, 32], found [32, 32]");
        refusedWhere("llama.attention.value_length", GgufValue.of(8), "attention.key_length 16, found 8");
        refusedWhere("llama.expert_count", GgufValue.of(8), "llama.expert_used_count: expected a whole number from 1 to 8, found no such key");
        refusedWhere("llama.attn_logit_softcapping", GgufValue.of(50f), "not implemented");
        refusedWhere("llama.rope.dimension_count", GgufValue.of(8), "all 16 of a head, found 8");
        refusedWhere("llama.rope.scaling.type", GgufValue.of("longrope"), "none, linear or yarn, found \"longrope\"");
        refusedWhere("split.count", GgufValue.of(2), "is the first of 2 parts, which are found by their names: call them NAME-00001-of-00002.gguf");
        refusedWhere("tokenizer.ggml.eos_token_id", GgufValue.of(40), "from 0 to 39, found 40");
        refusedWhere("tokenizer.ggml.tokens", GgufValue.of(Collections.nCopies(41, "x")), "at most 40 tokens");
    }

    @Test
    void aNumberOfAllLayersMayBeAList() {
        DecoderSpec spec = changed("general.name", GgufValue.of("the same"));
        for (String key : List.of("llama.attention.head_count", "llama.attention.head_count_kv", "llama.feed_forward_length")) {
            int value = key.endsWith("kv") ? spec.kvHeads() : key.endsWith("count") ? spec.heads() : ((dev.zhulong.formats.Stack.Mlp.Dense) spec.layer(0).mlp()).width();
            assertThat(changed(key, GgufValue.of(new int[] {value, value}))).isEqualTo(spec);
        }
    }

    @Test
    void aTurnsEndStopsGenerationInFilesFromBeforeItsKey() {
        assertThat(changed("tokenizer.ggml.eot_token_id", null).eosIds()).containsExactly(2);
        assertThat(changed("tokenizer.ggml.eot_token_id", GgufValue.of(5)).eosIds()).containsExactly(2, 5);
        assertThat(changed("tokenizer.ggml.eom_token_id", GgufValue.of(9)).eosIds()).containsExactly(2, 7, 9);
    }
}
