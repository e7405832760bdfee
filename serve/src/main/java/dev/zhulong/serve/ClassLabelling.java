package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.serve.EncoderTexts.Read;
import dev.zhulong.text.encode.EncodedText;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** A text, or two, and the labels a head of classes gives them: all or the likeliest {@code most}, the likeliest first. */
record ClassLabelling(Head.Classes head, Read read, int most) implements Labelling {
    @Override
    public List<EncodedText> pieces() {
        return List.of(read.tokens());
    }

    @Override
    public boolean cut() {
        return read.cut();
    }

    @Override
    public void answer(List<float[]> logits, ObjectNode entry) {
        float[] own = logits.getFirst();
        entry.put("object", "classification");
        if (head.problem() == Problem.REGRESSION) {
            var values = entry.putArray("values");
            for (int i = 0; i < own.length; i++) {
                values.addObject().put("label", head.labels().get(i)).put("value", own[i]);
            }
            return;
        }
        double[] probabilities = head.problem() == Problem.SINGLE_LABEL ? Labelling.probabilities(own, 0, own.length) : sigmoids(own);
        List<Integer> order = IntStream.range(0, own.length).boxed().sorted(Comparator.comparingDouble((Integer i) -> own[i]).reversed()).toList();
        if (head.problem() == Problem.SINGLE_LABEL) {
            entry.put("label", head.labels().get(order.getFirst())).put("probability", probabilities[order.getFirst()]);
        }
        var labels = entry.putArray("labels");
        order.stream().limit(most).forEach(i -> labels.addObject().put("label", head.labels().get(i)).put("probability", probabilities[i]));
    }

    private static double[] sigmoids(float[] logits) {
        return IntStream.range(0, logits.length).mapToDouble(i -> 1 / (1 + Math.exp(-logits[i]))).toArray();
    }
}
