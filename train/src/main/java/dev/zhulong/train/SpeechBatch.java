package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import java.util.Arrays;

/**
 * Recordings side by side, and what a decoder learns to write of each.
 *
 * @param rows         recordings
 * @param spectrograms [rows, bands, frames], a band after the other
 * @param labels       [rows, longest target], {@link Batch#NO_TARGET} where nothing is learnt
 */
public record SpeechBatch(int rows, float[] spectrograms, int[] labels) {
    /** Labels that are counted. */
    public int supervised() {
        return (int) Arrays.stream(labels).filter(label -> label != Batch.NO_TARGET).count();
    }
}
