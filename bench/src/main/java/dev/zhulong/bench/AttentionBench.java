package dev.zhulong.bench;

import dev.zhulong.formats.Reach;
import dev.zhulong.model.LocalAttention;
import dev.zhulong.model.Rows;
import dev.zhulong.model.Scoring;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;

/** How time and memory of causal attention grow with the length of a sequence: one row, F32, masks made anew each time. */
public final class AttentionBench {
    /**
     * What is measured.
     *
     * @param heads    of queries, keys and values
     * @param headDim  width of one
     * @param backward whether gradients are taken as well
     */
    public record Shape(int heads, int headDim, boolean backward) {}

    /**
     * Of one length.
     *
     * @param seconds   of the median run
     * @param processor seconds that the calling thread was running, of the median run: what other programs take does not count
     * @param bytes     largest resident memory above what was there before, inputs and results included; 0 where the system does not say
     */
    public record Point(int length, double seconds, double processor, long bytes) {
        /** A line of the table. */
        public String line() {
            return String.format(Locale.ROOT, "%,10d tokens %12.1f ms %12.1f ms of processor %10s", length, 1e3 * seconds, 1e3 * processor,
                    bytes == 0 ? "" : String.format(Locale.ROOT, "%,.1f MiB", bytes / (double) (1 << 20)));
        }
    }

    /** Seconds of a run: of a clock, and of the processor that ran the calling thread, which libtorch gives an equal share of the work. */
    private record Time(double seconds, double processor) {}

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final double LEAST_SECONDS = 0.5;
    private static final int LEAST_RUNS = 3;
    private static final int MOST_RUNS = 15;
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path PEAK = Path.of("/proc/self/clear_refs");

    private AttentionBench() {}

    /**
     * Measures lengths one after another, and leaves out those that would take too long.
     *
     * @param reach       of the attention; {@link Reach.Whole} is libtorch's attention to all earlier tokens
     * @param lengths     rising
     * @param mostSeconds that a run may take, as the last length tells
     * @param each        told each
     */
    public static List<Point> run(Reach reach, List<Integer> lengths, Shape shape, double mostSeconds, Consumer<Point> each) {
        List<Point> points = new ArrayList<>();
        // first calls, of Java's code and of libtorch's, cost what later ones don't
        for (double sum = 0; sum < LEAST_SECONDS; ) {
            sum += once(reach, lengths.getFirst(), shape).processor;
        }
        for (int length : lengths) {
            if (!points.isEmpty()) {
                Point last = points.getLast();
                double times = (double) length / last.length;
                if (last.seconds * (reach instanceof Reach.Whole ? times * times : times) > mostSeconds) {
                    break;
                }
            }
            long before = restedMemory();
            List<Time> times = new ArrayList<>();
            long bytes = 0;
            for (double sum = 0; times.size() < LEAST_RUNS || sum < LEAST_SECONDS && times.size() < MOST_RUNS; sum += times.getLast().processor) {
                times.add(once(reach, length, shape));
                bytes = bytes == 0 && before > 0 ? status("VmHWM:") - before : bytes;
            }
            Point point = new Point(length, median(times, Time::seconds), median(times, Time::processor), bytes);
            points.add(point);
            each.accept(point);
        }
        return points;
    }

    /** The power of the length that time grows with: the slope of a line through the logarithms, by least squares; NaN of fewer than two points. */
    public static double exponentOfTime(List<Point> points) {
        return slope(points.stream().mapToDouble(Point::length).toArray(), points.stream().mapToDouble(Point::seconds).toArray());
    }

    /** The same of the processor's time. */
    public static double exponentOfProcessorTime(List<Point> points) {
        return slope(points.stream().mapToDouble(Point::length).toArray(), points.stream().mapToDouble(Point::processor).toArray());
    }

    /** The same of memory; NaN where the system does not say what is resident. */
    public static double exponentOfMemory(List<Point> points) {
        return slope(points.stream().mapToDouble(Point::length).toArray(), points.stream().mapToDouble(Point::bytes).toArray());
    }

    private static double median(List<Time> times, ToDoubleFunction<Time> which) {
        double[] sorted = times.stream().mapToDouble(which).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    static double slope(double[] x, double[] y) {
        double[] u = Arrays.stream(x).map(Math::log).toArray();
        double[] v = Arrays.stream(y).map(Math::log).toArray();
        double meanU = Arrays.stream(u).average().orElse(Double.NaN);
        double meanV = Arrays.stream(v).average().orElse(Double.NaN);
        double both = 0;
        double square = 0;
        for (int i = 0; i < u.length; i++) {
            both += (u[i] - meanU) * (v[i] - meanV);
            square += (u[i] - meanU) * (u[i] - meanU);
        }
        return both / square;
    }

    /** Of a run, from the making of masks to the gradients. */
    private static Time once(Reach reach, int length, Shape shape) {
        try (var scope = TensorScope.open()) {
            Libtorch.seed(length);
            Tensor q = heads(length, shape);
            Tensor k = heads(length, shape);
            Tensor v = heads(length, shape);
            Tensor direction = shape.backward ? heads(length, shape).transpose(1, 2) : null;
            long start = System.nanoTime();
            long processor = THREADS.getCurrentThreadCpuTime();
            if (shape.backward) {
                List.of(q, k, v).forEach(x -> x.requiresGrad(true));
                attend(reach, length, q, k, v).backward(direction);
            } else {
                try (var off = NoGrad.open()) {
                    attend(reach, length, q, k, v);
                }
            }
            return new Time((System.nanoTime() - start) / 1e9, (THREADS.getCurrentThreadCpuTime() - processor) / 1e9);
        }
    }

    /** As projections give them, [1, length, heads, head dim]. */
    private static Tensor heads(int length, Shape shape) {
        return Tensor.randn(1, length, shape.heads, shape.headDim);
    }

    private static Tensor attend(Reach reach, int length, Tensor q, Tensor k, Tensor v) {
        return LocalAttention.of(reach, Rows.whole(1, length), true).attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), Scoring.PLAIN, null);
    }

    /** Resident bytes after what was freed has gone back to the system, from where the peak is counted anew; 0 where that cannot be had. */
    private static long restedMemory() {
        System.gc();
        MemorySegment trim = Linker.nativeLinker().defaultLookup().find("malloc_trim").orElse(null);
        if (trim == null || !Files.isReadable(STATUS) || !Files.isWritable(PEAK)) {
            return 0;
        }
        try {
            int released = (int) Linker.nativeLinker().downcallHandle(trim, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG)).invokeExact(0L);
            Files.writeString(PEAK, "5");
            return status("VmRSS:");
        } catch (IOException e) {
            return 0;
        } catch (Throwable e) {
            throw new IllegalStateException("malloc_trim", e);
        }
    }

    private static long status(String field) {
        try {
            return Files.readAllLines(STATUS).stream().filter(line -> line.startsWith(field)).mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst().orElse(0);
        } catch (IOException e) {
            return 0;
        }
    }
}
