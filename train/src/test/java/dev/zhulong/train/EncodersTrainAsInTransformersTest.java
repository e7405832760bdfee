package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.TensorView;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** States, logits, losses and gradients of random encoders against transformers' ({@code ../shared/golden}), padding and all. */
class EncodersTrainAsInTransformersTest {
    private static final Path GOLDEN = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/golden/arch").normalize();

    @ParameterizedTest
    @ValueSource(strings = {"bert_mlm", "bert_classify", "bert_tokens", "bert_qa", "roberta_classify", "xlm_roberta_tokens", "distilbert_mlm",
        "modernbert_mlm", "deberta_v2_classify"})
    void theyAreTheSame(String name) throws IOException {
        Path directory = GOLDEN.resolve(name);
        assumeTrue(Files.isDirectory(directory), directory + " is not there");
        JsonNode golden = new ObjectMapper().readTree(directory.resolve("golden.json").toFile());
        try (Encoder model = EncoderFiles.load(directory); SafetensorsFile file = SafetensorsFile.open(directory.resolve("golden.safetensors"))) {
            EncoderBatch batch = batch(file, model);
            outputsAreTheSame(model, batch, file);
            for (boolean recompute : new boolean[] {false, true}) {
                model.requiresGrad(true);
                var objective = new HeadOfEncoder(model);
                Loss loss = objective.accumulate(batch, recompute);
                assertThat(loss.mean()).isCloseTo(golden.get("loss").asDouble(), within(1e-5));
                assertThat(objective.evaluate(batch).mean()).isCloseTo(loss.mean(), within(1e-6));
                golden.get("gradient_norms").properties().forEach(entry -> {
                    double expected = entry.getValue().asDouble();
                    assertThat(norm(model.parameters().get(entry.getKey())) / loss.count()).as(entry.getKey())
                            .isCloseTo(expected, within(1e-3 * expected + 1e-7));
                });
                model.parameters().values().forEach(Tensor::clearGrad);
            }
        }
    }

    private static double norm(Tensor weight) {
        double squares = 0;
        for (float value : weight.grad() == null ? new float[0] : weight.grad().toFloats()) {
            squares += (double) value * value;
        }
        return Math.sqrt(squares);
    }

    private static void outputsAreTheSame(Encoder model, EncoderBatch batch, SafetensorsFile file) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            boolean[] visible = new boolean[batch.ids().length];
            for (int i = 0; i < visible.length; i++) {
                visible[i] = batch.mask()[i] == 1;
            }
            Tensor states = model.states(batch.ids(), batch.types(), visible, batch.rows());
            near(states, file.tensors().get("last_hidden_state"));
            Tensor logits = model.logits(states);
            if (model.spec().head() instanceof Head.Spans) {
                near(logits.select(2, 0), file.tensors().get("start_logits"));
                near(logits.select(2, 1), file.tensors().get("end_logits"));
            } else {
                near(logits, file.tensors().get("logits"));
            }
        }
    }

    private static void near(Tensor ours, TensorView theirs) {
        assertThat(ours.shape()).isEqualTo(theirs.shape());
        assertThat(ours.toFloats()).as(theirs.name()).containsExactly(theirs.toFloats(), within(1e-4f));
    }

    private static EncoderBatch batch(SafetensorsFile file, Encoder model) {
        int[] ids = ints(file, "input_ids");
        int rows = (int) file.tensors().get("input_ids").shape()[0];
        int width = ids.length / rows;
        int[] mask = ints(file, "attention_mask");
        int[] lengths = new int[rows];
        for (int i = 0; i < mask.length; i++) {
            lengths[i / width] += mask[i];
        }
        int[] labels;
        if (model.spec().head() instanceof Head.Spans) {
            int[] starts = ints(file, "start_positions");
            int[] ends = ints(file, "end_positions");
            labels = new int[2 * rows];
            Arrays.setAll(labels, i -> i % 2 == 0 ? starts[i / 2] : ends[i / 2]);
        } else {
            labels = ints(file, "labels");
        }
        return new EncoderBatch(rows, width, ids, new int[ids.length], lengths, labels);
    }

    private static int[] ints(SafetensorsFile file, String name) {
        TensorView view = file.tensors().get(name);
        int[] ints = new int[(int) view.elements()];
        Arrays.setAll(ints, i -> (int) view.data().getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i));
        return ints;
    }
}
