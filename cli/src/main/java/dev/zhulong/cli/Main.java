package dev.zhulong.cli;

import static picocli.CommandLine.Model.UsageMessageSpec.SECTION_KEY_FOOTER;

import dev.zhulong.distribute.RankFailure;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.kernels.VectorSupport;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
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
        description = "Train, fine-tune, measure, compress and serve language models in one JVM.",
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
            CleanMediaVerb.class,
            ClassifyVerb.class,
            DataVerb.class,
            TokenizerVerb.class,
            PretrainVerb.class,
            ContinueVerb.class,
            TrainClusterVerb.class,
            FinetuneVerb.class,
            ResumeVerb.class,
            TuneVerb.class,
            ScaleVerb.class,
            PlanVerb.class,
            MergeVerb.class,
            UpcycleVerb.class,
            PruneVerb.class,
            DistilVerb.class,
            QuantizeVerb.class,
            ImatrixVerb.class,
            ExportVerb.class,
            CompressVerb.class,
            EvaluateVerb.class,
            ScoreVerb.class,
            GenerateVerb.class,
            ChatVerb.class,
            ServeVerb.class,
            TranslateVerb.class,
            TranscribeVerb.class,
            EmbedVerb.class,
            RerankVerb.class,
            KeyVerb.class,
            GuardVerb.class,
            LogitsVerb.class,
            VerifyVerb.class,
            BenchVerb.class,
            DoctorVerb.class,
            TestVerb.class,
            VersionVerb.class);

    /** What a folder of {@code export --runtime} has. */
    private static final List<Class<? extends Verb>> RUNTIME_VERBS = List.of(GenerateVerb.class, ChatVerb.class, ServeVerb.class, VersionVerb.class);

    static final int DONE = 0;
    static final int FAILED = 1;
    static final int WRONG_USAGE = 2;
    /** Of a rank that could not go on for another's sake. */
    static final int LOST = 75;

    public static void main(String[] args) {
        HeldStandardError.beginRelease(() -> prepare(args));
        var out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
        var err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        int code = execute(out, err, args);
        out.flush();
        err.flush();
        if (code != DONE || othersRun()) {
            System.exit(code);
        }
    }

    /** Whether a thread would keep the JVM alive after this one. An exit writes to a log that nobody reads, for which it looks into all jars. */
    private static boolean othersRun() {
        ThreadGroup all = Thread.currentThread().getThreadGroup();
        while (all.getParent() != null) {
            all = all.getParent();
        }
        Thread[] threads = new Thread[2 * all.activeCount() + 16];
        return Arrays.stream(threads, 0, all.enumerate(threads)).anyMatch(thread -> thread != Thread.currentThread() && !thread.isDaemon());
    }

    /** What a verb that writes would otherwise wait for before its first token. */
    private static void prepare(String[] args) {
        if (args.length > 0 && (args[0].equals("generate") || args[0].equals("chat"))) {
            VectorSupport.prepare();
        }
    }

    /** Runs one command line and returns its exit code: what {@link #main} does, for who calls a verb from Java. */
    public static int execute(PrintWriter out, PrintWriter err, String... args) {
        if (inRuntime() && args.length > 0 && VERBS.stream().anyMatch(verb -> name(verb).equals(args[0])) && verbs().stream().noneMatch(verb -> name(verb).equals(args[0]))) {
            HeldStandardError.await();
            err.println("zhulong: this runtime has generate, chat, serve and version alone; " + args[0] + " needs Zhulong itself");
            return WRONG_USAGE;
        }
        return execute(commands(args), out, err, args);
    }

    private static boolean inRuntime() {
        return Boolean.getBoolean(RuntimeImage.PROPERTY);
    }

    private static List<Class<? extends Verb>> verbs() {
        return inRuntime() ? RUNTIME_VERBS : VERBS;
    }

    /** The verb that {@code args} begin with; all of them where they begin with none. Reading the options of all takes longer than many verbs run. */
    static CommandLine commands(String... args) {
        var commands = new CommandLine(new Main());
        Optional<Class<? extends Verb>> asked = args.length == 0 ? Optional.empty() : verbs().stream().filter(verb -> name(verb).equals(args[0])).findFirst();
        verbs().stream().filter(verb -> asked.isEmpty() || verb == asked.get()).forEach(commands::addSubcommand);
        if (inRuntime()) {
            commands.getCommandSpec().usageMessage().description("Run the language model in this folder, or another GGUF file.").footer("",
                    "A runtime that zhulong export made: the CPU engine alone, without libtorch. The folder's model runs where no --model is given.");
        }
        // what stands behind its job is the job's
        commands.getSubcommands().values().stream().filter(verb -> verb.getCommand() instanceof TrainClusterVerb).forEach(verb -> verb.setStopAtPositional(true));
        commands.getSubcommands().values().forEach(verb -> verb.getHelpSectionMap().put(SECTION_KEY_FOOTER, ((Verb) verb.getCommand())::footer));
        return asked.isPresent() ? commands : commands.addSubcommand(CommandLine.HelpCommand.class);
    }

    /** A verb's name by its class, such as {@code train-cluster}: the annotations of all verbs take longer to read than many a verb runs. A test compares them. */
    static String name(Class<? extends Verb> verb) {
        var name = new StringBuilder();
        for (char c : verb.getSimpleName().replace("Verb", "").toCharArray()) {
            if (Character.isUpperCase(c) && !name.isEmpty()) {
                name.append('-');
            }
            name.append(Character.toLowerCase(c));
        }
        return name.toString();
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
        return e instanceof RankFailure lost && !lost.isDefect() ? LOST : FAILED;
    }

    private static void report(PrintWriter err, Throwable e, boolean stacktrace) {
        HeldStandardError.await();
        err.println("zhulong: " + message(e));
        if (stacktrace) {
            e.printStackTrace(err);
        }
        err.flush();
    }

    private static int wrongUsage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        PrintWriter err = command.getErr();
        HeldStandardError.await();
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
            case OutOfMemoryError f -> outOfMemory(text, Runtime.getRuntime().maxMemory(), Machine.totalMemory());
            case IOException f when text != null -> oneLine(text);
            case RuntimeException f when text != null && text.startsWith("CUDA out of memory") -> oneLine(text.lines().findFirst().orElseThrow())
                    + " Make batches or rows smaller or set train.recompute=true; of a model that runs, ask for a smaller --context";
            // the message of an exception of ours stands alone and says what to do; the JDK's and the libraries' do not
            case RuntimeException f when !thrownByUs(f) -> unexpected(e);
            case LinkageError f when inRuntime() -> "this runtime holds the CPU engine alone, and what was asked for needs Zhulong itself (" + oneLine(f.toString()) + ")";
            case Exception f when text != null && !text.isBlank() -> oneLine(text);
            default -> unexpected(e);
        };
    }

    /** What to do about a JVM that has run out of memory of the kind that {@code kind} names; sizes in bytes. */
    static String outOfMemory(String kind, long heap, long machine) {
        long megabytes = heap >> 20;
        // native memory and the operating system need their share
        long most = machine / 4 * 3 >> 20;
        String what = "out of memory (" + kind + ")";
        if (kind != null && kind.contains("thread")) {
            return what + ": the system allows this process no more threads; use fewer with --threads, or raise the limit (ulimit -u)";
        }
        if (kind != null && kind.startsWith("Requested array size")) {
            return what + ": one piece of this job is larger than Java can hold; make the job smaller";
        }
        return megabytes + megabytes / 4 <= most
                ? what + ": the heap is " + megabytes + " MB; give the JVM more with ZHULONG_OPTS=-Xmx" + Math.min(2 * megabytes, most) + "m, or make the job smaller"
                : what + ": the heap of " + megabytes + " MB is about all this machine can give; make the job smaller";
    }

    /** Whether our own code made this exception on purpose: Java's own mistakes come from its own classes, or are of kinds that nobody throws. */
    private static boolean thrownByUs(RuntimeException e) {
        if (e instanceof NullPointerException || e instanceof ClassCastException || e instanceof IndexOutOfBoundsException
                || e instanceof ArithmeticException || e instanceof NegativeArraySizeException || e instanceof ArrayStoreException) {
            return false;
        }
        StackTraceElement[] trace = e.getStackTrace();
        return trace.length == 0 || trace[0].getClassName().startsWith("dev.zhulong.");
    }

    private static String unexpected(Throwable e) {
        return "unexpected " + oneLine(e.toString()) + " (a defect of Zhulong; --stacktrace shows where)";
    }

    private static String oneLine(String text) {
        return text.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}
