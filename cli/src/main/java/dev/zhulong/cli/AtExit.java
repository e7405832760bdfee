package dev.zhulong.cli;

import java.util.Optional;

/** Something to be done if this process is ended from outside while this is open. */
final class AtExit implements AutoCloseable {
    private final Thread hook;

    private AtExit(Thread hook) {
        this.hook = hook;
    }

    static AtExit of(Runnable action) {
        var hook = new Thread(action);
        Runtime.getRuntime().addShutdownHook(hook);
        return new AtExit(hook);
    }

    /**
     * Ends this process as soon as the one that started it on whatever machine is gone, where it says that it did: an executor that dies does not take its processes along.
     *
     * @return whether one said so
     */
    static boolean ofParent() {
        String parent = System.getenv("ZHULONG_PARENT");
        if (parent == null) {
            return false;
        }
        Optional<ProcessHandle> found = ProcessHandle.of(Long.parseLong(parent));
        if (found.isEmpty()) {
            Runtime.getRuntime().halt(Main.LOST);
        }
        found.get().onExit().thenRun(() -> Runtime.getRuntime().halt(Main.LOST));
        return true;
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // it runs already
        }
    }
}
