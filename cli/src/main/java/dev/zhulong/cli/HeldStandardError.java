package dev.zhulong.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CountDownLatch;

/**
 * Standard error while the JVM starts. The JVM prints a warning of its own about its incubator module, which no flag turns off. The launcher therefore
 * starts it with a pipe as standard error, whose reader passes on every other line, and with the real one as the descriptor that the property
 * {@code zhulong.stderr} names. Releasing puts the real one in the pipe's place; where the JVM ends before that, the reader has passed on what it said.
 */
final class HeldStandardError {
    private static final CountDownLatch RELEASED = new CountDownLatch(Integer.getInteger("zhulong.stderr") == null ? 0 : 1);

    private HeldStandardError() {}

    /**
     * Begins to make the real standard error descriptor 2 again, for Java and native code alike, beside the reading of the options, as a first call of native code takes a
     * tenth of a second; {@link #await} waits for its end.
     *
     * @param then what the same thread does afterwards
     */
    static void beginRelease(Runnable then) {
        if (RELEASED.getCount() == 0) {
            return;
        }
        Thread.ofPlatform().daemon().name("stderr").start(() -> {
            try {
                release();
            } finally {
                RELEASED.countDown();
            }
            then.run();
        });
    }

    /** Returns when standard error is the real one. What is written to it before may come after what is written later. */
    static void await() {
        try {
            RELEASED.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void release() {
        int real = Integer.getInteger("zhulong.stderr");
        var linker = Linker.nativeLinker();
        var libc = linker.defaultLookup();
        try {
            var duplicate = linker.downcallHandle(libc.findOrThrow("dup2"), FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
            var close = linker.downcallHandle(libc.findOrThrow("close"), FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
            if ((int) duplicate.invokeExact(real, 2) == 2) {
                int ignored = (int) close.invokeExact(real);
            }
        } catch (Throwable e) {
            // the pipe stays, and its reader goes on passing lines
        }
    }
}
