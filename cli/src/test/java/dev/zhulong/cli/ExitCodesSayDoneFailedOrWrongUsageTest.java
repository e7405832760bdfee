package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine;

class ExitCodesSayDoneFailedOrWrongUsageTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        return Main.execute(new PrintWriter(out), new PrintWriter(err), args);
    }

    private int runFailing(Throwable toThrow, String... more) {
        var commands = Main.commands();
        commands.addSubcommand(new Failing(toThrow));
        var args = new String[more.length + 1];
        args[0] = "failing";
        System.arraycopy(more, 0, args, 1, more.length);
        return Main.execute(commands, new PrintWriter(out), new PrintWriter(err), args);
    }

    @Test
    void versionIsThePomsVersion() throws IOException {
        assertThat(run("version")).isZero();
        assertThat(out.toString()).startsWith("zhulong " + VersionVerb.version()).contains("java " + Runtime.version().feature());
        assertThat(VersionVerb.version()).matches("\\d+\\.\\d+\\.\\d+.*");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void aVerbIsTheSameAloneAsAmongTheOthers() {
        Main.commands().getSubcommands().forEach((name, verb) -> {
            if (verb.getCommand() instanceof Verb) {
                assertThat(Main.commands(name, "more").getSubcommands()).containsOnlyKeys(name);
                assertThat(Main.commands(name).getSubcommands().get(name).getUsageMessage()).isEqualTo(verb.getUsageMessage());
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "help", "--help", "-h"})
    void helpIsAnAnswerNotAnError(String args) {
        assertThat(args.isEmpty() ? run() : run(args)).isZero();
        assertThat(out.toString()).contains("Usage: zhulong").contains("version").contains("quickstart");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void anUnknownVerbGetsASuggestion() {
        assertThat(run("verison")).isEqualTo(2);
        assertThat(err.toString()).startsWith("zhulong: ").contains("Did you mean").contains("version").contains("--help");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void anUnknownOptionIsWrongUsage() {
        assertThat(run("version", "--shout")).isEqualTo(2);
        assertThat(err.toString()).contains("--shout").contains("zhulong version --help");
    }

    @Test
    void anOptionValueOfTheWrongTypeIsWrongUsage() {
        assertThat(runFailing(null, "--count", "many")).isEqualTo(2);
        assertThat(err.toString()).contains("--count").contains("many");
    }

    @Test
    void optionsThatDoNotGoTogetherAreWrongUsage() {
        assertThat(runFailing(null, "--count", "-1")).isEqualTo(2);
        assertThat(err.toString().lines().findFirst()).hasValue("zhulong: --count must not be negative, found -1");
    }

    @Test
    void aFailureIsOneLine() {
        assertThat(runFailing(new IllegalArgumentException("model.safetensors: tensor a:\n  expected F32, found I8"))).isEqualTo(1);
        assertThat(err.toString()).isEqualToNormalizingNewlines("zhulong: model.safetensors: tensor a:; expected F32, found I8\n");
    }

    @Test
    void aStackTraceIsShownWhenAskedFor() {
        assertThat(runFailing(new IllegalArgumentException("no"), "--stacktrace")).isEqualTo(1);
        assertThat(err.toString()).startsWith("zhulong: no").contains("\tat dev.zhulong.cli.");
    }

    @Test
    void anErrorIsReportedToo() {
        assertThat(runFailing(new UnsatisfiedLinkError("no jnitorch in java.library.path"))).isEqualTo(1);
        assertThat(err.toString()).startsWith("zhulong: ").contains("no jnitorch").hasLineCount(1);
    }

    @Test
    void messagesNameTheFileWhateverWrapsThem() {
        assertThat(Main.message(new NoSuchFileException("corpus/a.txt"))).isEqualTo("no such file: corpus/a.txt");
        assertThat(Main.message(new UncheckedIOException(new NoSuchFileException("b")))).isEqualTo("no such file: b");
        assertThat(Main.message(new UncheckedIOException("run/latest cannot be read", new IOException("x"))))
                .isEqualTo("run/latest cannot be read");
        assertThat(Main.message(new ExecutionException(new IllegalStateException("shard 3 is truncated")))).isEqualTo("shard 3 is truncated");
        assertThat(Main.message(new NullPointerException("because x is null"))).contains("NullPointerException").contains("--stacktrace");
        assertThat(Main.message(new IllegalStateException())).contains("IllegalStateException");
    }

    static Stream<Executable> mistakes() {
        return Stream.of(
                () -> Thread.State.valueOf("SLEEPY"),
                () -> Integer.parseInt("eight"),
                () -> Math.multiplyExact(1 << 20, 1 << 20),
                () -> System.out.print(new int[2].length / (new int[0].length)),
                () -> System.out.print(new byte[-new int[3].length].length),
                () -> List.of(1).add(2),
                () -> List.of().iterator().next(),
                () -> Path.of("a\0b"),
                () -> new ArrayList<>(-1));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void whatJavaItselfThrowsIsCalledADefectNotAdvice(Executable mistake) {
        assertThat(Main.message(catchThrowable(mistake::execute))).startsWith("unexpected ").contains("defect", "--stacktrace");
    }

    @Test
    void whoHasNoMemoryIsAdvisedToTakeMoreThanThereIsNow() {
        assertThat(Main.outOfMemory("Java heap space", 2L << 30, 24L << 30)).contains("2048 MB", "-Xmx4096m");
        assertThat(Main.outOfMemory("Java heap space", 12L << 30, 24L << 30)).contains("12288 MB", "-Xmx18432m");
        assertThat(Main.outOfMemory("Java heap space", 18L << 30, 24L << 30)).contains("18432 MB", "smaller").doesNotContain("-Xmx");
        assertThat(Main.outOfMemory("unable to create native thread: possibly out of memory or process/resource limits reached", 2L << 30, 24L << 30))
                .contains("--threads").doesNotContain("-Xmx");
        assertThat(Main.message(new OutOfMemoryError("Java heap space"))).hasLineCount(1).doesNotContain("-Xmx8g");
    }

    @Test
    void everyVerbTeachesWithADescriptionAndAnExample() {
        var commands = Main.commands();
        assertThat(commands.getSubcommands().values()).allSatisfy(this::teaches);
    }

    /** A lone percent sign makes picocli print a warning of its own instead. */
    @Test
    void noHelpTextIsABrokenFormat() {
        assertThat(Main.commands().getSubcommands().values()).allSatisfy(this::isWellFormed);
    }

    private void isWellFormed(CommandLine command) {
        var usage = command.getCommandSpec().usageMessage();
        Stream<String> texts = Stream.concat(Stream.of(usage.description(), usage.footer()).flatMap(Stream::of),
                command.getCommandSpec().args().stream().flatMap(option -> Stream.of(option.description())));
        assertThat(texts).allSatisfy(text -> assertThat(text.formatted()).isNotNull());
        command.getSubcommands().values().forEach(this::isWellFormed);
    }

    private void teaches(CommandLine command) {
        if (command.getCommand() instanceof CommandLine.HelpCommand) {
            return;
        }
        assertThat(command.getCommandSpec().usageMessage().description()).as(command.getCommandName()).isNotEmpty();
        if (command.getSubcommands().isEmpty()) {
            assertThat(String.join("\n", command.getCommandSpec().usageMessage().footer())).as(command.getCommandName()).contains("Example");
        } else {
            command.getSubcommands().values().forEach(this::teaches);
        }
    }

    @Command(name = "failing")
    static final class Failing extends Verb {
        private final Throwable toThrow;

        @Option(names = "--count")
        int count;

        Failing(Throwable toThrow) {
            this.toThrow = toThrow;
        }

        @Override
        protected void run() throws Exception {
            if (count < 0) {
                throw wrongUsage("--count must not be negative, found " + count);
            }
            switch (toThrow) {
                case Exception e -> throw e;
                case Error e -> throw e;
                default -> throw new AssertionError(toThrow);
            }
        }
    }
}
