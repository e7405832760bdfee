package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.zhulong.formats.SafetensorsWriter.Entry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelDirectoriesSayWhatIsMissingTest {

    @TempDir
    Path root;

    private Path model;

    @BeforeEach
    void configOnly() throws IOException {
        model = Files.createDirectory(root.resolve("model"));
        write(ModelDirectory.CONFIG, """
                {"model_type": "llama", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
                 "num_attention_heads": 2, "eos_token_id": 2, "dtype": "float16"}""");
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(model.resolve(name), text);
    }

    private void shard(Path file, String... names) {
        SafetensorsWriter.write(file, Map.of(),
                Arrays.stream(names).map(name -> Entry.of(name, new long[] {1}, new float[] {names.length})).toList());
    }

    private void index(String weightMap) throws IOException {
        write(ModelDirectory.INDEX, "{\"metadata\": {\"total_size\": 8}, \"weight_map\": " + weightMap.replace('\'', '"') + "}");
    }

    private void refused(Path directory, String... words) {
        Throwable thrown = catchThrowable(() -> ModelDirectory.open(directory).close());
        assertThat(thrown).isInstanceOf(FormatException.class);
        assertThat(thrown.getMessage()).doesNotContain("\n").contains(words);
    }

    @Test
    void oneFile() throws IOException {
        shard(model.resolve(ModelDirectory.WEIGHTS), "a", "b");
        write("tokenizer.json", "{}");
        try (var opened = ModelDirectory.open(model)) {
            assertThat(opened.spec().hiddenSize()).isEqualTo(8);
            assertThat(opened.tensors().keySet()).containsExactly("a", "b");
            assertThat(opened.tokenizer()).contains(model.resolve("tokenizer.json"));
            assertThat(opened.tokenizerConfig()).isEmpty();
            assertThat(opened.storageType()).contains(StorageType.F16);
            assertThat(opened.eosIds()).containsExactly(2);
            assertThat(opened.generationConfig().temperature()).isEmpty();
        }
        write("generation_config.json", """
                {"eos_token_id": [3, 4], "do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "max_new_tokens": 100,
                 "repetition_penalty": 1.05, "transformers_version": "4.51.0"}""");
        try (var opened = ModelDirectory.open(model)) {
            GenerationConfig generation = opened.generationConfig();
            assertThat(opened.eosIds()).containsExactly(3, 4);
            assertThat(generation.temperature()).hasValue(0.6);
            assertThat(generation.topK()).hasValue(20);
            assertThat(generation.topP()).hasValue(0.95);
            assertThat(generation.maxNewTokens()).hasValue(100);
            assertThat(generation.repetitionPenalty()).hasValue(1.05);
            assertThat(generation.doSample()).contains(true);
            assertThat(generation.bosId()).isEmpty();
            write("generation_config.json", generation.toJson());
            assertThat(GenerationConfig.read(model.resolve("generation_config.json"))).isEqualTo(generation);
        }
        write("generation_config.json", "{\"top_p\": 1.5}");
        refused(model, "generation_config.json: top_p: expected a number from 0 to 1, found 1.5");
    }

    @Test
    void shards() throws IOException {
        shard(model.resolve("model-00001-of-00002.safetensors"), "a", "b");
        shard(model.resolve("model-00002-of-00002.safetensors"), "c");
        index("{'c': 'model-00002-of-00002.safetensors', 'a': 'model-00001-of-00002.safetensors',"
                + " 'b': 'model-00001-of-00002.safetensors'}");
        try (var opened = ModelDirectory.open(model)) {
            assertThat(opened.tensors().keySet()).containsExactly("c", "a", "b");
            assertThat(opened.tensor("c").toFloats()).containsExactly(1);
            assertThat(opened.tensor("b").toFloats()).containsExactly(2);
            assertThat(catchThrowable(() -> opened.tensor("d"))).hasMessageContaining("\"d\": in none of the 2 weight files");
        }
    }

    @Test
    void brokenIndexes() throws IOException {
        shard(model.resolve("model-1.safetensors"), "a");
        index("{'a': 'model-1.safetensors', 'b': 'model-2.safetensors'}");
        refused(model, "model-2.safetensors: no such file", "tensor \"b\"", "download the missing shard");
        index("{'a': 'model-1.safetensors', 'b': 'model-1.safetensors'}");
        refused(model, "model-1.safetensors: tensor \"b\": expected it here", "found no such tensor");
        index("[]");
        refused(model, "weight_map: expected an object");
        write(ModelDirectory.INDEX, "{}");
        refused(model, "weight_map: expected an object");
        index("{'a': 7}");
        refused(model, "tensor \"a\": expected the name of a .safetensors file in the same directory, found NUMBER");
    }

    @ParameterizedTest
    @ValueSource(strings = {"../outside.safetensors", "/etc/passwd", "..\\\\\\\\outside.safetensors", "sub/x.safetensors", "x.bin",
        "C:x.safetensors", "", ".safetensors", "x\\\\u0000.safetensors"})
    void shardsOutsideTheDirectoryAreRefused(String name) throws IOException {
        shard(root.resolve("outside.safetensors"), "a");
        index("{'a': '" + name.replace("\\\\", "\\") + "'}");
        refused(model, ModelDirectory.INDEX, "weight_map, tensor \"a\": expected the name of a .safetensors file in the same directory");
    }

    @ParameterizedTest
    @ValueSource(strings = {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth", "last.ckpt"})
    void pickleIsRefusedWithTheWayOut(String name) throws IOException {
        write(name, "");
        refused(model, name + ": a pickle checkpoint can run code", "save_pretrained(directory, safe_serialization=True)");
    }

    @Test
    void missingPieces() throws IOException {
        refused(root.resolve("nothing"), "nothing: expected a model directory with config.json and model.safetensors, found nothing there");
        refused(Path.of("someone/some-model"), "a name on the Hugging Face hub must be downloaded first");
        refused(model.resolve(ModelDirectory.CONFIG), "found a file");
        refused(model, "model: expected weights in model.safetensors or shards under model.safetensors.index.json, found neither");
        write("model.Q4_0.gguf", "");
        refused(model, "found only model.Q4_0.gguf");
        assertThat(ModelDirectory.readSpec(model).layers()).isEqualTo(1);
        Files.delete(model.resolve(ModelDirectory.CONFIG));
        refused(model, "config.json: no such file: a model directory has one beside its weights");
        write("adapter_config.json", "{}");
        refused(model, "this is an adapter");
    }

    @Test
    void aBrokenSecondShardLeavesNothingMapped() throws IOException {
        shard(model.resolve("model-1.safetensors"), "a");
        write("model-2.safetensors", "broken file");
        index("{'a': 'model-1.safetensors', 'b': 'model-2.safetensors'}");
        refused(model, "model-2.safetensors: header length");
        if (Files.exists(Path.of("/proc/self/maps"))) {
            assertThat(Files.readString(Path.of("/proc/self/maps"))).doesNotContain(model.toString());
        }
    }
}
