package dev.zhulong.cli;

import dev.zhulong.tensor.Libtorch;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** The number that {@code --threads} may have. */
final class Threads {
    private Threads() {}

    /** Such as {@code 2 threads}. */
    static String text(int threads) {
        return threads == 1 ? "1 thread" : threads + " threads";
    }

    /**
     * Ends in exit code 2 where the number is no use: a machine comes to a standstill under thousands of threads that spin.
     *
     * @param asked null for the default
     */
    static void check(CommandLine command, Integer asked) {
        int most = Libtorch.mostThreads();
        if (asked != null && (asked < 1 || asked > most)) {
            throw new ParameterException(command, "--threads must be at least 1 and at most " + most + " (" + Libtorch.THREADS_A_CORE + " for each of this machine's "
                    + "cores), found " + asked);
        }
    }
}
