package dev.zhulong.bench;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.model.Decoder;
import dev.zhulong.recipe.TrainingMemory;
import dev.zhulong.recipe.cost.Counts;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.recipe.cost.Precision;
import dev.zhulong.recipe.cost.Sharing;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.Optimizer;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.State;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.TrainStep;
import dev.zhulong.train.schedule.Constant;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.zip.CRC32C;

/** What ranks hold and send when they share the state of a training as the stages of ZeRO say, beside the formulas of plans; and whether they end in the same weights. */
public final class ZeroBench {
    private static final double MIB = 1 << 20;
    private static final TrainBench.Shape WARM = new TrainBench.Shape(64, 32, 3, 2, 2, 64, 2, 16);

    /**
     * Of a rank, bytes.
     *
     * @param held    while the optimizer moves the weights, of each kind, as the state counts them
     * @param counted in the same moment, by malloc, above what was there before the model, and exchanged memory
     * @param peak    largest resident memory above that before the model
     * @param sent    a step
     * @param hash    of all weights at the end; of rank 0
     */
    public record Measured(State.Held held, long exchanged, long counted, long peak, double sent, long hash, double loss) {
        private Measured above(long before) {
            return new Measured(held, exchanged, counted - before, peak, sent, hash, loss);
        }

        /** As a line that {@link #read} reads. */
        public String line() {
            return held.weights() + " " + held.gradients() + " " + held.moments() + " " + held.gathered() + " " + exchanged + " " + counted + " " + peak + " " + sent + " " + hash + " " + loss;
        }

        /** Of a line. */
        public static Measured read(String line) {
            String[] f = line.trim().split(" ");
            return new Measured(new State.Held(Long.parseLong(f[0]), Long.parseLong(f[1]), Long.parseLong(f[2]), Long.parseLong(f[3])), Long.parseLong(f[4]), Long.parseLong(f[5]),
                    Long.parseLong(f[6]), Double.parseDouble(f[7]), Long.parseLong(f[8]), Double.parseDouble(f[9]));
        }

        /** All that is held; sums of whole states among ranks lie in the buckets that they came in. */
        public long all(int stage, int ranks) {
            return held.weights() + held.gradients() + held.moments() + held.gathered() + (stage > 0 && ranks > 1 ? exchanged : 0);
        }
    }

    /** What the formulas say of a row of the table. */
    public record Expected(TrainingMemory memory, double sent) {
        /** Of a shape, with a batch for each micro-batch. */
        public static Expected of(TrainBench.Shape shape, int stage, int ranks, boolean recompute, int microBatches) {
            Counts counts = Counts.of(shape.spec());
            var sharing = new Sharing(Precision.FP32, stage, ranks);
            double size = 4.0 * counts.all();
            double gathered = 4 * Formulas.gathered(counts, microBatches);
            double sent = Formulas.traffic(sharing, size, size, stage == 3 ? gathered / (2 * microBatches) : size, microBatches);
            return new Expected(TrainingMemory.pretraining(shape.spec(), shape.batch(), shape.seq(), false, recompute || stage == 3 && ranks > 1).with(sharing), sent);
        }
    }

    private ZeroBench() {}

    /**
     * Trains.
     *
     * @param batches of a step, on all ranks together
     * @param others  that the ranks exchange by; null for one process
     */
    public static Measured run(TrainBench.Shape shape, int steps, int stage, boolean recompute, int batches, Ranks ranks, Collectives others) {
        // what is loaded and compiled is no matter of the model
        train(WARM, 3, stage, recompute, batches, ranks, others);
        System.gc();
        long before = Long.MAX_VALUE;
        for (int i = 0; i < 20; i++) {
            before = Math.min(before, malloc());
            LockSupport.parkNanos(25_000_000);
        }
        return train(shape, steps, stage, recompute, batches, ranks, others).above(before);
    }

    private static Measured train(TrainBench.Shape shape, int steps, int stage, boolean recompute, int batches, Ranks ranks, Collectives others) {
        long resident = status("VmRSS:");
        var sampled = new Sampled(new AdamW.Settings(0.9, 0.95, 1e-8, 0.1));
        try (Decoder model = Decoder.random(shape.spec(), 0)) {
            model.requiresGrad(true);
            var options = new TrainOptions(steps, batches, new Constant(3e-4, 0, steps), 1, sampled, recompute, 0, 0, 0, 0, 1).sharing(stage).among(ranks.size());
            State state = State.of(model, options, ranks);
            var next = new TrainStep<>(model, new NextToken(model), new TrainData<>(number -> rows(shape, number * ranks.size() + ranks.rank()), List.of()), options, state, ranks);
            long sent = others == null ? 0 : others.sentBytes();
            double loss = 0;
            for (int step = 0; step < steps; step++) {
                loss = next.run(step, step).loss().mean();
            }
            long exchanged = ranks.exchanged();
            double each = others == null ? 0 : (double) (others.sentBytes() - sent) / steps;
            State.Held held = state.held().orElseThrow();
            long peak = status("VmHWM:") - resident;
            // those of whole states lie in the buckets
            long counted = sampled.least + held.gathered() + exchanged;
            state.reunite();
            long hash = ranks.rank() == 0 ? hash(model) : 0;
            state.release();
            return new Measured(held, exchanged, counted, peak, each, hash, loss);
        }
    }

