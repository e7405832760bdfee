package dev.zhulong.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * What all verbs have in common. A verb is one class with a {@link Command} annotation: its options are fields, {@link #run} reads them
 * and calls the module that does the work. It is registered by one line in {@link Main}'s list.
 *
 * <pre>{@code
 * @Command(name = "clean",
 *         description = "Clean a corpus and write token shards.",
 *         footer = {"", "Examples:", "  zhulong clean --in texts --out shards"})
 * final class CleanVerb extends Verb {
 *     @Option(names = "--in", required = true, description = "Directory of texts.") Path in;
 *
 *     @Override
 *     protected void run() { ... }
 * }
 * }</pre>
 *
 * <p>{@code run} returns when the job is done (exit code 0). It throws what went wrong: the message is printed as one line and the exit
 * code is 1. Options that contradict each other end in {@link #wrongUsage} (exit code 2).
 */
@Command(
        synopsisHeading = "Usage: ",
        descriptionHeading = "%n",
        parameterListHeading = "%n",
        optionListHeading = "%nOptions:%n",
        commandListHeading = "%nVerbs:%n",
        sortOptions = false,
        usageHelpAutoWidth = true)
abstract class Verb implements Callable<Integer> {
    @Spec
    CommandSpec spec;

    @Option(names = {"-h", "--help"}, usageHelp = true, order = 1000, description = "Show this help.")
    boolean help;

    @Option(names = "--stacktrace", order = 1001, description = "Show where in the code an error came from (also: ZHULONG_DEBUG=1).")
    boolean stacktrace;

    /** Does the job, or throws what the user has to know. */
    protected abstract void run() throws Exception;

    /**
     * What jars on the class path add to the verb, a line each, for its help. Looked for when the help is shown and not before.
     *
     * @throws IllegalStateException where one of them cannot be used
     */
    protected List<String> added() {
        return List.of();
    }

    /** The end of the help: what the annotation says, then what is {@linkplain #added() added}. */
    final String footer(CommandLine.Help help) {
        List<String> lines;
        try {
            lines = added();
        } catch (IllegalStateException e) {
            // the help stays of use
            lines = List.of(e.getMessage());
        }
        return lines.isEmpty() ? help.footer() : help.footer() + "\nAdded by jars on the class path (ZHULONG_CLASSPATH):\n  " + String.join("\n  ", lines) + "\n";
    }

    @Override
    public final Integer call() throws Exception {
        HeldStandardError.await();
        run();
        out().flush();
        return code();
    }

    /** Of a verb that has done its job. */
    int code() {
        return Main.DONE;
    }

    /** Standard output: the verb's result and nothing else, so that it can be piped. */
    protected final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** Standard error: progress and remarks. */
    protected final PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** The error for options that do not go together; ends in exit code 2. */
    protected final ParameterException wrongUsage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
