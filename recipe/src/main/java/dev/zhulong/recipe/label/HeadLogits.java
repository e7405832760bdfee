package dev.zhulong.recipe.label;

import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.data.pack.EncoderBatches;
import dev.zhulong.data.pack.EncoderRows;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.model.Encoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** What a head says of rows, in numbers. */
public final class HeadLogits {
    private HeadLogits() {}

    /**
     * The logits of each row, in the order of the rows: {@code [outputs]} of classes, else {@code [tokens · outputs]}.
     *
     * @param batch rows that are read together; those of about equal length are
     */
    public static List<float[]> of(Encoder model, EncoderRows rows, int batch) {
        boolean whole = model.spec().head() instanceof Head.Classes;
        int outputs = model.spec().outputs();
        float[][] all = new float[rows.size()][];
        for (int[] numbers : EncoderBatches.byLength(rows, batch)) {
            EncoderBatch together = EncoderBatches.of(rows, numbers, model.spec().padId());
            try (var scope = TensorScope.open();
                    var off = NoGrad.open()) {
                float[] flat = model.logits(model.states(together.ids(), together.types(), together.visible(), together.rows()), together.visible()).toFloats();
                int each = flat.length / together.rows();
                for (int i = 0; i < numbers.length; i++) {
                    all[numbers[i]] = Arrays.copyOfRange(flat, i * each, i * each + (whole ? each : together.lengths()[i] * outputs));
                }
            }
        }
        return List.of(all);
    }

    public static double[] softmax(float[] logits) {
        float most = logits[largest(logits)];
        double[] p = IntStream.range(0, logits.length).mapToDouble(i -> Math.exp(logits[i] - most)).toArray();
        double sum = Arrays.stream(p).sum();
        return Arrays.stream(p).map(each -> each / sum).toArray();
    }

    static double[] sigmoid(float[] logits) {
        return IntStream.range(0, logits.length).mapToDouble(i -> 1 / (1 + Math.exp(-logits[i]))).toArray();
    }

    /** Number of the largest; the first of several. */
    static int largest(float[] logits) {
        return largest(logits, logits.length)[0];
    }

    /** The same of each row of {@code [rows · outputs]}. */
    static int[] largest(float[] logits, int outputs) {
        int[] found = new int[logits.length / outputs];
        for (int row = 0; row < found.length; row++) {
            for (int c = 1; c < outputs; c++) {
                if (logits[row * outputs + c] > logits[row * outputs + found[row]]) {
                    found[row] = c;
                }
            }
        }
        return found;
    }

    /** One of the outputs, of each row of each of {@code [rows · outputs]}. */
    static List<float[]> each(List<float[]> logits, int which, int outputs) {
        return logits.stream().map(rows -> {
            float[] out = new float[rows.length / outputs];
            for (int i = 0; i < out.length; i++) {
                out[i] = rows[i * outputs + which];
            }
            return out;
        }).toList();
    }
}
