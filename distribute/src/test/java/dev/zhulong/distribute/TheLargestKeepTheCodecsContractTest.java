package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TheLargestKeepTheCodecsContractTest extends CodecContract {
    @Override
    Codec codec() {
        return new TopKCodec(0.01);
    }

    @Override
    double share() {
        return 0.015;
    }

    /** Whatever a sample says of the block. */
    @ParameterizedTest
    @CsvSource({"random,0.01", "random,0.3", "zeros,0.01", "sorted,0.01", "equal,0.02", "tail,0.01"})
    void theLargestOfABlockGo(String kind, double share) {
        int count = TopKCodec.BLOCK + 20_000;
        float[] values = new float[count];
        var random = new Random(4);
        for (int i = 0; i < count; i++) {
            values[i] = switch (kind) {
                case "random" -> (float) random.nextGaussian();
                case "zeros" -> i % 1000 == 999 ? -i : 0;
                case "sorted" -> i;
                case "equal" -> -2;
                default -> i % 1024 < 64 ? 1 : (float) random.nextGaussian() * 1e-3f;
            };
        }
        try (var arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
            var codec = new TopKCodec(share);
            codec.encode(memory, arena.allocate(codec.bytes(count)));
            float[] left = memory.toArray(ValueLayout.JAVA_FLOAT);
            for (int from = 0; from < count; from += TopKCodec.BLOCK) {
                int to = Math.min(count, from + TopKCodec.BLOCK);
                double[] sizes = IntStream.range(from, to).mapToDouble(i -> Math.abs(values[i])).sorted().toArray();
                double least = sizes[sizes.length - (int) ((to - from) * share)];
                double largestLeft = IntStream.range(from, to).mapToDouble(i -> Math.abs(left[i])).max().orElseThrow();
                assertThat(largestLeft).isLessThanOrEqualTo(least);
                long gone = IntStream.range(from, to).filter(i -> values[i] != 0 && left[i] == 0).count();
                assertThat(gone).isLessThanOrEqualTo((long) ((to - from) * share)).isGreaterThan(0);
            }
        }
    }

    @Test
    void theKthLargestIsFoundWithoutSorting() {
        var random = new Random(2);
        for (int round = 0; round < 2000; round++) {
            int[] values = random.ints(1 + random.nextInt(50), 0, 1 + random.nextInt(30)).toArray();
            int k = 1 + random.nextInt(values.length);
            int[] sorted = IntStream.of(values).sorted().toArray();
            assertThat(TopKCodec.largest(values, values.length, k)).isEqualTo(sorted[sorted.length - k]);
        }
    }
}
