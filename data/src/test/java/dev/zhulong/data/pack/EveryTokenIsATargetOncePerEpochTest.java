package dev.zhulong.data.pack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.ShiftedBytes;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.shard.ShardConfig;
import dev.zhulong.data.shard.ShardWriter;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.formats.progress.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EveryTokenIsATargetOncePerEpochTest {
    @TempDir
    Path directory;

    /** Documents of 1 to {@code longest} tokens (EOS included) whose pairs of neighbours are nearly all different. */
    private TokenShards shards(String name, int count, int longest, long seed) {
        var random = new Random(seed);
        var documents = IntStream.range(0, count).mapToObj(i -> {
            var text = new StringBuilder();
            for (int length = random.nextInt(longest); length > 0; length--) {
                text.append((char) ('!' + random.nextInt(90)));
            }
            return new Document("d" + i, text.toString());
        });
        return ShardWriter.write(documents, 0, new ShiftedBytes(), new ShardConfig("t", name, true, 97), directory.resolve(name),
                Progress.SILENT);
    }

    private static Map<Long, Integer> pairs(TokenShards shards, int times) {
        var pairs = new HashMap<Long, Integer>();
        for (long d = 0; d < shards.documents(); d++) {
            int[] ids = shards.document(d);
            for (int i = 1; i < ids.length; i++) {
                pairs.merge((long) ids[i - 1] << 32 | ids[i], times, Integer::sum);
            }
        }
        return pairs;
    }

    private static void add(Batch batch, Map<Long, Integer> pairs) {
        for (int i = 0; i < batch.tokens().length; i++) {
            if (batch.targets()[i] != Batch.NO_TARGET) {
                pairs.merge((long) batch.tokens()[i] << 32 | batch.targets()[i], 1, Integer::sum);
            }
        }
    }

    @Test
    void overRanksAndEpochsForAllShapes() {
        int shape = 0;
        for (int[] c : new int[][] {{1, 1, 1, 1, 5}, {1, 40, 7, 2, 3}, {30, 1, 4, 3, 2}, {50, 60, 16, 2, 3}, {50, 60, 16, 5, 1}, {17, 200, 8, 1, 4},
            {200, 9, 64, 4, 2}, {3, 5, 100, 2, 2}}) {
            try (var shards = shards("s" + shape++, c[0], c[1], 100 + shape)) {
                int seq = c[2];
                int batch = c[3];
                int ranks = c[4];
                var rows = new PackedRows(shards, seq, 42);
                // After batch * ranks epochs the epochs end where a step ends.
                int epochs = batch * ranks;
                var found = new HashMap<Long, Integer>();
                for (int rank = 0; rank < ranks; rank++) {
                    var batches = new Batches(rows, batch, rank, ranks);
                    for (long step = 0; step < rows.rowsPerEpoch(); step++) {
                        add(batches.get(step), found);
                    }
                }
                assertThat(found).isEqualTo(pairs(shards, epochs));
                var once = new HashMap<Long, Integer>();
                add(new Batches(rows, 1).range(rows.rowsPerEpoch() * 3, Math.toIntExact(rows.rowsPerEpoch())), once);
                assertThat(once).isEqualTo(pairs(shards, 1));
            }
        }
    }

    @Test
    void rowsKeepDocumentsApart() {
        try (var shards = shards("apart", 80, 50, 3)) {
            var rows = new PackedRows(shards, 32, 1);
            Batch batch = new Batches(rows, 1).range(0, (int) rows.rowsPerEpoch());
            int eos = 256;
            int inputs = 0;
            for (int i = 0; i < batch.tokens().length; i++) {
                boolean first = i % 32 == 0;
                boolean sameDocument = !first && batch.documents()[i] == batch.documents()[i - 1];
                assertThat(batch.positions()[i]).isEqualTo(sameDocument ? batch.positions()[i - 1] + 1 : 0);
                if (first) {
                    assertThat(batch.documents()[i]).isZero();
                } else {
                    assertThat(batch.documents()[i]).isBetween(batch.documents()[i - 1], batch.documents()[i - 1] + 1);
                    if (sameDocument && batch.targets()[i - 1] != Batch.NO_TARGET) {
                        assertThat(batch.targets()[i - 1]).isEqualTo(batch.tokens()[i]);
                    }
                }
                if (batch.tokens()[i] == eos) {
                    assertThat(batch.targets()[i]).isEqualTo(Batch.NO_TARGET);
                    if (i % 32 < 31) {
                        assertThat(batch.documents()[i + 1]).isEqualTo(batch.documents()[i] + 1);
                    }
                }
                inputs += batch.tokens()[i] == 0 ? 0 : 1;
            }
            assertThat(inputs).isEqualTo((int) shards.tokens());
            assertThat(batch.supervised()).isEqualTo((int) (shards.tokens() - shards.documents()));
        }
    }

    @Test
    void aStepIsTheSameWhoeverAsksWhenever() {
        try (var shards = shards("pure", 60, 40, 5)) {
            var batches = new Batches(new PackedRows(shards, 24, 9), 3, 1, 2);
            long[] steps = {40, 3, 0, 7, 19, 3, 40, 100};
            var first = new HashMap<Long, int[]>();
            for (long step : steps) {
                int[] tokens = batches.get(step).tokens();
                assertThat(first.computeIfAbsent(step, _ -> tokens)).isEqualTo(tokens);
                assertThat(new Batches(new PackedRows(shards, 24, 9), 3, 1, 2).get(step).tokens()).isEqualTo(tokens);
            }
            assertThat(new Batches(new PackedRows(shards, 24, 10), 3, 1, 2).get(3).tokens()).isNotEqualTo(first.get(3L));
            var rows = new PackedRows(shards, 24, 9);
            int n = (int) rows.rowsPerEpoch();
            assertThat(new Batches(rows, 1).range(0, n).tokens()).isNotEqualTo(new Batches(rows, 1).range(n, n).tokens());
        }
    }

    @Test
    void mixturesHoldTheirSharesAndTakeEachSourceWithoutGaps() {
        try (var a = shards("a", 60, 40, 6); var b = shards("b", 9, 40, 7); var c = shards("c", 5, 30, 8)) {
            var rowsA = new PackedRows(a, 16, 1);
            var rowsB = new PackedRows(b, 16, 2);
            var rowsC = new PackedRows(c, 16, 3);
            var mixed = new MixedRows(List.of(new MixedRows.Source(rowsA, 6), new MixedRows.Source(rowsB, 1.9), new MixedRows.Source(rowsC, 0.1)));
            List<Rows> sources = List.of(rowsA, rowsB, rowsC);
            var next = new long[3];
            for (long row = 0; row < 3000; row++) {
                int source = -1;
                for (int s = 0; s < 3; s++) {
                    if (mixed.rowsOf(s, row + 1) > mixed.rowsOf(s, row)) {
                        assertThat(source).isEqualTo(-1);
                        source = s;
                    }
                }
                var expected = new Batch(1, 16);
                sources.get(source).fill(next[source]++, expected, 0);
                assertThat(new Batches(mixed, 1).range(row, 1).tokens()).isEqualTo(expected.tokens());
                assertThat(Math.abs(next[0] - 0.75 * (row + 1))).isLessThan(3);
            }
            assertThat(next[1] / 3000.0).isCloseTo(0.2375, org.assertj.core.api.Assertions.within(0.002));
            assertThat(mixed.rowsOf(2, MixedRows.PERIOD)).isEqualTo(13);
            assertThatThrownBy(() -> new MixedRows(List.of(new MixedRows.Source(rowsA, 1),
                    new MixedRows.Source(new PackedRows(b, 8, 1), 1)))).hasMessageContaining("different lengths");
        }
    }

    @Test
    void windowsAreUniformOverTheStreamAndIgnoreBoundaries() {
        try (var shards = shards("w", 30, 30, 11)) {
            var stream = new int[(int) shards.tokens()];
            shards.copyStream(0, stream, 0, stream.length);
            var rows = new WindowRows(shards, 8, 4);
            int places = stream.length - 8;
            var seen = new HashSet<Integer>();
            Batch batch = new Batches(rows, 1).range(0, 20 * places);
            for (int row = 0; row < 20 * places; row++) {
                int[] tokens = Arrays.copyOfRange(batch.tokens(), row * 8, row * 8 + 8);
                int place = 0;
                while (!Arrays.equals(tokens, Arrays.copyOfRange(stream, place, place + 8))) {
                    place++;
                }
                seen.add(place);
                assertThat(Arrays.copyOfRange(batch.targets(), row * 8, row * 8 + 8)).isEqualTo(Arrays.copyOfRange(stream, place + 1, place + 9));
            }
            assertThat(seen).hasSize(places);
            assertThatThrownBy(() -> new WindowRows(shards, stream.length, 0)).hasMessageContaining("don't fit");
        }
    }

    @Test
    void aPermutationTakesEachNumberOnceAndMixes() {
        for (long n : new long[] {1, 2, 3, 4, 5, 63, 64, 65, 1000, 4097}) {
            var order = new ArrayList<Long>();
            var permutation = new Permutation(n, n * 7);
            for (long i = 0; i < n; i++) {
                order.add(permutation.at(i));
            }
            assertThat(new HashSet<>(order)).hasSize((int) n).allMatch(v -> v >= 0 && v < n);
        }
        // Each of 5 numbers comes first equally often over seeds: chi-square with 4 degrees of freedom, 99.9 % below 18.5.
        var first = new int[5];
        for (int seed = 0; seed < 10_000; seed++) {
            first[(int) new Permutation(5, Mix.mix(1, seed)).at(0)]++;
        }
        assertThat(Arrays.stream(first).mapToDouble(f -> (f - 2000.0) * (f - 2000.0) / 2000).sum()).isLessThan(18.5);
    }
}