    /** Random tokens, by number the same whoever reads them. */
    private static Batch rows(TrainBench.Shape shape, long number) {
        var random = new SplittableRandom(number);
        Batch batch = new Batch(shape.batch(), shape.seq());
        for (int i = 0; i < batch.tokens().length; i++) {
            batch.tokens()[i] = random.nextInt(shape.vocab());
            batch.targets()[i] = random.nextInt(shape.vocab());
            batch.positions()[i] = i % shape.seq();
        }
        return batch;
    }

    /** The largest of the ranks' figures, and rank 0's hash. */
    public static Measured largest(Measured mine, Collectives ranks) {
        double[][] all = ranks.gather(new Call(0, "figures"), mine.held().weights(), mine.held().gradients(), mine.held().moments(), mine.held().gathered(), mine.exchanged(), mine.counted(),
                mine.peak(), mine.sent());
        double[] most = all[0].clone();
        for (double[] each : all) {
            for (int i = 0; i < most.length; i++) {
                most[i] = Math.max(most[i], each[i]);
            }
        }
        return new Measured(new State.Held((long) most[0], (long) most[1], (long) most[2], (long) most[3]), (long) most[4], (long) most[5], (long) most[6], most[7], mine.hash(), mine.loss());
    }

    /** The head of the table. */
    public static String head() {
        return String.format(Locale.ROOT, "%-10s %-5s %5s | %8s %9s %8s %8s %8s | %8s %8s %6s %8s %6s | %8s %8s | %8s %8s %6s | %s", "", "stage", "again", "weights", "gradients", "moments",
                "gathered", "exchange", "formula", "held", "", "malloc", "", "peak", "planned", "sent", "formula", "", "weights' hash");
    }

    /** A line of the table, sizes in MiB. */
    public static String line(String name, int stage, int ranks, boolean recompute, Measured m, Expected e) {
        double formula = e.memory().update();
        return String.format(Locale.ROOT, "%-10s %-5d %5s | %8.1f %9.1f %8.1f %8.1f %8.1f | %8.1f %8.1f %s %8.1f %s | %8.0f %8.0f | %8.2f %8.2f %s | %016x", name, stage, recompute ? "yes" : "no",
                m.held().weights() / MIB, m.held().gradients() / MIB, m.held().moments() / MIB, m.held().gathered() / MIB, m.exchanged() / MIB, formula / MIB, m.all(stage, ranks) / MIB,
                off(m.all(stage, ranks), formula), m.counted() / MIB, off(m.counted(), formula), m.peak() / MIB, e.memory().backward() / MIB, m.sent() / MIB, e.sent() / MIB,
                off(m.sent(), e.sent()), m.hash());
    }

    private static String off(double measured, double formula) {
        return formula == 0 ? "      " : String.format(Locale.ROOT, "%+5.1f%%", 100 * (measured / formula - 1));
    }

    /** An optimizer that looks what malloc has given out whenever it begins, when nothing of backward is there any more. */
    private static final class Sampled implements Optimizer.Maker {
        private final Optimizer.Maker made;
        private long least = Long.MAX_VALUE;

        Sampled(Optimizer.Maker made) {
            this.made = made;
        }

        @Override
        public List<String> moments() {
            return made.moments();
        }

        @Override
        public Optimizer over(Map<String, Tensor> parameters, List<String> decayed, List<Map<String, Tensor>> moments) {
            Optimizer one = made.over(parameters, decayed, moments);
            return new Optimizer() {
                private int steps;

                @Override
                public void step(long updates, double lr, Tensor gradScale) {
                    // compilers take memory for a while; moments and gradients are there from the first step on
                    least = Math.min(least, steps++ == 0 ? Long.MAX_VALUE : malloc());
                    one.step(updates, lr, gradScale);
                }

                @Override
                public void save(Path directory) {
                    one.save(directory);
                }

                @Override
                public void load(Path directory) {
                    one.load(directory);
                }

                @Override
                public long bytes() {
                    return one.bytes();
                }

                @Override
                public void close() {
                    one.close();
                }
            };
        }
    }

    private static long hash(Decoder model) {
        var even = new CRC32C();
        var odd = new CRC32C();
        List<Tensor> all = new ArrayList<>(model.parameters().values());
        for (int i = 0; i < all.size(); i++) {
            (i % 2 == 0 ? even : odd).update(java.nio.ByteBuffer.wrap(MemorySegment.ofArray(all.get(i).toFloats()).toArray(ValueLayout.JAVA_BYTE)));
        }
        return even.getValue() << 32 | odd.getValue();
    }

    /** Bytes that malloc has given out and not got back, of the whole process; 0 where it does not say. */
    static long malloc() {
        Linker linker = Linker.nativeLinker();
        var found = linker.defaultLookup().find("mallinfo2");
        if (found.isEmpty()) {
            return 0;
        }
        // arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost
        var result = MemoryLayout.structLayout(MemoryLayout.sequenceLayout(10, ValueLayout.JAVA_LONG).withName("fields"));
        try (Arena arena = Arena.ofConfined()) {
            var call = linker.downcallHandle(found.get(), FunctionDescriptor.of(result));
            MemorySegment info = (MemorySegment) call.invokeExact((SegmentAllocator) arena);
            return info.getAtIndex(ValueLayout.JAVA_LONG, 4) + info.getAtIndex(ValueLayout.JAVA_LONG, 7);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static long status(String field) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith(field)) {
                    return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
                }
            }
            return 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
