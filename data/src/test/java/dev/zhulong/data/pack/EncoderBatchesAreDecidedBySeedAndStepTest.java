package dev.zhulong.data.pack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.text.encode.EncodedText;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EncoderBatchesAreDecidedBySeedAndStepTest {
    /** Row n begins with n + 1000 and has label n. */
    private static EncoderRows rows(int n, int longest) {
        var random = new Random(5);
        List<EncoderRow> rows = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            int[] ids = new int[1 + random.nextInt(longest)];
            Arrays.fill(ids, 7);
            ids[0] = 1000 + i;
            rows.add(new EncoderRow(ids, new int[ids.length], new int[] {i}));
        }
        return EncoderRows.of(rows, false);
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "7,3,1", "100,8,1", "100,7,3", "5,8,1", "5,4,3", "1003,16,2"})
    void everyRowOnceAnEpochOverAllRanks(int n, int batch, int ranks) {
        EncoderRows rows = rows(n, 30);
        List<Integer> seen = new ArrayList<>();
        List<EncoderBatches> each = IntStream.range(0, ranks).mapToObj(rank -> new EncoderBatches(rows, 0, batch, rank, ranks, 9)).toList();
        for (long step = 0; seen.size() < 4 * n; step++) {
            for (EncoderBatches rank : each) {
                EncoderBatch got = rank.get(step);
                assertThat(got.rows()).isEqualTo(batch);
                for (int label : got.labels()) {
                    seen.add(label);
                }
            }
        }
        for (int epoch = 0; epoch < 4; epoch++) {
            assertThat(seen.subList(epoch * n, (epoch + 1) * n)).doesNotHaveDuplicates();
        }
        if (n > 50) {
            assertThat(seen.subList(0, n)).isNotEqualTo(seen.subList(n, 2 * n));
        }
    }

    @Test
    void theSameBatchForTheSameStepAndAnotherForAnotherSeed() {
        EncoderRows rows = rows(500, 60);
        var one = new EncoderBatches(rows, 0, 8, 1);
        var late = new EncoderBatches(rows, 0, 8, 1).get(321);
        for (long step = 0; step < 321; step++) {
            one.get(step);
        }
        assertThat(one.get(321).ids()).isEqualTo(late.ids());
        assertThat(new EncoderBatches(rows, 0, 8, 2).get(0).labels()).isNotEqualTo(one.get(0).labels());
        assertThat(one.stepsPerEpoch()).isEqualTo(63);
    }

    @Test
    void littleIsFilledUp() {
        EncoderRows rows = rows(4000, 100);
        var batches = new EncoderBatches(rows, 0, 16, 3);
        long filled = 0;
        long tokens = 0;
        for (long step = 0; step < batches.stepsPerEpoch(); step++) {
            EncoderBatch batch = batches.get(step);
            tokens += Arrays.stream(batch.lengths()).sum();
            filled += (long) batch.rows() * batch.width() - Arrays.stream(batch.lengths()).sum();
        }
        // rows as they come would fill up nine tenths as much as they hold
        assertThat((double) filled / tokens).isLessThan(0.05);
    }

    @Test
    void rowsAreFilledUpOnTheRight() {
        var batch = EncoderBatch.of(List.of(new EncoderRow(new int[] {1, 2, 3}, new int[] {0, 0, 1}, new int[] {-100, 4, 5}),
                new EncoderRow(new int[] {6}, new int[] {1}, new int[] {7})), 9, true);
        assertThat(batch.ids()).containsExactly(1, 2, 3, 6, 9, 9);
        assertThat(batch.types()).containsExactly(0, 0, 1, 1, 0, 0);
        assertThat(batch.labels()).containsExactly(-100, 4, 5, 7, -100, -100);
        assertThat(batch.mask()).containsExactly(1, 1, 1, 1, 0, 0);
        assertThat(batch.supervised()).isEqualTo(3);
        var spans = EncoderBatch.of(List.of(new EncoderRow(new int[] {1, 2}, new int[2], new int[] {0, 1}), new EncoderRow(new int[] {1}, new int[1], new int[] {0, 0})), 0, false);
        assertThat(spans.labels()).containsExactly(0, 1, 0, 0);
    }

    @Test
    void evaluationTakesEveryRowOnceByLength() {
        EncoderRows rows = rows(103, 40);
        List<int[]> batches = EncoderBatches.byLength(rows, 10);
        assertThat(batches.stream().flatMapToInt(Arrays::stream).sorted().toArray()).isEqualTo(IntStream.range(0, 103).toArray());
        assertThat(batches).hasSize(11);
        assertThat(EncoderBatches.of(rows, batches.getFirst(), 0).labels()).isEqualTo(batches.getFirst());
        assertThat(EncoderBatches.of(rows, batches.getLast(), 0).width()).isEqualTo(IntStream.range(0, 103).map(rows::length).max().orElseThrow());
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> EncoderRows.of(List.of(new EncoderRow(new int[2], new int[2], new int[1])), true)).hasMessageContaining("row 0 has 1 labels and 2 tokens");
        assertThatThrownBy(() -> new EncoderBatches(EncoderRows.of(List.of(), false), 0, 1, 1)).hasMessageContaining("no rows");
        assertThatThrownBy(() -> new EncoderBatches(rows(3, 3), 0, 1, 2, 2, 1)).hasMessageContaining("rank 2 of 2");
    }

    /** Special, then words of 1, 2, 3, 1, 2, 3, ... tokens, then special. */
    private static EncodedText input(int tokens) {
        int n = tokens + 2;
        var input = new EncodedText(new int[n], new int[n], new int[n], new int[n], new int[n], new int[n]);
        int word = 0;
        int left = 1;
        for (int i = 1; i <= tokens; i++) {
            input.ids()[i] = 100 + i;
            input.words()[i] = word;
            if (--left == 0) {
                word++;
                left = 1 + word % 3;
            }
        }
        for (int i : new int[] {0, n - 1}) {
            input.ids()[i] = 1 + i % 2;
            input.parts()[i] = EncodedText.SPECIAL;
            input.words()[i] = EncodedText.SPECIAL;
        }
        return input;
    }

    private static TokenMasking masking(boolean words, long seed) {
        return new TokenMasking(TokenMasking.SHARE, words, 3, 1000, id -> id >= 50, seed);
    }

    @ParameterizedTest
    @CsvSource({"false", "true"})
    void aTenthEachAreOtherTokensAndTheSameAndSpecialsNever(boolean words) {
        EncodedText input = input(200);
        int masked = 0;
        int same = 0;
        int other = 0;
        for (int row = 0; row < 500; row++) {
            EncoderRow got = masking(words, 1).masked(input, row, 0);
            int chosen = 0;
            for (int i = 0; i < got.length(); i++) {
                if (got.labels()[i] == Batch.NO_TARGET) {
                    assertThat(got.ids()[i]).isEqualTo(input.ids()[i]);
                    continue;
                }
                chosen++;
                assertThat(input.isSpecial(i)).isFalse();
                assertThat(got.labels()[i]).isEqualTo(input.ids()[i]);
                masked += got.ids()[i] == 3 ? 1 : 0;
                same += got.ids()[i] == input.ids()[i] ? 1 : 0;
                other += got.ids()[i] != 3 && got.ids()[i] != input.ids()[i] ? 1 : 0;
                assertThat(got.ids()[i] == 3 || got.ids()[i] >= 50).isTrue();
            }
            assertThat(chosen).isBetween(words ? 28 : 30, 30);
        }
        double all = masked + same + other;
        assertThat(masked / all).isBetween(0.785, 0.815);
        assertThat(same / all).isBetween(0.09, 0.11);
        assertThat(other / all).isBetween(0.09, 0.11);
    }

    @Test
    void wordsAreChosenWhole() {
        EncodedText input = input(60);
        for (int row = 0; row < 200; row++) {
            EncoderRow got = masking(true, 4).masked(input, row, 0);
            for (int i = 2; i <= 60; i++) {
                if (input.words()[i] == input.words()[i - 1]) {
                    assertThat(got.labels()[i] == Batch.NO_TARGET).isEqualTo(got.labels()[i - 1] == Batch.NO_TARGET);
                }
            }
        }
    }

    @Test
    void everyEpochMasksAnewAndEveryPlaceAlike() {
        EncoderRows rows = masking(false, 2).over(List.of(input(40), input(40)));
        assertThat(rows.get(0, 3).ids()).isEqualTo(rows.get(0, 3).ids());
        assertThat(rows.get(0, 3).labels()).isNotEqualTo(rows.get(0, 4).labels());
        assertThat(rows.get(0, 3).labels()).isNotEqualTo(rows.get(1, 3).labels());
        int[] counts = new int[42];
        for (int epoch = 0; epoch < 4000; epoch++) {
            int[] labels = rows.get(0, epoch).labels();
            for (int i = 0; i < labels.length; i++) {
                counts[i] += labels[i] == Batch.NO_TARGET ? 0 : 1;
            }
        }
        // 6 of 40, with a standard deviation of about 23
        assertThat(Arrays.stream(counts, 1, 41).boxed()).allMatch(count -> count > 500 && count < 700);
        assertThat(counts[0] + counts[41]).isZero();
    }

    @Test
    void aRowOfSpecialTokensAloneHasNothingToGuess() {
        EncoderRow got = masking(true, 1).masked(input(0), 0, 0);
        assertThat(got.labels()).containsOnly(Batch.NO_TARGET);
        EncoderRow one = masking(false, 1).masked(input(1), 0, 0);
        assertThat(one.labels()[1]).isEqualTo(101);
    }
}
