package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.gguf.GgufValue.Numbers;
import dev.zhulong.formats.gguf.GgufValue.Real;
import dev.zhulong.formats.gguf.GgufValue.Type;
import dev.zhulong.formats.gguf.GgufValue.Whole;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** The container is sound here; what it says of its model is not. */
class MutatedModelsOpenOrGiveOneErrorTest {

    private static Path directory;
    private static final List<GgufFile> models = new ArrayList<>();

    @BeforeContainer
    static void makeModels() throws IOException {
        directory = Files.createTempDirectory("gguf-models");
        var specs = List.of(SmallModels.spec(Family.of("llama"), new Scaling.Llama3(8, 1, 4, 8192)), SmallModels.spec(Family.of("gpt2")),
                SmallModels.spec(Family.of("qwen3"), new Scaling.Yarn(4, 32, 32, 1, 1.2, true)), SmallModels.spec(Family.of("qwen2")));
        for (DecoderSpec spec : specs) {
            models.add(GgufFile.open(SmallModels.write(directory.resolve(spec.family() + ".gguf"), spec, 2)));
        }
        for (String type : List.of("gemma2", "gemma3_text", "granite", "olmo3", "smollm3", "cohere2", "exaone4")) {
            String json = ("{'model_type':'" + type + "','vocab_size':40,'hidden_size':32,'intermediate_size':64,'num_hidden_layers':3,'num_attention_heads':4,"
                    + "'num_key_value_heads':2,'head_dim':8,'sliding_window':5}").replace('\'', '"');
            DecoderSpec spec = HfConfig.read(Files.writeString(directory.resolve("config.json"), json));
            models.add(GgufFile.open(SmallModels.write(directory.resolve(type + ".gguf"), spec, 2)));
        }
    }

    @AfterContainer
    static void clear() throws IOException {
        models.forEach(GgufFile::close);
        try (var files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }

    private static GgufValue value(Random random) {
        return switch (random.nextInt(10)) {
            case 0 -> GgufValue.of("");
            case 1 -> GgufValue.of(random.nextBoolean());
            case 2 -> new Real(Type.FLOAT32, new float[] {0, -1, Float.NaN, Float.POSITIVE_INFINITY, 1e-30f}[random.nextInt(5)]);
            case 3 -> new Numbers(Type.UINT32, new byte[8]);
            case 4 -> GgufValue.of(List.of("a"));
            case 5 -> new Whole(Type.UINT64, random.nextLong());
            case 6 -> new Whole(Type.INT32, random.nextInt());
            default -> new Whole(Type.UINT32,
                    new long[] {0, 1, 2, 3, 4, 5, 8, 31, 33, 10_000, Integer.MAX_VALUE, 0xffffffffL}[random.nextInt(12)]);
        };
    }

    @Property(tries = 1000, seed = "20261127")
    void openOrFormatException(@ForAll long seed) {
        var random = new Random(seed);
        GgufFile model = models.get(random.nextInt(models.size()));
        Map<String, GgufValue> metadata = new LinkedHashMap<>(model.metadata().values());
        List<String> keys = List.copyOf(metadata.keySet());
        for (int edits = 1 + random.nextInt(2); edits > 0; edits--) {
            metadata.put(keys.get(random.nextInt(keys.size())), value(random));
        }
        List<GgufWriter.Entry> tensors = new ArrayList<>(model.tensors().values().stream().map(GgufWriter.Entry::of).toList());
        if (random.nextInt(4) == 0) {
            var entry = tensors.remove(random.nextInt(tensors.size()));
            if (random.nextBoolean()) {
                tensors.add(new GgufWriter.Entry(entry.name(), entry.type(), new long[] {GgufTensor.elements(entry.shape())}, entry.parts()));
            }
        }
        Path path = directory.resolve("fuzz.gguf");
        GgufWriter.write(path, metadata, tensors);
        try (var opened = GgufModel.open(path)) {
            assertThat(opened.spec().layers()).isPositive();
        } catch (FormatException e) {
            assertThat(e.getMessage()).startsWith(path.toString()).doesNotContain("\n");
        }
    }
}
