package dev.zhulong.tensor;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.GradMode;

/** While open, operations on this thread are not recorded for backward. */
public final class NoGrad implements AutoCloseable {
    private final AutoGradMode mode;

    private NoGrad(boolean record) {
        Libtorch.load();
        mode = new AutoGradMode(record);
    }

    public static NoGrad open() {
        return new NoGrad(false);
    }

    /** Records again inside an open {@code NoGrad}: for recomputing a block in backward. */
    public static NoGrad recording() {
        return new NoGrad(true);
    }

    /** Whether operations on this thread are left unrecorded. */
    public static boolean isOn() {
        return !GradMode.is_enabled();
    }

    @Override
    public void close() {
        mode.close();
    }
}
