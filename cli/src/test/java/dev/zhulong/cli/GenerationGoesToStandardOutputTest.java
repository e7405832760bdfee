package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerationGoesToStandardOutputTest {
    private static final String END = System.lineSeparator();

    @TempDir
    static Path temporary;

    static Path model;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
    }

    private static Cli generate(Object... more) {
        var args = new ArrayList<Object>(java.util.List.of("generate", "--model", model, "--max-new-tokens", 12));
        args.addAll(java.util.List.of(more));
        return Cli.run(args.toArray()).done();
    }

    @Test
    void theContinuationAloneUnlessThePromptIsAskedFor() throws IOException {
        String text = generate("--prompt", "The lamp", "--greedy").out();
        assertThat(text).doesNotStartWith("The lamp").endsWith(END);
        assertThat(generate("--prompt", "The lamp", "--greedy", "--echo").out()).isEqualTo("The lamp" + text);
        Path file = temporary.resolve("prompt.txt");
        Files.writeString(file, "The lamp");
        assertThat(generate("--prompt-file", file, "--temperature", 0).out()).isEqualTo(text);
        assertThat(Cli.runWithInput("The lamp", "generate", "--model", model, "--max-new-tokens", 12, "--prompt-file", "-", "--greedy").out())
                .isEqualTo(text);
    }

    @Test
    void aSeedGivesTheSameTextAndAnotherAnother() {
        String text = generate("--prompt", "The", "--seed", 5, "--temperature", 1.2).out();
        assertThat(generate("--prompt", "The", "--seed", 5, "--temperature", 1.2).out()).isEqualTo(text);
        assertThat(generate("--prompt", "The", "--seed", 6, "--temperature", 1.2).out()).isNotEqualTo(text);
    }

    @Test
    void severalContinuationsAreDividedByDashesAndTheFirstIsTheSingleOne() {
        String one = generate("--prompt", "The", "--temperature", 1.5).out();
        Cli three = generate("--prompt", "The", "--temperature", 1.5, "--n", 3);
        String[] parts = three.out().split("(?m)^---\\R");
        assertThat(parts).hasSize(3);
        assertThat(parts[0]).isEqualTo(one);
        assertThat(parts[1]).isNotEqualTo(parts[0]).endsWith(END);
        assertThat(three.err()).contains("36 new");
    }

    @Test
    void aStopTextEndsAndIsNotWritten() {
        String text = generate("--prompt", "The lamp", "--greedy").out().stripTrailing();
        String stop = text.substring(text.length() / 2, text.length() / 2 + 1);
        Cli stopped = generate("--prompt", "The lamp", "--greedy", "--stop", stop);
        assertThat(stopped.out().stripTrailing()).isEqualTo(text.substring(0, text.indexOf(stop)).stripTrailing());
        assertThat(stopped.err()).contains("a stop text");
    }

    @Test
    void theFormAskedForIsKept() throws IOException {
        assertThat(generate("--prompt", "The", "--regex", "[a-c]{5} \\d", "--n", 2).out()).matches("[a-c]{5} \\d\\R---\\R[a-c]{5} \\d\\R");
        Path schema = temporary.resolve("schema.json");
        Files.writeString(schema, "{\"enum\": [{\"a\": [1, 2]}, \"x\"]}");
        assertThat(generate("--prompt", "The", "--json-schema", schema).out().strip()).isIn("{\"a\":[1,2]}", "\"x\"");
        assertThat(generate("--prompt", "The", "--json", "--seed", 3).out()).startsWith("{");
        assertThat(Cli.runWithInput("Hello", "chat", "--model", model, "--regex", "yes|no").done().out().strip()).isIn("yes", "no");
        Files.writeString(schema, "{\"items\": {\"unevaluatedItems\": true}}");
        Cli refused = Cli.run("generate", "--model", model, "--json-schema", schema);
        assertThat(refused.code()).isEqualTo(Main.FAILED);
        assertThat(refused.err()).contains("schema.json").contains("#/items").contains("unevaluatedItems");
    }

    @Test
    void whatTheMakersAdviseHoldsUnlessOverridden() throws IOException {
        Path advised = TinyModel.write(temporary.resolve("advised"));
        Files.writeString(advised.resolve("generation_config.json"), "{\"do_sample\": false, \"max_new_tokens\": 5, \"eos_token_id\": 0}");
        Cli greedy = Cli.run("generate", "--model", advised, "--prompt", "The").done();
        assertThat(greedy.err()).contains("5 new").contains("greedy");
        assertThat(Cli.run("generate", "--model", advised, "--prompt", "The", "--temperature", 1, "--max-new-tokens", 3).done().err())
                .contains("3 new").contains("seed 0");
    }

    @Test
    void aFullContextIsSaid() {
        Cli full = Cli.run("generate", "--model", model, "--prompt", "lit", "--greedy", "--max-new-tokens", 1000).done();
        assertThat(full.err()).contains("ended by the length").contains("context of 64");
    }

    @Test
    void chatAnswersEachLineAndKnowsItsCommands() {
        Cli chat = Cli.runWithInput("Hello\n\n/help\n/rset\nHow are you?\n/reset\nHello\n/exit\nnever read\n",
                "chat", "--model", model, "--greedy", "--max-new-tokens", 6).done();
        assertThat(chat.out().lines().count()).isGreaterThanOrEqualTo(3);
        assertThat(chat.err()).contains("unknown command /rset").contains("anew").contains("/exit leaves");
        String once = Cli.runWithInput("Hello", "chat", "--model", model, "--greedy", "--max-new-tokens", 6).done().out();
        assertThat(chat.out()).startsWith(once).endsWith(once);
    }

    @Test
    void ctrlCIsHandedToWhoeverAskedForIt() throws Exception {
        Class<?> signal = Class.forName("sun.misc.Signal");
        var called = new CountDownLatch(1);
        try (var _ = Interrupt.handle(called::countDown)) {
            signal.getMethod("raise", signal).invoke(null, signal.getConstructor(String.class).newInstance("INT"));
            // a job in the background of a shell without job control is started deaf to Ctrl-C, and the JVM leaves it so
            assertThat(called.await(ignoresCtrlC() ? 0 : 5, TimeUnit.SECONDS)).isEqualTo(!ignoresCtrlC());
        }
    }

    private static boolean ignoresCtrlC() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return false;
        }
        String mask = Files.readAllLines(status).stream().filter(line -> line.startsWith("SigIgn:")).findFirst().orElse("SigIgn: 0");
        return (Long.parseUnsignedLong(mask.substring(7).strip(), 16) & 1 << 1) != 0;
    }
}
