package dev.zhulong.cli;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;
import picocli.CommandLine;

/**
 * Entry point of the command line. Exit codes: {@value #DONE} done, {@value #FAILED} failed, {@value #WRONG_USAGE} wrong usage.
 *
 * <p>An error is one line on standard error that begins with {@code zhulong:}; {@code --stacktrace} or {@code ZHULONG_DEBUG=1} adds where
 * it came from.
 */
@Command(
        name = "zhulong",
        description = "Takes a language model through its whole life inside one JVM.",
        footer = {
            "",
            "Start here:",
            "  zhulong quickstart          raw text to a model that writes, in a few minutes",
            "  zhulong VERB --help         what a verb does, with examples",
        })
public final class Main extends Verb {
    private static final List<Class<? extends Verb>> VERBS = List.of(
            QuickstartVerb.class,
            CleanVerb.class,
            DataVerb.class,
            TokenizerVerb.class,
            PretrainVerb.class,
            ContinueVerb.class,
            FinetuneVerb.class,
            ResumeVerb.class,
            TuneVerb.class,
            MergeVerb.class,
            QuantizeVerb.class,
            EvaluateVerb.class,
            ScoreVerb.class,
            GenerateVerb.class,
            ChatVerb.class,
            ServeVerb.class,
            KeyVerb.class,
            GuardVerb.class,
            LogitsVerb.class,
            BenchVerb.class,
            DoctorVerb.class,
            TestVerb.class,
            VersionVerb.class);

    static final int DONE = 0;
    static final int FAILED = 1;
    static final int WRONG_USAGE = 2;

    public static void main(String[] args) {
        var out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
        var err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        int code = execute(out, err, args);
        out.flush();
        err.flush();
        System.exit(code);
    }

    /** Runs one command line and gives its exit code. */
    static int execute(PrintWriter out, PrintWriter err, String... args) {
        return execute(commands(args), out, err, args);
    }

    /** The verb that {@code args} begin with; all of them where they begin with none. Reading the options of all takes longer than many verbs run. */
    static CommandLine commands(String... args) {
        var commands = new CommandLine(new Main());
        Optional<Class<? extends Verb>> asked = args.length == 0 ? Optional.empty() : VERBS.stream().filter(verb -> name(verb).equals(args[0])).findFirst();
        if (asked.isPresent()) {
            return commands.addSubcommand(asked.get());
        }
        VERBS.forEach(commands::addSubcommand);
        return commands.addSubcommand(CommandLine.HelpCommand.class);
    }

    private static String name(Class<? extends Verb> verb) {
        return verb.getAnnotation(Command.class).name();
    }

    static int execute(CommandLine commands, PrintWriter out, PrintWriter err, String... args) {
        commands.setOut(out)
                .setErr(err)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setAbbreviatedOptionsAllowed(false)
                .setExecutionExceptionHandler(Main::failed)
                .setParameterExceptionHandler(Main::wrongUsage);
        try {
            return commands.execute(args);
        } catch (Error e) {
            // picocli passes exceptions to the handler, but lets errors (a missing native library, no memory) through
            report(err, e, debugging());
            return FAILED;
        }
    }

    /** No verb: the help is the answer. */
    @Override
    protected void run() {
        spec.commandLine().usage(out());
    }

    private static int failed(Exception e, CommandLine command, ParseResult parsed) {
        boolean stacktrace = debugging() || command.getCommand() instanceof Verb verb && verb.stacktrace;
        report(command.getErr(), e, stacktrace);
        return FAILED;
    }

    private static void report(PrintWriter err, Throwable e, boolean stacktrace) {
        err.println("zhulong: " + message(e));
        if (stacktrace) {
            e.printStackTrace(err);
        }
        err.flush();
    }

    private static int wrongUsage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        PrintWriter err = command.getErr();
        err.println("zhulong: " + oneLine(e.getMessage()));
        UnmatchedArgumentException.printSuggestions(e, err);
        err.println("See: " + command.getCommandSpec().qualifiedName() + " --help");
        if (debugging()) {
            e.printStackTrace(err);
        }
        err.flush();
        return WRONG_USAGE;
    }

    private static boolean debugging() {
        String debug = System.getenv("ZHULONG_DEBUG");
        return debug != null && !debug.isEmpty() && !debug.equals("0");
    }

    /** One line that says what went wrong, whatever layer it comes from. */
    static String message(Throwable e) {
        Throwable cause = e.getCause();
        if (cause != null && (e instanceof UncheckedIOException || e instanceof ExecutionException || e instanceof CompletionException)) {
            // these wrappers add only the cause's class name, unless someone gave them words of their own
            boolean plain = e.getMessage() == null || e.getMessage().equals(cause.toString());
            return plain ? message(cause) : oneLine(e.getMessage());
        }
        String text = e.getMessage();
        return switch (e) {
            case NoSuchFileException f -> "no such file: " + f.getFile();
            case FileNotFoundException f -> "no such file: " + text;
            case AccessDeniedException f -> "no permission: " + f.getFile();
            case FileAlreadyExistsException f -> "already exists: " + f.getFile();
            case FileSystemException f -> f.getFile() + ": " + (f.getReason() == null ? f.getClass().getSimpleName() : f.getReason());
            case OutOfMemoryError f -> "out of memory (" + text + "); give the JVM more with ZHULONG_OPTS=-Xmx8g or make the job smaller";
            // an exception of ours always has a message that stands alone; these do not
            case NullPointerException f -> unexpected(e);
            case ClassCastException f -> unexpected(e);
            case IndexOutOfBoundsException f -> unexpected(e);
            case IOException f when text != null -> oneLine(text);
            case Exception f when text != null && !text.isBlank() -> oneLine(text);
            default -> unexpected(e);
        };
    }

    private static String unexpected(Throwable e) {
        return "unexpected " + oneLine(e.toString()) + " (a defect of Zhulong; --stacktrace shows where)";
    }

    private static String oneLine(String text) {
        return text.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}
