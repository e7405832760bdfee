package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.evaluate.task.Likelihoods.Scored;
import dev.zhulong.text.ByteTokenizer;
import dev.zhulong.text.Tokenizer;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Traps 19, 72 and 73. */
class LikelihoodsAreThoseOfTheContinuationTest {
    private final ByteModel model = ByteModel.hashed(64);
    private final Likelihoods likelihoods = new Likelihoods(model, new ByteTokenizer(true, true));

    /** ln p(continuation | context), from the definition. */
    private static double oracle(String context, String continuation) {
        double sum = 0;
        for (int i = 0; i < continuation.length(); i++) {
            float[] row = ByteModel.hashedRow(context + continuation.substring(0, i));
            double total = 0;
            for (float logit : row) {
                total += Math.exp(logit);
            }
            sum += row[continuation.charAt(i)] - Math.log(total);
        }
        return sum;
    }

    @Test
    void eachTokenIsPredictedByAllBeforeItAndByNothingElse() {
        double[] sums = likelihoods.of(List.of(likelihoods.text("The sky is", " blue"), likelihoods.text("The sky is", " black"),
                likelihoods.text("The sky is", "!")));
        assertThat(sums[0]).isCloseTo(oracle("The sky is", " blue"), within(1e-6));
        assertThat(sums[1]).isCloseTo(oracle("The sky is", " black"), within(1e-6));
        assertThat(sums[2]).isCloseTo(oracle("The sky is", "!"), within(1e-6));
        // one position off gives another number: the test can tell
        assertThat(oracle("The sky is ", "blue")).isNotCloseTo(oracle("The sky is", " blue"), within(0.1));
    }

    @Test
    void theContextIsReadOnceForAllChoices() {
        String context = "a context of some length before";
        likelihoods.of(List.of(likelihoods.text(context, " x"), likelihoods.text(context, " y"), likelihoods.text(context, " zz")));
        // BOS and the context and the common space once, then what is left of each but its last
        assertThat(model.read).isEqualTo(1 + context.length() + 1 + 1 + 2);
    }

    @Test
    void spaceAtTheContextsEndBelongsToTheContinuation() {
        Scored trailing = likelihoods.text("Answer: ", "yes");
        Scored leading = likelihoods.text("Answer:", " yes");
        assertThat(trailing.ids()).isEqualTo(leading.ids());
        assertThat(trailing.from()).isEqualTo(leading.from());
        assertThat(likelihoods.of(List.of(trailing))[0]).isCloseTo(oracle("Answer:", " yes"), within(1e-6));
    }

    @Test
    void aTokenOverTheSeamCountsAsTheContinuations() {
        // ": C" is one token (id 1) in a text that has it, as in some vocabularies
        var bytes = new ByteTokenizer(true, true);
        Tokenizer merging = (Tokenizer) Proxy.newProxyInstance(Tokenizer.class.getClassLoader(), new Class<?>[] {Tokenizer.class},
                (_, method, arguments) -> switch (method.getName()) {
                    case "encode" -> bytes.encode(((String) arguments[0]).replace(": C", "\u0001"));
                    case "bytes" -> (int) arguments[0] == 1 ? ": C".getBytes() : bytes.bytes((int) arguments[0]);
                    default -> method.invoke(bytes, arguments);
                });
        Scored scored = new Likelihoods(model, merging).text("Answer:", " C");
        assertThat(scored.ids()).hasSize(1 + "Answer".length() + 1);
        assertThat(scored.from()).isEqualTo(scored.ids().length - 1);
    }

    @Test
    void aWholeTextIsScoredAfterBos() {
        assertThat(likelihoods.of(List.of(likelihoods.text("", "He left.")))[0]).isCloseTo(oracle("", "He left."), within(1e-6));
    }

    @Test
    void whatDoesNotFitLosesItsFrontAndSaysSo() {
        String context = "x".repeat(100);
        Scored cut = likelihoods.text(context, " yes");
        assertThat(cut.cut()).isTrue();
        assertThat(cut.ids()).hasSize(65).startsWith(256);
        // BOS and the last 60 of the context, then the answer
        assertThat(likelihoods.of(List.of(cut))[0]).isCloseTo(oracle("x".repeat(60), " yes"), within(1e-6));
        assertThat(likelihoods.text("short", " yes").cut()).isFalse();
        assertThatThrownBy(() -> likelihoods.text("short", "y".repeat(80))).hasMessageContaining("does not fit the model's context of 64");
    }
}
