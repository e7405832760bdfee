package dev.zhulong.cli;

import dev.zhulong.infer.ChatSession;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A conversation on the terminal. */
@Command(
        name = "chat",
        description = {
            "Hold a conversation with a model in the terminal.",
            "Messages go through the chat template of the model or of its adapter. A model without a template sees lines that begin with "
                    + "`User:` and `Assistant:`, which a model trained on plain text can follow to some extent.",
            "When the context is full, the oldest messages are forgotten. With --session, the conversation is saved to a file after each "
                    + "answer and continues from there next time. Ctrl-C stops an answer; at the prompt it ends the conversation.",
        },
        footer = {
            "",
            "In the conversation: /reset forgets it, /help shows this, /exit (or the end of input) leaves.",
            "",
            "Examples:",
            "  zhulong chat --model my-model",
            "  zhulong chat --model my-model --temperature 0.7 --max-new-tokens 200",
            "  zhulong chat --model model.Q4_0.gguf --context 4096 --session garden.json",
            "  printf 'Hello\\nHow are you?\\n' | zhulong chat --model my-model --greedy",
        })
final class ChatVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or a GGUF file.")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to apply to the model, in PEFT's format.")
    Path adapter;

    @Option(names = "--system", paramLabel = "TEXT", description = "System message at the beginning of the conversation; needs a chat "
            + "template (default: that of the --session, else none).")
    String system;

    @Option(names = "--session", paramLabel = "FILE", description = "File to save the conversation to and to continue it from. FILE.kv "
            + "beside it saves reading the conversation again; it may be deleted.")
    Path session;

    @Mixin
    EngineOptions engine;

    @Mixin
    DraftOptions drafting;

    @Mixin
    SamplingOptions sampling;

    private volatile boolean answering;
    private volatile boolean stopped;
    /** The conversation is worked on by one thread: that which answers, or that of Ctrl-C, which keeps it. */
    private final Object turn = new Object();
    private ChatSession chat;
    /** Null without {@code --session}. */
    private ChatFile kept;

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
        try (ModelFiles files = engine.open(model, adapter, Engine.AUTO)) {
            if (session != null) {
                boolean seeded = spec.commandLine().getParseResult().hasMatchedOption("--seed");
                kept = ChatFile.open(session, system, seeded ? OptionalLong.of(sampling.seed) : OptionalLong.empty(), files.fingerprint(), this::say);
            }
            try (LoadedModel loaded = files.loadFitting(this::say);
                    DraftOptions.Drafts drafts = drafting.open(engine, files.context());
                    ChatSession opened = open(loaded, drafts, files.template())) {
                if (kept != null) {
                    kept.restore(opened);
                }
                chat = opened;
                try (var _ = Interrupt.handle(this::interrupted)) {
                    talk(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
                }
            }
        }
    }

    private void talk(BufferedReader in) throws IOException {
        boolean terminal = Terminal.interactive();
        remark(terminal, "Type a message, /help for commands, /exit to leave.");
        while (true) {
            if (terminal) {
                err().print("> ");
                err().flush();
            }
            String line = in.readLine();
            synchronized (turn) {
                if (line == null || line.strip().equals("/exit")) {
                    leave();
                    return;
                }
                switch (line.strip()) {
                    case "" -> { }
                    case "/reset" -> reset();
                    case "/help" -> say("/reset starts a new conversation, /exit leaves; anything else is sent to the model.");
                    case String command when command.startsWith("/") && command.indexOf(' ') < 0 ->
                        say("unknown command " + command + "; known: /reset, /help, /exit");
                    case String _ -> answer(line, terminal);
                }
            }
        }
    }

    private void reset() {
        chat.reset();
        if (kept != null) {
            kept.reset(chat);
        }
        say("The conversation starts anew.");
    }

    /** Once: Ctrl-C may come while the conversation is being left. */
    private void leave() {
        if (kept != null) {
            kept.close(chat);
            kept = null;
        }
    }

    /** Through the template of the adapter or the model, if there is one. */
    private ChatSession open(LoadedModel loaded, DraftOptions.Drafts drafts, ChatTemplate template) {
        GenerateOptions options = sampling.options(loaded);
        int context = loaded.model().spec().contextLength();
        String told = system != null ? system : kept != null ? kept.system() : "";
        if (template.present()) {
            return ChatSession.of(drafts.on(loaded.generator()), context, options, new ChatEncoder(template, loaded.tokenizer()), told);
        }
        if (!told.isEmpty()) {
            throw wrongUsage((system != null ? "--system" : "the system prompt of " + session) + " needs a chat template, and " + model + " has none");
        }
        return ChatSession.plain(drafts.on(loaded.generator()), context, options);
    }

    private void answer(String message, boolean terminal) {
        stopped = false;
        answering = true;
        boolean[] begun = {false};
        try {
            Generation answer = chat.reply(message, piece -> {
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
            if (kept != null) {
                kept.save(chat);
            }
            String notice = answer.notice();
            remark(terminal, String.format(Locale.ROOT, "[%d tokens, %.1f tokens/s; %d of the prompt's %d were cached%s%s]", answer.ids().length,
                    answer.tokensPerSecond(), answer.cachedTokens(), answer.promptTokens(), DraftOptions.judged(List.of(answer)),
                    notice.isEmpty() ? "" : "; " + notice));
        } catch (Stopped e) {
            out().println();
            out().flush();
            say("[stopped]");
        } finally {
            answering = false;
        }
    }

    private void interrupted() {
        if (answering) {
            stopped = true;
            return;
        }
        // at the prompt the main thread waits for input and cannot be woken
        synchronized (turn) {
            int code = Main.DONE;
            say("");
            try {
                leave();
            } catch (RuntimeException e) {
                say(e.getMessage());
                code = Main.FAILED;
            }
            System.exit(code);
        }
    }

    private void say(String line) {
        err().println(line);
        err().flush();
    }

    private void remark(boolean terminal, String text) {
        if (terminal) {
            say(text);
        }
    }
}
