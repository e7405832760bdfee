package dev.zhulong.cli;

import dev.zhulong.cli.EngineOptions.Engine;
import dev.zhulong.infer.ChatSession;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A conversation on the terminal. */
@Command(
        name = "chat",
        description = {
            "Talk with a model, a line at a time.",
            "Turns go through the chat template of the model, or of its adapter. Without one they are written as `User:` and `Assistant:` lines, which a"
                    + " model that was trained on text alone can follow more or less.",
            "The oldest turns are forgotten when the context is full. Ctrl-C stops an answer, at the prompt it ends the conversation.",
        },
        footer = {
            "",
            "In the conversation: /reset forgets it, /help shows this, /exit (or the end of input) leaves.",
            "",
            "Examples:",
            "  zhulong chat --model my-model",
            "  zhulong chat --model my-model --temperature 0.7 --max-new-tokens 200",
            "  zhulong chat --model model.Q4_0.gguf --context 4096",
            "  printf 'Hello\\nHow are you?\\n' | zhulong chat --model my-model --greedy",
        })
final class ChatVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or a GGUF file.")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to put on the model, in PEFT's files.")
    Path adapter;

    @Option(names = "--system", paramLabel = "TEXT", defaultValue = "", description = "What the model is told before the conversation; needs a chat"
            + " template.")
    String system;

    @Mixin
    EngineOptions engine;

    @Mixin
    DraftOptions drafting;

    @Mixin
    SamplingOptions sampling;

    private volatile boolean answering;
    private volatile boolean stopped;

    /** Ends an answer from within. */
    private static final class Stopped extends RuntimeException {
        Stopped() {
            super(null, null, false, false);
        }
    }

    @Override
    protected void run() throws IOException {
        sampling.check();
        engine.check(List.of(model), adapter);
        drafting.check(engine);
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        boolean terminal = Terminal.interactive();
        try (ModelFiles files = engine.open(model, adapter, Engine.AUTO);
                LoadedModel loaded = load(files);
                DraftOptions.Drafts drafts = drafting.open(engine, files.context());
                var _ = Interrupt.handle(this::interrupted)) {
            var options = sampling.options(loaded);
            ChatTemplate template = files.template();
            ChatSession session = session(loaded, drafts, template, options);
            remark(terminal, "Type a message, /help for commands, /exit to leave.");
            while (true) {
                if (terminal) {
                    err().print("> ");
                    err().flush();
                }
                String line = in.readLine();
                if (line == null || line.strip().equals("/exit")) {
                    return;
                }
                switch (line.strip()) {
                    case "" -> { }
                    case "/reset" -> {
                        session = session(loaded, drafts, template, options);
                        err().println("The conversation starts anew.");
                    }
                    case "/help" -> err().println("/reset forgets the conversation, /exit leaves; anything else is said to the model.");
                    case String command when command.startsWith("/") && command.indexOf(' ') < 0 ->
                        err().println("unknown command " + command + "; known: /reset, /help, /exit");
                    case String _ -> answer(session, line, terminal);
                }
                err().flush();
            }
        }
    }

    /** With as much of the context as fits into memory, unless the user said how much. */
    private LoadedModel load(ModelFiles files) {
        int fit = engine.context != null ? files.context() : files.fitting(files.context());
        if (fit < files.context()) {
            files.limit(fit);
            err().println(String.format(Locale.ROOT, "[of the model's context of %,d tokens %,d fit into memory]", files.spec().contextLength(), fit));
            err().flush();
        }
        return files.load(fit);
    }

    /** Through the template of the adapter or the model, if there is one. */
    private ChatSession session(LoadedModel loaded, DraftOptions.Drafts drafts, ChatTemplate template, GenerateOptions options) {
        int context = loaded.model().spec().contextLength();
        if (template.present()) {
            return ChatSession.of(drafts.on(loaded.generator()), context, options, new ChatEncoder(template, loaded.tokenizer()), system);
        }
        if (!system.isEmpty()) {
            throw wrongUsage("--system needs a chat template, and " + model + " has none");
        }
        return ChatSession.plain(drafts.on(loaded.generator()), context, options);
    }

    private void answer(ChatSession session, String message, boolean terminal) {
        stopped = false;
        answering = true;
        boolean[] begun = {false};
        try {
            Generation answer = session.reply(message, piece -> {
                if (stopped) {
                    throw new Stopped();
                }
                // the space after "Assistant:" belongs to the frame
                String text = begun[0] ? piece : piece.stripLeading();
                begun[0] |= !text.isEmpty();
                out().print(terminal ? Terminal.printable(text) : text);
                out().flush();
            });
            out().println();
            out().flush();
            String notice = answer.notice();
            remark(terminal, String.format(Locale.ROOT, "[%d tokens, %.1f tokens/s%s%s]", answer.ids().length, answer.tokensPerSecond(), DraftOptions.judged(List.of(answer)),
                    notice.isEmpty() ? "" : "; " + notice));
        } catch (Stopped e) {
            out().println();
            out().flush();
            err().println("[stopped]");
        } finally {
            answering = false;
        }
    }

    private void interrupted() {
        if (answering) {
            stopped = true;
        } else {
            err().println();
            err().flush();
            // at the prompt the main thread waits for input and cannot be woken
            System.exit(Main.DONE);
        }
    }

    private void remark(boolean terminal, String text) {
        if (terminal) {
            err().println(text);
            err().flush();
        }
    }
}
