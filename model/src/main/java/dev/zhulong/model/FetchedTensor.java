package dev.zhulong.model;

import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/** The elements of one tensor after another, for writing: the processor's where they lie, those of a GPU copied here, one tensor's at a time. */
final class FetchedTensor implements AutoCloseable {
    private Tensor copy;

    /** Row-major elements of {@code t}, until the next are asked for. */
    MemorySegment elements(Tensor t) {
        close();
        if (t.device().isCpu()) {
            return t.segment();
        }
        try (var off = NoGrad.open()) {
            copy = t.to(Device.CPU).keep();
        }
        return copy.segment();
    }

    @Override
    public void close() {
        if (copy != null) {
            copy.close();
            copy = null;
        }
    }
}
