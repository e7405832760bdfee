package dev.zhulong.infer.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.infer.TinyEncoderDecoder;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a {@link Continuation} owes a search. */
public abstract class ContinuationContract {
    private static final double ROUNDING = 2e-5;

    private Continuations model;

    /** A model that knows the ids below 256. */
    protected abstract Continuations open();

    protected abstract void free();

    @BeforeEach
    void begin() {
        model = open();
    }

    @AfterEach
    void end() {
        free();
    }

    private static int[] source(int length, long seed) {
        return new SplittableRandom(seed).ints(length, 2, 256).toArray();
    }

    /** What follows the last of {@code tokens}, which are given one after the other. */
    private float[] alone(int[] source, int... tokens) {
        try (Continuation row = model.begin(List.of(source))) {
            float[] logits = null;
            for (int token : tokens) {
                logits = row.append(new int[] {token})[0];
            }
            return logits;
        }
    }

    private static void assertSame(float[] found, float[] expected) {
        assertThat(found).containsExactly(expected, within((float) ROUNDING));
    }

    @Test
    protected void sourcesOfUnequalLengthsDoNotMix() {
        int[][] sources = {source(3, 1), source(70, 2), source(1, 3)};
        try (Continuation rows = model.begin(List.of(sources))) {
            rows.append(new int[] {0, 0, 0});
            float[][] logits = rows.append(new int[] {5, 6, 7});
            for (int row = 0; row < sources.length; row++) {
                assertSame(logits[row], alone(sources[row], 0, 5 + row));
            }
        }
    }

    /** Beams part, the texts that are over leave, and each goes on with its own tokens and its own source. */
    @Test
    protected void rowsThatAreChosenGoOnAsTheyWere() {
        int[] first = source(9, 4);
        int[] second = source(20, 5);
        try (Continuation rows = model.begin(List.of(first, second))) {
            rows.choose(new int[] {0, 0, 1, 1});
            rows.append(new int[] {0, 0, 0, 0});
            rows.append(new int[] {5, 6, 7, 8});
            rows.choose(new int[] {1, 1, 3, 0});
            rows.append(new int[] {11, 12, 13, 14});
            rows.choose(new int[] {2, 1});
            float[][] logits = rows.append(new int[] {21, 22});
            assertSame(logits[0], alone(second, 0, 8, 13, 21));
            assertSame(logits[1], alone(first, 0, 6, 12, 22));
        }
    }

    /** Longer than any unit in which an engine may keep what was written. */
    @Test
    protected void longTextsPartToo() {
        int[] source = source(12, 6);
        int[] begun = source(70, 7);
        try (Continuation rows = model.begin(List.of(source))) {
            for (int token : begun) {
                rows.append(new int[] {token});
            }
            rows.choose(new int[] {0, 0});
            rows.append(new int[] {31, 32});
            float[][] logits = rows.append(new int[] {33, 33});
            for (int row = 0; row < 2; row++) {
                int[] all = Arrays.copyOf(begun, 72);
                all[70] = 31 + row;
                all[71] = 33;
                assertSame(logits[row], alone(source, all));
            }
        }
    }

    @Test
    protected void aSourceWithoutTokensIsRefused() {
        assertThatThrownBy(() -> model.begin(List.of(source(3, 1), new int[0])).close()).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("there is no text to read");
    }

    @Test
    protected void theModelIsSaidAsItIs() {
        assertThat(model.spec().vocabSize()).isEqualTo(TinyEncoderDecoder.VOCAB);
    }
}
