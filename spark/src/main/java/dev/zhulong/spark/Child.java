package dev.zhulong.spark;

import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A program that a task runs in a process of its own, so that nothing of it meets what an executor has loaded, or ends an executor. */
final class Child {
    /** Says whose end is the child's too, for an executor that dies does not end it. */
    private static final String PARENT = "ZHULONG_PARENT";
    private static final long CHECK_MILLISECONDS = 200;

    private Child() {}

    /** Whether the task it runs for is to end. */
    interface Cancelled {
        boolean now();
    }

    /**
     * Runs it to its end.
     *
     * @param directory it works in
     * @param variables added to the executor's environment
     * @param log       file that is appended with what it writes
     * @return its exit code
     * @throws InterruptedException if the task was cancelled meanwhile; the program is gone then
     */
    static int run(List<String> command, File directory, Map<String, String> variables, File log, Cancelled cancelled) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(command).directory(directory).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(log));
        builder.environment().putAll(variables);
        builder.environment().put(PARENT, Long.toString(ProcessHandle.current().pid()));
        Process program = builder.start();
        var stop = new Thread(program::destroyForcibly);
        Runtime.getRuntime().addShutdownHook(stop);
        try {
            program.getOutputStream().close();
            while (!program.waitFor(CHECK_MILLISECONDS, TimeUnit.MILLISECONDS)) {
                if (cancelled.now()) {
                    throw new InterruptedException("the task was cancelled");
                }
            }
            return program.exitValue();
        } finally {
            program.destroyForcibly();
            try {
                Runtime.getRuntime().removeShutdownHook(stop);
            } catch (IllegalStateException e) {
                // the executor is ending, and the hook runs
            }
        }
    }
}
