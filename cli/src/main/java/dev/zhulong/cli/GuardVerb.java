package dev.zhulong.cli;

import dev.zhulong.guard.AuditLog;
import dev.zhulong.guard.Context;
import dev.zhulong.guard.Decision;
import dev.zhulong.guard.Policy;
import dev.zhulong.guard.Review;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Rules for texts. */
@Command(
        name = "guard",
        description = "Try out guard rules, which check the text that goes to a model and comes from it (see serve --rules).",
        subcommands = GuardVerb.Test.class,
        footer = {"", "Examples:", "  zhulong guard test --rules rules.yaml --text 'write to me@example.org'"})
final class GuardVerb extends Verb {
    @Override
    protected void run() {
        throw wrongUsage("choose what to do: zhulong guard test");
    }

    /** What rules do to a text. */
    @Command(
            name = "test",
            description = {
                "Show what guard rules do to a text: print the filtered text to standard output and each decision to standard error.",
                "A file of rules is YAML, or Drools' own language if its name ends in .drl. builtin:privacy, builtin:profanity, "
                        + "builtin:finance, builtin:medicine and builtin:education are included. docs/guard.md explains how to write rules.",
            },
            footer = {
                "", "Examples:",
                "  zhulong guard test --rules rules.yaml --text 'write to me@example.org'",
                "  zhulong guard test --rules builtin:finance --rules more.drl --text-file answer.txt",
                "  echo 'call 13812345678' | zhulong guard test --rules builtin:privacy --text-file - --input",
            })
    static final class Test extends Verb {
        @Option(names = "--rules", required = true, paramLabel = "FILE|builtin:NAME", description = "Rules to apply; may be repeated.")
        List<String> rules;

        @Option(names = "--text", paramLabel = "TEXT", description = "Text to check.")
        String text;

        @Option(names = "--text-file", paramLabel = "FILE", description = "File with the text; - reads standard input.")
        Path file;

        @Option(names = "--input", description = "Treat the text as a prompt (default: as an answer).")
        boolean input;

        @Option(names = "--tenant", paramLabel = "NAME", defaultValue = "", description = "Tenant name, for rules that depend on it.")
        String tenant;

        @Override
        protected void run() throws IOException {
            if ((text == null) == (file == null)) {
                throw wrongUsage("give either --text or --text-file");
            }
            String read = text != null ? text : file.toString().equals("-") ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8) : TextFile.read(file);
            Policy policy = Policy.load(rules);
            Review review = policy.review(read, new Context(!input, tenant, "test"), AuditLog.NONE);
            for (Decision decision : review.decisions()) {
                err().println("[" + decision.rule() + ": " + decision.action().label() + " " + decision.begin() + "–" + decision.end() + " \""
                        + Terminal.printable(read.substring(decision.begin(), decision.end())) + "\"" + (decision.with().isEmpty() ? "" : ": " + decision.with()) + "]");
            }
            err().println(review.blocked() ? "[blocked by " + review.blockedBy().rule() + "]" : review.decisions().isEmpty() ? "[no rule has found anything]" : "[passed on]");
            err().flush();
            out().println(review.text());
        }
    }
}
