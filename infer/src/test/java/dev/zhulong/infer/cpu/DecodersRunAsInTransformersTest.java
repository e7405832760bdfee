package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.DirectoryWeights;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufFamily;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.KvPages;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Logits and greedy text of a random model of each family of decoders against transformers' ({@code ../shared/golden/arch}): of the directory, and where
 * GGUF knows the family, of files in F32 and F16.
 */
class DecodersRunAsInTransformersTest {
    private static final Path GOLDEN = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/golden/arch").normalize();
    private static final CpuOptions OPTIONS = new CpuOptions(2, KvPages.Format.F32, Route.LATENCY, new int[0]);

    @TempDir
    Path temporary;

    private static Stream<Path> decoders() throws IOException {
        if (!Files.isDirectory(GOLDEN)) {
            return Stream.empty();
        }
        try (Stream<Path> all = Files.list(GOLDEN)) {
            return all.filter(DecodersRunAsInTransformersTest::isKnownDecoder).sorted().toList().stream();
        }
    }

    private static boolean isKnownDecoder(Path directory) {
        JsonFields config = JsonFields.read(directory.resolve(ModelDirectory.CONFIG));
        return Families.find(config.text("model_type").orElseThrow()).map(family -> family.read(config)).filter(DecoderSpec.class::isInstance).isPresent();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("decoders")
    void fromTheDirectory(Path golden) {
        try (ModelDirectory files = ModelDirectory.open(golden); LanguageModel model = CpuEngine.load(files, Optional.empty(), OPTIONS)) {
            isTheSame(golden, model);
        }
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("decoders")
    void fromGguf(Path golden) {
        try (ModelDirectory files = ModelDirectory.open(golden)) {
            if (!(files.network().family() instanceof GgufFamily)) {
                return;
            }
            try (GgufModel file = GgufModel.open(write(files, GgufType.F32)); LanguageModel model = CpuEngine.load(file, OPTIONS)) {
                assertThat(file.spec().stack()).isEqualTo(files.spec().stack());
                assertThat(file.spec().tiedEmbeddings()).isEqualTo(files.spec().tiedEmbeddings());
                isTheSame(golden, model);
            }
            try (GgufModel file = GgufModel.open(write(files, GgufType.F16)); LanguageModel model = CpuEngine.load(file, OPTIONS)) {
                float[] expected = floats(golden, "logits");
                float[] found = logits(golden, model);
                assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(expected, found)).isLessThan(5e-3);
            }
        }
    }

    private Path write(ModelDirectory files, GgufType type) {
        Path gguf = temporary.resolve(type + ".gguf");
        Map<String, TensorView> weights = DirectoryWeights.of(files, Map.of());
        GgufExport.write(gguf, files.spec(), weights::get, Map.of(), "golden", type);
        return gguf;
    }

    private static void isTheSame(Path golden, LanguageModel model) {
        float[] expected = floats(golden, "logits");
        float[] found = logits(golden, model);
        double apart = 0;
        for (int i = 0; i < expected.length; i++) {
            apart = Math.max(apart, Math.abs(expected[i] - found[i]));
        }
        assertThat(apart).isLessThan(1e-4);
        int[] greedy = ids(golden, "greedy");
        int[] written = Arrays.copyOf(greedy, 5);
        try (KvCache cache = model.newCache(greedy.length)) {
            int[] next = written;
            while (written.length < greedy.length) {
                float[] logits = model.forward(List.of(new Span(cache, next, Logits.LAST))).getFirst();
                // the references were written with their end held back
                model.spec().eosIds().forEach(end -> logits[end] = Float.NEGATIVE_INFINITY);
                next = new int[] {DecoderOps.argmax(logits, 0, logits.length)};
                written = Arrays.copyOf(written, written.length + 1);
                written[written.length - 1] = next[0];
            }
        }
        assertThat(written).containsExactly(greedy);
    }

    private static float[] logits(Path golden, LanguageModel model) {
        int[] ids = ids(golden, "input_ids");
        int seq = ids.length / 2;
        float[] both = new float[ids.length * model.spec().vocabSize()];
        for (int row = 0; row < 2; row++) {
            try (KvCache cache = model.newCache(seq)) {
                float[] logits = model.forward(List.of(new Span(cache, Arrays.copyOfRange(ids, row * seq, (row + 1) * seq), Logits.ALL))).getFirst();
                System.arraycopy(logits, 0, both, row * logits.length, logits.length);
            }
        }
        return both;
    }

    private static int[] ids(Path golden, String name) {
        try (SafetensorsFile file = SafetensorsFile.open(golden.resolve("golden.safetensors"))) {
            TensorView view = file.tensors().get(name);
            int[] ids = new int[(int) view.elements()];
            Arrays.setAll(ids, i -> (int) view.data().getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i));
            return ids;
        }
    }

    private static float[] floats(Path golden, String name) {
        try (SafetensorsFile file = SafetensorsFile.open(golden.resolve("golden.safetensors"))) {
            return file.tensors().get(name).toFloats();
        }
    }
}
