package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.infer.EmbeddingHead;
import dev.zhulong.infer.Encoder.Input;
import dev.zhulong.infer.Encoder.Output;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.TinyEncoder;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** States and logits of random encoders, and vectors of a real one, against transformers' ({@code ../shared/golden}). */
class EncodersRunAsInTransformersTest {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();

    @TempDir
    Path directory;

    private static CpuEncoder open(Path directory, Optional<WeightType> type) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEncoder.load(files, type, 2);
        }
    }

    private static Path shared(String name) {
        Path path = SHARED.resolve(name);
        assumeTrue(Files.isDirectory(path), path + " is not there");
        return path;
    }

    /** Padded positions too: they see what is not padded. */
    @ParameterizedTest
    @ValueSource(strings = {"bert_mlm", "bert_classify", "bert_tokens", "bert_qa", "roberta_classify", "xlm_roberta_tokens", "distilbert_mlm",
        "modernbert_mlm", "deberta_v2_classify"})
    void statesAndLogits(String name) {
        Path golden = shared("golden/arch/" + name);
        try (var file = SafetensorsFile.open(golden.resolve("golden.safetensors")); CpuEncoder model = open(golden, Optional.empty())) {
            int rows = (int) file.tensor("input_ids").shape()[0];
            int n = (int) file.tensor("input_ids").shape()[1];
            var inputs = new ArrayList<Input>();
            for (int row = 0; row < rows; row++) {
                boolean[] seen = new boolean[n];
                int[] mask = ids(file.tensor("attention_mask"), row, n);
                for (int i = 0; i < n; i++) {
                    seen[i] = mask[i] == 1;
                }
                inputs.add(new Input(ids(file.tensor("input_ids"), row, n), new int[0], seen, true));
            }
            List<Output> outputs = model.encode(inputs);
            EncoderSpec spec = model.spec();
            float[] states = new float[rows * n * spec.hiddenSize()];
            int each = outputs.getFirst().logits().length;
            float[] logits = new float[rows * each];
            for (int row = 0; row < rows; row++) {
                System.arraycopy(outputs.get(row).states(), 0, states, row * n * spec.hiddenSize(), n * spec.hiddenSize());
                System.arraycopy(outputs.get(row).logits(), 0, logits, row * each, each);
            }
            isNear(states, file.tensor("last_hidden_state").toFloats(), 1e-4);
            if (spec.head() instanceof Head.Spans) {
                isNear(every(logits, 0), file.tensor("start_logits").toFloats(), 1e-4);
                isNear(every(logits, 1), file.tensor("end_logits").toFloats(), 1e-4);
            } else {
                isNear(logits, file.tensor("logits").toFloats(), 1e-4);
            }
        }
    }

    @Test
    void vectorsOfSentences() throws IOException {
        Path minilm = shared("assets/all-MiniLM-L6-v2");
        EmbeddingHead head = EmbeddingHead.open(minilm, EmbeddingConfig.read(minilm));
        try (CpuEncoder model = open(minilm, Optional.empty())) {
            for (var text : JsonFields.MAPPER.readTree(Files.readAllBytes(minilm.resolve("golden.json")))) {
                if (text.path("ids").isArray()) {
                    int[] ids = JsonFields.MAPPER.convertValue(text.get("ids"), int[].class);
                    float[] vector = head.vector(model.encode(List.of(Input.of(ids))).getFirst().states(), ids.length, 0);
                    isNear(vector, JsonFields.MAPPER.convertValue(text.get("embedding"), float[].class), 1e-5);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Q8_0", "Q4_0", "INT4"})
    void quantizedOnesStayNear(String type) {
        Path minilm = shared("assets/all-MiniLM-L6-v2");
        int[] ids = {101, 1996, 3589, 1999, 14393, 7480, 2012, 3157, 1051, 1005, 5119, 1012, 102};
        EmbeddingHead head = EmbeddingHead.open(minilm, EmbeddingConfig.read(minilm));
        try (CpuEncoder plain = open(minilm, Optional.empty()); CpuEncoder rounded = open(minilm, Optional.of(WeightType.valueOf(type)))) {
            float[] a = head.vector(plain.encode(List.of(Input.of(ids))).getFirst().states(), ids.length, 0);
            float[] b = head.vector(rounded.encode(List.of(Input.of(ids))).getFirst().states(), ids.length, 0);
            double dot = 0;
            for (int i = 0; i < a.length; i++) {
                dot += a[i] * b[i];
            }
            assertThat(dot).isGreaterThan(type.equals("Q8_0") ? 0.999 : 0.95);
            assertThat(rounded.weightBytes()).isLessThan(plain.weightBytes());
        }
    }

    @Test
    void memoryIsToldBeforeItIsTaken() {
        for (EncoderSpec spec : TinyEncoder.heads("bert")) {
            TinyEncoder.save(spec, directory, 3);
            for (Optional<WeightType> type : List.of(Optional.<WeightType>empty(), Optional.of(WeightType.Q8_0))) {
                try (ModelDirectory files = ModelDirectory.open(directory); CpuEncoder model = CpuEncoder.load(files, type, 1)) {
                    MemoryEstimate told = CpuMemory.ofEncoder(files, type);
                    assertThat(told.weights()).isBetween(model.weightBytes(), model.weightBytes() * 3 / 2 + 64 * 256 * 4);
                    assertThat(told.buffers()).isPositive();
                }
            }
        }
    }

    @Test
    void aDecoderIsRefusedByName() {
        Path stories = shared("assets/stories260K");
        assertThatThrownBy(() -> open(stories, Optional.empty())).isInstanceOf(FormatException.class)
                .hasMessageContaining("expected an encoder such as BERT, found a LLAMA decoder");
    }

    private static float[] every(float[] pairs, int which) {
        float[] one = new float[pairs.length / 2];
        for (int i = 0; i < one.length; i++) {
            one[i] = pairs[2 * i + which];
        }
        return one;
    }

    private static int[] ids(TensorView view, int row, int n) {
        long[] all = view.data().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
        return Arrays.stream(all, row * n, (row + 1) * n).mapToInt(Math::toIntExact).toArray();
    }

    private static void isNear(float[] found, float[] expected, double tolerance) {
        assertThat(found).hasSameSizeAs(expected);
        double largest = 0;
        for (int i = 0; i < found.length; i++) {
            largest = Math.max(largest, Double.isNaN(found[i]) ? Double.POSITIVE_INFINITY : Math.abs(found[i] - expected[i]));
        }
        assertThat(largest).isLessThan(tolerance);
    }
}
