package dev.zhulong.recipe;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/** Says how to go on, should the process be stopped (by Ctrl-C, for one) while this is open. Of a run within a run only the outer one speaks. */
public final class ResumeHint implements AutoCloseable {
    private static final AtomicInteger OPEN = new AtomicInteger();

    private final Thread hook;

    private ResumeHint(Thread hook) {
        this.hook = hook;
    }

    /** Of the run in {@code run}, on {@code terminal}. */
    public static ResumeHint of(Path run, PrintStream terminal) {
        var hook = new Thread(() -> {
            terminal.println();
            terminal.println("stopped; to continue: zhulong resume " + run);
            terminal.flush();
        }, "resume-hint");
        if (OPEN.getAndIncrement() == 0) {
            Runtime.getRuntime().addShutdownHook(hook);
        }
        return new ResumeHint(hook);
    }

    @Override
    public void close() {
        OPEN.decrementAndGet();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is being stopped: the hint is wanted now
        }
    }
}
