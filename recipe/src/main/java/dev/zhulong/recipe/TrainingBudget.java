package dev.zhulong.recipe;

import dev.zhulong.formats.Sizes;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.train.Optimizer;
import dev.zhulong.train.StreamedState;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * The most memory that a training process may have, as the system counts it: resident, the JVM included.
 *
 * @param bytes of it
 */
record TrainingBudget(long bytes) {
    /** The code of JVM and libtorch, and what they keep for themselves: measured. */
    private static final long PROCESS = 280L << 20;
    /** The smallest heap that the launcher gives. */
    private static final long HEAP = 96L << 20;
    /** Where the state lies in a run's directory. */
    private static final String DIRECTORY = "state";

    /** That of a recipe. */
    static Optional<TrainingBudget> of(Train train) {
        return train.memory().map(TrainingBudget::parse);
    }

    /** @param text a whole number of g, m or k, each 1,024 of the next, or of bytes */
    static TrainingBudget parse(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (!lower.matches("[1-9][0-9]{0,11}[gmk]?")) {
            throw new IllegalArgumentException("memory must be a size such as 2g or 900m, found '" + text + "'");
        }
        char unit = lower.charAt(lower.length() - 1);
        int shift = unit == 'g' ? 30 : unit == 'm' ? 20 : unit == 'k' ? 10 : 0;
        return new TrainingBudget(Math.multiplyExact(Long.parseLong(shift == 0 ? lower : lower.substring(0, lower.length() - 1)), 1L << shift));
    }

    /** Where a budget is not kept: refuses it. */
    static void refuse(Train train, String what) {
        if (train.memory().isPresent()) {
            throw new IllegalArgumentException("train.memory is for pretraining and for fine-tuning all weights of a decoder on one processor, not for " + what + ": leave it out");
        }
    }

    /**
     * Refuses what does not fit.
     *
     * @param memory of the same training without a budget
     * @param device that the recipe names
     */
    void require(TrainingMemory memory, Optimizer.Maker optimizer, String device) {
        if (!Device.parse(device).isCpu()) {
            throw new IllegalArgumentException("train.memory is the processor's memory: leave it out on " + device);
        }
        if (System.getProperty(Libtorch.BUDGET) == null) {
            throw new IllegalArgumentException("train.memory limits the JVM too, which is started before the recipe is read: start ./zhulong with --memory " + (bytes >> 20) + "m");
        }
        StreamedState.Needs needs = StreamedState.needs(memory.spec(), optimizer);
        long heap = Runtime.getRuntime().maxMemory();
        long all = heap + besidesHeap(needs, memory);
        if (all > bytes) {
            long layers = needs.windows() + Math.max(needs.update(), needs.layer());
            throw new IllegalArgumentException(String.format(Locale.ROOT, "this needs about %s and train.memory is %s: the process %s, embedding, head and norms with their gradients %s, layers on"
                    + " their way %s, activations %s; raise train.memory, or make train.batch, train.seq or the model's layers smaller", Sizes.memory(all), Sizes.memory(bytes),
                    Sizes.memory(PROCESS + heap), Sizes.memory(needs.resident()), Sizes.memory(layers), Sizes.memory(Math.max(0, all - PROCESS - heap - needs.resident() - layers))));
        }
    }

    /** The most of two moments: while layers are moved and run forward, and while they are run backward. */
    private static long besidesHeap(StreamedState.Needs needs, TrainingMemory memory) {
        return PROCESS + needs.windows() + needs.resident() + Math.max(needs.update() + memory.streamedForward(), needs.layer() + memory.streamed());
    }

    /** The least that is not refused, where the launcher sizes the heap: a tenth, and no less than {@link #HEAP}. */
    static long least(StreamedState.Needs needs, TrainingMemory memory) {
        long rest = besidesHeap(needs, memory);
        return Math.max(rest + HEAP, rest + rest / 9 + 1);
    }

    /** The directory of a run's state. */
    static Path directory(Path run) {
        return run.resolve(DIRECTORY);
    }
}
