package dev.zhulong.cli;

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
            "  printf 'Hello\\nHow are you?\\n' | zhulong chat --model my-model --greedy",
        })
final class ChatVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model directory in the Hugging Face layout.")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to put on the model, in PEFT's files.")
    Path adapter;

    @Option(names = "--system", paramLabel = "TEXT", defaultValue = "", description = "What the model is told before the conversation; needs a chat"
            + " template.")
    String system;

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
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        boolean terminal = Terminal.interactive();
        try (LoadedModel loaded = LoadedModel.open(model, adapter);
                var _ = Interrupt.handle(this::interrupted)) {
            var options = sampling.options(loaded);
            ChatSession session = session(loaded, options);
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
                        session = session(loaded, options);
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

    /** Through the template of the adapter or the model, if there is one. */
    private ChatSession session(LoadedModel loaded, GenerateOptions options) {
        ChatTemplate template = LoadedModel.template(model, adapter);
        int context = loaded.model().spec().contextLength();
        if (template.present()) {
            return ChatSession.of(loaded.generator(), context, options, new ChatEncoder(template, loaded.tokenizer()), system);
        }
        if (!system.isEmpty()) {
            throw wrongUsage("--system needs a chat template, and " + model + " has none");
        }
        return ChatSession.plain(loaded.generator(), context, options);
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
            remark(terminal, String.format(Locale.ROOT, "[%d tokens, %.1f tokens/s%s]", answer.ids().length, answer.tokensPerSecond(),
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
