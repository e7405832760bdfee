package dev.zhulong.train;

import dev.zhulong.train.DiskQueue.Transfer;
import java.lang.foreign.MemorySegment;

/** Memory for one layer's values of a kind. */
final class LayerWindow {
    final MemorySegment memory;
    /** Whose values are here, or come with {@link #last}; null for nobody's. */
    StreamedLayer layer;
    /** The last that was asked for with this memory. */
    Transfer last = Transfer.NONE;

    LayerWindow(MemorySegment memory) {
        this.memory = memory;
    }
}
