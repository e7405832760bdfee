package dev.zhulong.cli;

import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.TokenWaits;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Continues a prompt. */
@Command(
        name = "generate",
        description = {
            "Continue a prompt with a model, or let it write from nothing.",
            "The continuation is streamed to standard output and ends with a line break; timings go to standard error. Settings that are "
                    + "not given are taken from the model's generation_config.json.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong generate --model my-model                                  from BOS",
            "  zhulong generate --model my-model --prompt 'Once upon a time' --echo",
            "  zhulong generate --model model.Q4_0.gguf --prompt 'Once upon a time'",
            "  zhulong generate --model model.Q8_0.gguf --prompt-file edit.txt --lookup",
            "  zhulong generate --model my-model --prompt 'Once upon a time' --deadline 50",
            "  zhulong generate --model my-model --prompt-file Half.java --greedy --max-new-tokens 60 --stop '}'",
        })
final class GenerateVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or a GGUF file.")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to apply to the model, in PEFT's format.")
    Path adapter;

    @Option(names = "--prompt", paramLabel = "TEXT", description = "Text to continue (default: none; the model starts from BOS).")
    String prompt;

    @Option(names = "--prompt-file", paramLabel = "FILE", description = "File with the text to continue; - reads standard input.")
    Path promptFile;

    @Option(names = "--control-tokens",
            description = "Recognize control tokens such as <|fim_prefix|> in the prompt; by default they are treated as plain text.")
    boolean controlTokens;

    @Option(names = "--echo", description = "Print the prompt before the continuation.")
    boolean echo;

    @Option(names = {"-n", "--n"}, paramLabel = "N", defaultValue = "1",
            description = "Number of continuations, each from its own random stream and followed by a line of three dashes (default: 1).")
    int n;

    @Option(names = "--deadline", paramLabel = "MS", description = "Time in milliseconds that a token may take at most: choose the most precise of full, int8 and int4 "
            + "that keeps to it in a trial on the model itself, and report at the end how many tokens took longer. A GGUF file keeps its types. The prompt's time "
            + "is not counted; cpu engine only.")
    Double deadline;

    @Mixin
    EngineOptions engine;

    @Mixin
    DraftOptions drafting;

    @Mixin
    SamplingOptions sampling;

    @Override
    protected void run() throws IOException {
        if (prompt != null && promptFile != null) {
            throw wrongUsage("--prompt and --prompt-file cannot be combined");
        }
        if (n < 1) {
            throw wrongUsage("--n must be at least 1, found " + n);
        }
        sampling.check();
        engine.check(List.of(model), adapter);
        engine.checkDeadline(deadline);
        drafting.check(engine);
        String text = text();
        try (ModelFiles files = engine.open(model, adapter, deadline == null ? Engine.AUTO : Engine.CPU)) {
            files.beginTokenizer();
            if (deadline != null) {
                engine.keep(deadline, files, ids(files, text), n);
            }
            try (LoadedModel loaded = files.load(n, () -> tokens(files, ids(files, text)))) {
                write(loaded, files, text);
            }
        }
    }

    private int[] ids(ModelFiles files, String text) {
        return controlTokens ? files.tokenizer().encodeWithControl(text) : files.tokenizer().encode(text);
    }

    /** Of a sequence, with BOS; what the context does not hold is refused or cut later. */
    private long tokens(ModelFiles files, int[] ids) {
        return Math.min(ids.length + 1L + sampling.mostNewTokens(files.advice()), files.context());
    }

    private void write(LoadedModel loaded, ModelFiles files, String text) throws IOException {
        int[] ids = ids(files, text);
        try (DraftOptions.Drafts drafts = drafting.open(engine, n * tokens(files, ids))) {
            List<Double> waits = new ArrayList<>();
            Generator plain = deadline == null ? loaded.generator()
                    : new Generator(new TokenWaits(loaded.model(), System::nanoTime, waits::add), loaded.tokenizer());
            Generator generator = drafts.on(plain);
            write(generator, generator.sequence(ids), echo ? text : "", sampling.options(loaded), files);
            late(waits);
        }
    }

    private String text() throws IOException {
        if (promptFile == null) {
            return prompt == null ? "" : prompt;
        }
        return promptFile.toString().equals("-") ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8) : TextFile.read(promptFile);
    }

    private void write(Generator generator, int[] ids, String before, GenerateOptions options, ModelFiles files) {
        boolean terminal = Terminal.interactive();
        var rest = new ArrayList<StringBuilder>();
        for (int i = 0; i < n; i++) {
            rest.add(new StringBuilder());
        }
        out().print(before);
        out().flush();
        List<Generation> results = generator.generateAll(Collections.nCopies(n, ids), options, (index, piece) -> {
            String shown = terminal ? Terminal.printable(piece) : piece;
            if (index == 0) {
                out().print(shown);
                out().flush();
            } else {
                rest.get(index).append(shown);
            }
        });
        out().println();
        for (int i = 1; i < n; i++) {
            out().println("---");
            out().print(before);
            out().println(rest.get(i));
        }
        out().flush();
        summary(results, options, files);
    }

    private void summary(List<Generation> results, GenerateOptions options, ModelFiles files) {
        Generation first = results.getFirst();
        long tokens = results.stream().mapToLong(result -> result.ids().length).sum();
        double seconds = results.stream().mapToDouble(Generation::decodeSeconds).max().orElse(0);
        // the first token of each comes out of the prompt's pass
        double rate = seconds > 0 ? Math.max(0, tokens - results.size()) / seconds : 0;
        err().println(String.format(Locale.ROOT, "[%d prompt tokens in %.2f s; %d new in %.2f s, %.1f tokens/s; ended by %s%s; %s; %s, %s]",
                first.promptTokens(), first.prefillSeconds(), tokens, seconds, rate, ended(first), DraftOptions.judged(results),
                options.sampler().greedy() ? "greedy" : "seed " + options.sampler().seed(), files.engine(), Threads.text(files.threads())));
        results.stream().map(Generation::notice).filter(notice -> !notice.isEmpty()).findFirst().ifPresent(err()::println);
        err().flush();
    }

    /** Says how many tokens took longer than they may; nothing where none did. */
    private void late(List<Double> waits) {
        List<Double> late = waits.stream().filter(wait -> wait > deadline).toList();
        if (!late.isEmpty()) {
            err().println(String.format(Locale.ROOT, "[%d of %d tokens came after the deadline, the slowest after %.2f ms]", late.size(), waits.size(), Collections.max(late)));
            err().flush();
        }
    }

    private static String ended(Generation generation) {
        return switch (generation.finish()) {
            case EOS -> "the model";
            case STOP -> "a stop text";
            case LENGTH -> "the length";
        };
    }
}
