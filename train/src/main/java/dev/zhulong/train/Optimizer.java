package dev.zhulong.train;

import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Moves weights by their gradients. What it remembers between updates is part of a checkpoint: read back, it goes on in the same bits. */
public interface Optimizer extends AutoCloseable {
    /**
     * One update. Weights without a gradient stay as they are.
     *
     * @param updates   number of this update, from 1
     * @param lr        learning rate
     * @param gradScale F32 scalar that the gradients are divided by
     */
    void step(long updates, double lr, Tensor gradScale);

    /** Writes what it remembers into a checkpoint's directory. */
    void save(Path directory);

    /**
     * Reads what {@link #save} wrote.
     *
     * @throws dev.zhulong.formats.FormatException if that belongs to other weights; names the first that does not fit
     */
    void load(Path directory);

    /** Bytes of what it remembers, as it holds them. */
    long bytes();

    @Override
    void close();

    /** The choice of an optimizer and its settings. */
    @FunctionalInterface
    interface Maker {
        /**
         * A fresh one.
         *
         * @param parameters what is trained, by name; stays the caller's
         * @param decayed    names that weight decay applies to
         */
        Optimizer of(Map<String, Tensor> parameters, List<String> decayed);
    }
}
