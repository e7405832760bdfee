package dev.zhulong.recipe;

import java.io.PrintStream;
import java.nio.file.Path;

/** Says how to go on, should the process be stopped (by Ctrl-C, for one) while this is open. */
public final class ResumeHint implements AutoCloseable {
    private final Thread hook;

    private ResumeHint(Thread hook) {
        this.hook = hook;
    }

    /** Of the run in {@code run}, on {@code terminal}. */
    public static ResumeHint of(Path run, PrintStream terminal) {
        var hook = new Thread(() -> {
            terminal.println();
            terminal.println("stopped; to go on: zhulong resume " + run);
            terminal.flush();
        }, "resume-hint");
        Runtime.getRuntime().addShutdownHook(hook);
        return new ResumeHint(hook);
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is being stopped: the hint is wanted now
        }
    }
}
