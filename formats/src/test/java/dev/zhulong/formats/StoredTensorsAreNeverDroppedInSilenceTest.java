package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.gguf.DirectoryWeights;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StoredTensorsAreNeverDroppedInSilenceTest {
    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";
    private static final float[] WEIGHTS = {1, 2, 3, 4, 5, 6, 7, 8};

    @TempDir
    Path directory;

    private final Map<String, SafetensorsWriter.Entry> entries = new LinkedHashMap<>();

    /** Four tokens, two wide, no blocks worth naming: what is asked is which tensors count. */
    private ModelDirectory open(String family, boolean tied) throws IOException {
        String shape = family.equals("gpt2") ? "\"n_embd\": 2, \"n_layer\": 1, \"n_head\": 1, \"n_positions\": 8"
                : "\"hidden_size\": 2, \"intermediate_size\": 2, \"num_hidden_layers\": 1, \"num_attention_heads\": 1, \"num_key_value_heads\": 1";
        Files.writeString(directory.resolve(ModelDirectory.CONFIG), "{\"model_type\": \"" + family + "\", \"vocab_size\": 4, " + shape
                + ", \"tie_word_embeddings\": " + tied + "}");
        SafetensorsWriter.write(directory.resolve(ModelDirectory.WEIGHTS), Map.of(), entries.values().stream().toList());
        return ModelDirectory.open(directory);
    }

    private void put(String name, float[] values, long... shape) {
        entries.put(name, SafetensorsWriter.Entry.of(name, shape, values));
    }

    private void put(String name, StorageType type, float[] values, long... shape) {
        MemorySegment narrow = Arena.ofAuto().allocate((long) values.length * type.bytes(), 8);
        HalfFloats.fromF32(MemorySegment.ofArray(values), type, narrow);
        entries.put(name, SafetensorsWriter.Entry.of(name, type, shape, narrow));
    }

    @Test
    void aHeadThatDiffersInOneWeightIsTheHead() throws IOException {
        put(EMBEDDING, WEIGHTS, 4, 2);
        put(HEAD, new float[] {1, 2, 3, 4, 5, 6, 7, 9}, 4, 2);
        try (var model = open("llama", true)) {
            assertThat(model.spec().tiedEmbeddings()).isFalse();
            assertThat(model.weights().get(HEAD).toFloats()).endsWith(9);
            assertThat(model.notice().orElseThrow()).contains("model.safetensors", "lm_head.weight differs", "tie_word_embeddings");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"wte.weight", "transformer.wte.weight"})
    void aHeadBesideEitherNameOfGpt2sEmbedding(String embedding) throws IOException {
        put(embedding, WEIGHTS, 4, 2);
        put(HEAD, new float[] {1, 2, 3, 4, 5, 6, 7, 9}, 4, 2);
        try (var model = open("gpt2", true)) {
            assertThat(model.weights()).containsOnlyKeys("transformer.wte.weight", HEAD);
        }
    }

    @Test
    void aHeadEqualToTheEmbeddingIsTied() throws IOException {
        put(EMBEDDING, WEIGHTS, 4, 2);
        for (StorageType type : new StorageType[] {StorageType.F32, StorageType.F16, StorageType.BF16}) {
            put(HEAD, type, WEIGHTS, 4, 2);
            try (var model = open("llama", true)) {
                assertThat(model.spec().tiedEmbeddings()).as(type.toString()).isTrue();
                assertThat(model.weights()).containsOnlyKeys(EMBEDDING);
                assertThat(model.notice()).isEmpty();
            }
        }
    }

    @Test
    void aHeadThatRoundingToItsTypeHasChangedIsTheHead() throws IOException {
        put(EMBEDDING, new float[] {1.001f, 2, 3, 4, 5, 6, 7, 8}, 4, 2);
        put(HEAD, StorageType.BF16, new float[] {1.001f, 2, 3, 4, 5, 6, 7, 8}, 4, 2);
        try (var model = open("llama", true)) {
            assertThat(model.weights()).containsOnlyKeys(EMBEDDING, HEAD);
        }
    }

    @Test
    void aHeadOfAnotherShapeIsRefusedByTheCheckOfShapes() throws IOException {
        put(EMBEDDING, WEIGHTS, 4, 2);
        put(HEAD, new float[] {1, 2, 3, 4, 5, 6}, 3, 2);
        try (var model = open("llama", true)) {
            assertThat(model.weights()).containsKey(HEAD);
        }
    }

    /** Safetensors keeps one name of shared tensors, not always the embedding's. */
    @Test
    void aTiedHeadAloneStandsForTheEmbedding() throws IOException {
        put(HEAD, WEIGHTS, 4, 2);
        try (var model = open("llama", true)) {
            assertThat(model.spec().tiedEmbeddings()).isTrue();
            assertThat(model.weights()).containsOnlyKeys(EMBEDDING);
        }
        try (var model = open("gpt2", true)) {
            assertThat(model.weights()).containsOnlyKeys("transformer.wte.weight");
        }
    }

    @Test
    void aHeadThatNobodyFilledIsLeftOutAndSaid() throws IOException {
        put(EMBEDDING, WEIGHTS, 4, 2);
        put(HEAD, new float[8], 4, 2);
        try (var model = open("llama", true)) {
            assertThat(model.weights()).containsOnlyKeys(EMBEDDING);
            assertThat(model.notice().orElseThrow()).contains("lm_head.weight holds one value in all places");
        }
    }

    /** Every name is a weight unless it is known to be a constant of its family. */
    @Test
    void onlyConstantsOfTheFamilyAreLeftOut() throws IOException {
        put(EMBEDDING, WEIGHTS, 4, 2);
        put("model.layers.0.self_attn.rotary_emb.inv_freq", new float[] {1}, 1);
        put("vision.blocks.0.attn.bias", new float[] {1, 2}, 2);
        put("encoder.attn.masked_bias", new float[] {1}, 1);
        try (var model = open("llama", true)) {
            assertThat(model.weights()).containsOnlyKeys(EMBEDDING, "vision.blocks.0.attn.bias", "encoder.attn.masked_bias");
        }
        entries.clear();
        put("wte.weight", WEIGHTS, 4, 2);
        put("h.0.attn.bias", new float[16], 1, 1, 4, 4);
        put("h.0.attn.masked_bias", new float[] {-1e4f});
        put("h.1.attn.bias", new float[] {1, 2}, 2);
        put("h.0.crossattention.attn.bias", new float[16], 1, 1, 4, 4);
        put("h.0.rotary_emb.inv_freq", new float[] {1}, 1);
        try (var model = open("gpt2", true)) {
            assertThat(model.weights()).containsOnlyKeys("transformer.wte.weight", "transformer.h.1.attn.bias", "transformer.h.0.crossattention.attn.bias",
                    "transformer.h.0.rotary_emb.inv_freq");
        }
    }

    @Test
    void whatTheIndexDoesNotNameIsReadAsWell() throws IOException {
        open("llama", false).close();
        Files.delete(directory.resolve(ModelDirectory.WEIGHTS));
        shard("model-1.safetensors", SafetensorsWriter.Entry.of("a", new long[] {1}, new float[] {1}),
                SafetensorsWriter.Entry.of("forgotten", new long[] {1}, new float[] {2}));
        shard("model-2.safetensors", SafetensorsWriter.Entry.of("b", new long[] {1}, new float[] {3}),
                SafetensorsWriter.Entry.of("a", new long[] {1}, new float[] {1}));
        Files.writeString(directory.resolve(ModelDirectory.INDEX),
                "{\"weight_map\": {\"a\": \"model-1.safetensors\", \"b\": \"model-2.safetensors\"}}");
        try (var model = ModelDirectory.open(directory)) {
            assertThat(model.tensors()).containsOnlyKeys("a", "b", "forgotten");
        }
        shard("model-2.safetensors", SafetensorsWriter.Entry.of("b", new long[] {1}, new float[] {3}),
                SafetensorsWriter.Entry.of("a", new long[] {1}, new float[] {7}));
        assertThatThrownBy(() -> ModelDirectory.open(directory)).isInstanceOf(FormatException.class)
                .hasMessageContainingAll("model-2.safetensors", "tensor \"a\" has other values in model-1.safetensors");
    }

    private void shard(String name, SafetensorsWriter.Entry... tensors) {
        SafetensorsWriter.write(directory.resolve(name), Map.of(), List.of(tensors));
    }

    /** What every reader of directories asks, whatever it makes of them. */
    @ParameterizedTest
    @ValueSource(strings = {"model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.q_norm.weight", "model.layers.1.input_layernorm.weight",
        "lm_head.bias", "model.layers.0.self_attn.q_proj.weight_scale"})
    void whatHasNoPlaceIsRefusedByName(String name) throws IOException {
        put(EMBEDDING, WEIGHTS, 4, 2);
        for (String part : new String[] {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
            "mlp.down_proj"}) {
            put("model.layers.0." + part + ".weight", new float[4], 2, 2);
        }
        for (String norm : new String[] {"layers.0.input_layernorm", "layers.0.post_attention_layernorm", "norm"}) {
            put("model." + norm + ".weight", new float[2], 2);
        }
        try (var model = open("llama", true)) {
            assertThat(DirectoryWeights.of(model, Map.of())).hasSize(11);
        }
        put(name, new float[2], 2);
        try (var model = open("llama", true)) {
            assertThatThrownBy(() -> DirectoryWeights.of(model, Map.of())).isInstanceOf(FormatException.class).hasMessageContaining(name)
                    .hasMessageContaining("no place");
        }
    }
}
