package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.kernels.KvPages;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Logits and greedy text of a random Mixtral against transformers' ({@code ../shared/golden}), from the directory and from GGUF. */
class AMixtureRunsAsInTransformersTest {
    private static final Path GOLDEN = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/golden/arch/mixtral").normalize();

    private static final CpuOptions OPTIONS = new CpuOptions(2, KvPages.Format.F32, Route.LATENCY, new int[0]);

    @TempDir
    private static Path temporary;

    @BeforeAll
    static void isThere() {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not there");
    }

    @Test
    void onTheTorchEngine() throws IOException {
        try (LanguageModel model = TorchEngine.load(GOLDEN)) {
            isTheSame(model);
        }
    }

    @Test
    void onTheCpuEngine() throws IOException {
        try (ModelDirectory files = ModelDirectory.open(GOLDEN); LanguageModel model = CpuEngine.load(files, Optional.empty(), OPTIONS)) {
            isTheSame(model);
        }
    }

    @Test
    void fromGguf() throws IOException {
        Path gguf = temporary.resolve("mixtral.gguf");
        try (ModelDirectory files = ModelDirectory.open(GOLDEN)) {
            Map<String, TensorView> weights = files.weights();
            GgufExport.write(gguf, files.spec(), weights::get, Map.of(), "mixtral", GgufType.F32);
        }
        try (GgufModel file = GgufModel.open(gguf); LanguageModel model = CpuEngine.load(file, OPTIONS)) {
            isTheSame(model);
        }
    }

    private static void isTheSame(LanguageModel model) throws IOException {
        int[] ids = ids("input_ids");
        float[] expected = floats("logits");
        int seq = ids.length / 2;
        double apart = 0;
        for (int row = 0; row < 2; row++) {
            float[] logits = run(model, Arrays.copyOfRange(ids, row * seq, (row + 1) * seq), Logits.ALL);
            for (int i = 0; i < logits.length; i++) {
                apart = Math.max(apart, Math.abs(logits[i] - expected[row * logits.length + i]));
            }
        }
        assertThat(apart).isLessThan(1e-4);
        int[] greedy = ids("greedy");
        int[] written = Arrays.copyOf(greedy, 5);
        while (written.length < greedy.length) {
            float[] logits = run(model, written, Logits.LAST);
            int best = 0;
            for (int i = 1; i < logits.length; i++) {
                best = logits[i] > logits[best] ? i : best;
            }
            written = Arrays.copyOf(written, written.length + 1);
            written[written.length - 1] = best;
        }
        assertThat(written).containsExactly(greedy);
    }

    private static float[] run(LanguageModel model, int[] ids, Logits wanted) {
        try (KvCache cache = model.newCache(ids.length)) {
            return model.forward(List.of(new Span(cache, ids, wanted))).getFirst();
        }
    }

    private static int[] ids(String name) {
        try (SafetensorsFile file = SafetensorsFile.open(GOLDEN.resolve("golden.safetensors"))) {
            var view = file.tensors().get(name);
            int[] ids = new int[(int) view.elements()];
            Arrays.setAll(ids, i -> (int) view.data().getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i));
            return ids;
        }
    }

    private static float[] floats(String name) {
        try (SafetensorsFile file = SafetensorsFile.open(GOLDEN.resolve("golden.safetensors"))) {
            return file.tensors().get(name).toFloats();
        }
    }
}
