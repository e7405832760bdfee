package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every way to send values in fewer bytes keeps. */
abstract class CodecContract {
    abstract Codec codec();

    /** Of what the values take, at most. */
    abstract double share();

    /** Numbers of all sizes a gradient has, with zeros of both signs and the smallest there are. */
    static float[] values(int count, long seed) {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = switch (random.nextInt(20)) {
                case 0 -> 0f;
                case 1 -> -0f;
                case 2 -> Float.MIN_VALUE * random.nextInt(1000);
                default -> (float) (random.nextGaussian() * Math.pow(10, random.nextInt(12) - 8));
            };
        }
        return values;
    }

    private record Sent(float[] decoded, float[] left, byte[] bytes) {}

    private Sent send(float[] values) {
        try (var arena = Arena.ofConfined()) {
            Codec codec = codec();
            MemorySegment memory = arena.allocate(Math.max(1, values.length * 4L), 64).asSlice(0, values.length * 4L);
            MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
            MemorySegment message = arena.allocate(Math.max(1, codec.bytes(values.length)), 64).asSlice(0, codec.bytes(values.length));
            codec.encode(memory, message);
            MemorySegment decoded = arena.allocate(Math.max(1, values.length * 4L), 64).asSlice(0, values.length * 4L);
            codec().addTo(message, decoded);
            return new Sent(decoded.toArray(ValueLayout.JAVA_FLOAT), memory.toArray(ValueLayout.JAVA_FLOAT), message.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 57, 128, 1000, 65_536, 65_537, 200_003})
    void whatIsSentAndWhatIsLeftAreWhatWasThere(int count) {
        float[] values = values(count, 5);
        Sent sent = send(values);
        for (int i = 0; i < count; i++) {
            // in F64 nothing is rounded that was not before
            assertThat((double) sent.decoded[i] + sent.left[i]).as("value %d: %s", i, values[i]).isEqualTo((double) values[i] + 0.0);
        }
        assertThat(Arrays.equals(send(values).bytes, sent.bytes)).as("the same bytes again").isTrue();
    }

    @Test
    void manyValuesTakeFewBytes() {
        for (int count : new int[] {64 << 10, 1 << 20, 3_000_001}) {
            assertThat(codec().bytes(count)).isBetween(1L, (long) (count * 4L * share()));
        }
    }

    /** Error feedback: over many sends the same value arrives as often as it was given. */
    @Test
    void nothingIsForgotten() {
        float[] gradient = values(3000, 8);
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] = Math.clamp(gradient[i], -1f, 1f);
        }
        double[] arrived = new double[gradient.length];
        float[] left = new float[gradient.length];
        double[] given = new double[gradient.length];
        for (int step = 0; step < 400; step++) {
            for (int i = 0; i < left.length; i++) {
                float next = left[i] + gradient[i];
                // what F32 rounds is not the codec's doing
                given[i] += (double) next - left[i];
                left[i] = next;
            }
            Sent sent = send(left);
            for (int i = 0; i < left.length; i++) {
                arrived[i] += sent.decoded[i];
            }
            left = sent.left;
        }
        for (int i = 0; i < left.length; i++) {
            assertThat(arrived[i] + left[i]).isCloseTo(given[i], org.assertj.core.api.Assertions.within(1e-9));
            assertThat(Math.abs(left[i])).as("waits no longer than it must").isLessThanOrEqualTo(400);
        }
    }

    /** Whoever looks at the sums sees that numbers have ended. */
    @Test
    void whatIsNotFiniteArrivesAsSuch() {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            float[] values = values(70_000, 3);
            values[66_000] = bad;
            boolean seen = false;
            for (float value : send(values).decoded) {
                seen |= !Float.isFinite(value);
            }
            assertThat(seen).as("%s", bad).isTrue();
        }
    }
}
