package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What every way to exchange among ranks keeps. */
abstract class CollectivesContract {
    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    abstract Collectives over(Mesh mesh);

    /** Of the connections; null for none. */
    SSLContext encryption() {
        return null;
    }

    private static float[] values(int rank, int count, long seed) {
        var random = new Random(seed * 31 + rank);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(8) - 4));
        }
        return values;
    }

    /** In float, one rank after another. */
    private static float[] sum(int size, int count, long seed) {
        float[] sum = values(0, count, seed);
        for (int rank = 1; rank < size; rank++) {
            float[] next = values(rank, count, seed);
            for (int i = 0; i < count; i++) {
                sum[i] += next[i];
            }
        }
        return sum;
    }

    private static MemorySegment filled(Collectives ranks, float[] values) {
        MemorySegment memory = ranks.allocate((long) values.length * Float.BYTES);
        MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
        return memory;
    }

    @ParameterizedTest
    @CsvSource({"2,1", "4,1", "2,57", "3,57", "4,0", "2,64", "3,100003", "4,100003", "2,1000000", "5,4099"})
    void sumsAreThoseInTheOrderOfTheRanksBitForBit(int size, int count) throws Exception {
        float[] expected = sum(size, count, 1);
        for (Object result : Ranked.run(size, TIMEOUT, encryption(), this::over, ranks -> {
            MemorySegment memory = filled(ranks, values(ranks.rank(), count, 1));
            ranks.allReduce(new Call(1, "gradients"), memory);
            return memory.toArray(ValueLayout.JAVA_FLOAT);
        })) {
            assertThat(Arrays.equals((float[]) result, expected)).isTrue();
        }
    }

    @Test
    void howValuesAreCutIntoCallsDoesNotMatter() throws Exception {
        int count = 10_000;
        float[] expected = sum(3, count, 7);
        for (Object result : Ranked.run(3, TIMEOUT, encryption(), this::over, ranks -> {
            MemorySegment memory = filled(ranks, values(ranks.rank(), count, 7));
            for (int at = 0; at < count; at += 999) {
                ranks.allReduce(new Call(1, "bucket " + at), memory.asSlice(at * 4L, Math.min(999, count - at) * 4L));
            }
            return memory.toArray(ValueLayout.JAVA_FLOAT);
        })) {
            assertThat(Arrays.equals((float[]) result, expected)).isTrue();
        }
    }

    @Test
    void aReduceScatterLeavesOnesOwnPartAndSendsTheOthers() throws Exception {
        int size = 4;
        int count = 64 * 1000;
        float[] expected = sum(size, count, 3);
        var parts = new Parts(count, size);
        for (Object result : Ranked.run(size, TIMEOUT, encryption(), this::over, ranks -> {
            MemorySegment memory = filled(ranks, values(ranks.rank(), count, 3));
            long before = ranks.sentBytes();
            ranks.reduceScatter(new Call(1, "gradients"), memory);
            long sent = ranks.sentBytes() - before;
            int begin = (int) parts.begin(ranks.rank());
            int end = (int) parts.begin(ranks.rank() + 1);
            assertThat(Arrays.equals(memory.toArray(ValueLayout.JAVA_FLOAT), begin, end, expected, begin, end)).isTrue();
            return sent;
        })) {
            assertThat((double) (long) result / (4L * count)).isBetween(0.75, 0.7575);
        }
    }

    /** Runs of 57 values, of one, of none, and of many, as the tensors of a layer are; sums go on where those of an earlier call ended. */
    @ParameterizedTest
    @CsvSource({"2", "3", "4"})
    void runsAreCutEachByItselfAndSumsGoOnFromLeftToRight(int size) throws Exception {
        int[] counts = {57, 1, 0, 64 * 7, 100_003};
        for (Object result : Ranked.run(size, TIMEOUT, encryption(), this::over, ranks -> {
            List<MemorySegment> runs = new ArrayList<>();
            List<MemorySegment> sums = new ArrayList<>();
            try (var arena = Arena.ofConfined()) {
                for (int count : counts) {
                    runs.add(ranks.allocate((long) count * Float.BYTES));
                    sums.add(arena.allocate(new Parts(count, size).length(ranks.rank()) * Float.BYTES, 64));
                }
                long before = ranks.sentBytes();
                for (int call = 0; call < 3; call++) {
                    for (int run = 0; run < counts.length; run++) {
                        MemorySegment.copy(values(ranks.rank(), counts[run], 10 * call + run), 0, runs.get(run), ValueLayout.JAVA_FLOAT, 0, counts[run]);
                    }
                    ranks.reduceScatter(new Call(1, "batch " + call), runs, sums, call > 0);
                }
                for (int run = 0; run < counts.length; run++) {
                    new Parts(counts[run], size).in(runs.get(run), ranks.rank()).copyFrom(sums.get(run));
                }
                ranks.allGather(new Call(1, "sums"), runs);
                double floats = (ranks.sentBytes() - before) / 4.0;
                int all = Arrays.stream(counts).sum();
                assertThat(floats / all).isBetween(4.0 * (size - 1) / size * 0.99, 4.0 * (size - 1) / size * 1.02);
                return runs.stream().map(run -> run.toArray(ValueLayout.JAVA_FLOAT)).toList();
            }
        })) {
            for (int run = 0; run < counts.length; run++) {
                float[] expected = sum(size, counts[run], run);
                for (int call = 1; call < 3; call++) {
                    for (int rank = 0; rank < size; rank++) {
                        float[] next = values(rank, counts[run], 10 * call + run);
                        for (int i = 0; i < next.length; i++) {
                            expected[i] += next[i];
                        }
                    }
                }
                assertThat(result).isInstanceOf(List.class);
                assertThat(Arrays.equals((float[]) ((List<?>) result).get(run), expected)).as("run %d", run).isTrue();
            }
        }
    }

    @Test
    void eachRankGetsItsOwnMessages() throws Exception {
        long[] bytes = {5, 0, 300_000};
        for (Object result : Ranked.run(3, TIMEOUT, this::over, ranks -> {
            MemorySegment messages = ranks.allocate(300_005);
            messages.fill((byte) (1 + ranks.rank()));
            byte[] received = new byte[(int) bytes[ranks.rank()] * 3];
            MemorySegment memory = ranks.allocate(received.length);
            ranks.allToAll(new Call(1, "messages"), messages, bytes, memory);
            for (int i = 0; i < received.length; i++) {
                received[i] = (byte) (1 + i / bytes[ranks.rank()]);
            }
            assertThat(Arrays.equals(memory.toArray(ValueLayout.JAVA_BYTE), received)).isTrue();
            ranks.allGather(new Call(1, "all"), messages, bytes);
            byte[] all = messages.toArray(ValueLayout.JAVA_BYTE);
            return all[0] == 1 && all[4] == 1 && all[5] == 3 && all[all.length - 1] == 3;
        })) {
            assertThat(result).isEqualTo(true);
        }
    }

    /** Whole numbers, of which F32 rounds no sum: what was given is what went and what is left over all ranks, step for step, and all have what went. */
    @ParameterizedTest
    @CsvSource({"2,topk:0.01:4,200000", "3,topk:0.01:0,100003", "4,topk:0.1,57", "2,int8,100003", "3,int8,70001", "3,bf16,100003", "2,bf16,1", "4,int8,0"})
    void compressedSumsForgetNothing(int size, String how, int count) throws Exception {
        double[] summed = new double[count];
        double[] left = new double[count];
        int steps = 6;
        List<Object> results = Ranked.run(size, TIMEOUT, this::over, ranks -> {
            var sums = new CompressedSum(ranks, Compression.parse(how).orElseThrow(), count);
            MemorySegment values = ranks.allocate(count * 4L);
            MemorySegment sum = ranks.allocate(count * 4L);
            double[] all = new double[count];
            for (int step = 1; step <= steps; step++) {
                var random = new Random(100 * step + ranks.rank());
                for (int i = 0; i < count; i++) {
                    values.setAtIndex(ValueLayout.JAVA_FLOAT, i, values.getAtIndex(ValueLayout.JAVA_FLOAT, i) + random.nextInt(2001) - 1000);
                }
                sums.allReduce(new Call(step, "gradients"), values, sum);
                if (step == 2) {
                    sums.takeBack(values, sum);
                    continue;
                }
                for (int i = 0; i < count; i++) {
                    all[i] += sum.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                }
            }
            sums.settle(new Call(steps, "what is left"), values, sum);
            synchronized (left) {
                for (int i = 0; i < count; i++) {
                    left[i] += values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                    summed[i] = all[i];
                }
            }
            double mine = Arrays.hashCode(all) ^ Arrays.hashCode(sum.toArray(ValueLayout.JAVA_FLOAT));
            for (double[] each : ranks.gather(new Call(steps, "agreement"), mine)) {
                assertThat(each).containsExactly(mine);
            }
            return sum.toArray(ValueLayout.JAVA_FLOAT);
        });
        double[] given = new double[count];
        for (int step = 1; step <= steps; step++) {
            for (int rank = 0; rank < size; rank++) {
                var random = new Random(100 * step + rank);
                for (int i = 0; i < count; i++) {
                    given[i] += random.nextInt(2001) - 1000;
                }
            }
        }
        for (int i = 0; i < count; i++) {
            assertThat(left[i]).as("what was brought together is what all have left").isEqualTo((double) ((float[]) results.get(0))[i]);
            if (how.startsWith("int8")) {
                // scales are no whole numbers
                assertThat(summed[i] + left[i]).isCloseTo(given[i], org.assertj.core.api.Assertions.within(0.01));
            } else {
                assertThat(summed[i] + left[i]).isEqualTo(given[i]);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"2,topk:0.01:0,0.03", "4,topk:0.01:0,0.03", "2,int8,0.27", "4,int8,0.27", "2,bf16,0.505"})
    void compressedSumsSendFewBytes(int size, String how, double share) throws Exception {
        int count = 1 << 19;
        for (Object result : Ranked.run(size, TIMEOUT, this::over, ranks -> {
            var sums = new CompressedSum(ranks, Compression.parse(how).orElseThrow(), count);
            MemorySegment values = ranks.allocate(count * 4L);
            MemorySegment sum = ranks.allocate(count * 4L);
            long begun = ranks.sentBytes();
            ranks.allReduce(new Call(1, "whole"), sum);
            long whole = ranks.sentBytes();
            sums.allReduce(new Call(1, "compressed"), values, sum);
            return (double) (ranks.sentBytes() - whole) / (whole - begun);
        })) {
            assertThat((double) result).isBetween(share / 3, share);
        }
    }

    @Test
    void numbersAreGatheredInTheOrderOfTheRanks() throws Exception {
        for (Object result : Ranked.run(3, TIMEOUT, encryption(), this::over, ranks -> {
            for (int i = 0; i < 200; i++) {
                double[][] all = ranks.gather(new Call(i, "losses"), ranks.rank() + i, Math.PI);
                assertThat(all).isEqualTo(new double[][] {{i, Math.PI}, {1 + i, Math.PI}, {2 + i, Math.PI}});
            }
            ranks.barrier(new Call(9, "end"));
            return "done";
        })) {
            assertThat(result).isEqualTo("done");
        }
    }

    /** Where otherwise unrelated numbers would be added. */
    @ParameterizedTest
    @CsvSource({"name", "step", "size", "kind"})
    void ranksThatMeanDifferentCallsStop(String what) throws Exception {
        List<Object> results = Ranked.run(2, TIMEOUT, encryption(), this::over, ranks -> {
            boolean odd = ranks.rank() == 1;
            MemorySegment memory = ranks.allocate(4096);
            MemorySegment values = memory.asSlice(0, odd && what.equals("size") ? 2048 : 4096);
            var call = new Call(odd && what.equals("step") ? 8 : 7, odd && what.equals("name") ? "layer 1" : "layer 0");
            if (odd && what.equals("kind")) {
                ranks.allGather(call, values);
            } else {
                ranks.reduceScatter(call, values);
            }
            return "added";
        });
        assertThat(results).doesNotContain("added").anySatisfy(e -> assertThat(((Throwable) e).getMessage()).contains("same calls in the same order").contains("layer 0"))
                .anySatisfy(e -> assertThat(((RankFailure) e).isDefect()).isTrue());
    }

    @Test
    void aRankThatLeavesIsNamedByThoseWhoWaitForIt() throws Exception {
        List<Object> results = Ranked.run(3, TIMEOUT, encryption(), this::over, ranks -> {
            MemorySegment memory = ranks.allocate(1 << 20);
            ranks.allReduce(new Call(1, "gradients"), memory);
            if (ranks.rank() == 1) {
                return "left";
            }
            ranks.allReduce(new Call(2, "gradients"), memory);
            return "went on";
        });
        assertThat(results.get(1)).isEqualTo("left");
        for (int rank : new int[] {0, 2}) {
            assertThat(((RankFailure) results.get(rank)).rank()).isEqualTo(1);
            assertThat((Throwable) results.get(rank)).hasMessageContaining("rank 1 on 127.0.0.1");
        }
    }
}
