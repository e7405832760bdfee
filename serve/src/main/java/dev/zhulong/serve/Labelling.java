package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.LogSumExp;
import dev.zhulong.text.encode.EncodedText;
import java.util.List;

/** One input of {@code /v1/classify}: what the network reads of it, and what the logits of its head say. */
interface Labelling {
    /** What is read, one piece or several. */
    List<EncodedText> pieces();

    /** Whether the end of a text is missing. */
    boolean cut();

    /** @param logits of each piece, as {@link dev.zhulong.infer.Encoder.Output} has them */
    void answer(List<float[]> logits, ObjectNode entry);

    /** Softmax of {@code count} logits from {@code at} on, in double. */
    static double[] probabilities(float[] logits, int at, int count) {
        double sum = LogSumExp.of(logits, at, count);
        double[] probabilities = new double[count];
        for (int i = 0; i < count; i++) {
            probabilities[i] = Math.exp(logits[at + i] - sum);
        }
        return probabilities;
    }
}
