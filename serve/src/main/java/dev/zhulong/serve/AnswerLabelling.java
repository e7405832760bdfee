package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.encode.AnswerSearch;
import dev.zhulong.text.encode.AnswerSearch.Answer;
import dev.zhulong.text.encode.EncodedText;
import java.util.List;

/** A question and where in a context its answer stands, which may be longer than an input: it is read in windows. */
record AnswerLabelling(String context, List<EncodedText> pieces, AnswerSearch search) implements Labelling {
    @Override
    public boolean cut() {
        return false;
    }

    @Override
    public void answer(List<float[]> logits, ObjectNode entry) {
        List<float[]> starts = logits.stream().map(each -> column(each, 0)).toList();
        List<float[]> ends = logits.stream().map(each -> column(each, 1)).toList();
        Answer answer = search.find(context, pieces, starts, ends);
        double none = logits.stream().mapToDouble(each -> (double) each[0] + each[1]).min().orElseThrow();
        entry.put("object", "answer").put("answer", answer.text());
        Characters.place(entry, context, answer.from(), answer.to()).put("score", answer.score()).put("probability", answer.probability()).put("null_score", none);
    }

    private static float[] column(float[] logits, int column) {
        float[] values = new float[logits.length / 2];
        for (int i = 0; i < values.length; i++) {
            values[i] = logits[2 * i + column];
        }
        return values;
    }
}
