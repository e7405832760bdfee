package dev.zhulong.cli;

import dev.zhulong.compress.prune.VocabularyTrim;
import dev.zhulong.compress.prune.VocabularyTrim.Price;
import dev.zhulong.compress.prune.VocabularyTrim.Written;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.progress.ProgressLine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Fewer parts. */
@Command(
        name = "prune",
        description = {
            "Make a model smaller by taking parts away. The result is a directory in the Hugging Face layout, which any tool reads and zhulong quantize makes smaller still.",
            "--vocabulary keeps the tokens that the texts become, with those they are joined from, all special tokens, and bytes or single characters. Nothing else changes: on text "
                    + "whose tokens are all kept the model computes what it did, bit for bit. Other text is spelled in smaller pieces. Give a megabyte or more of the text "
                    + "that the model is for.",
            "The last lines report how much of text that had no part in the choice is kept, and how many tokens it becomes.",
        },
        footer = {
            "", "Examples:",
            "  zhulong prune --model my-model --vocabulary --text corpus.txt --out my-model-trimmed",
            "  zhulong prune --model my-model --vocabulary --text a.txt b.txt --held-out c.txt --out my-model-trimmed",
        })
final class PruneVerb extends Verb {
    /** Without held-out files, one line in so many is held out to estimate the price. */
    private static final int HELD_OUT = 20;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model directory in the Hugging Face layout.")
    Path model;

    @Option(names = "--vocabulary", description = "Keep only the tokens that the texts need.")
    boolean vocabulary;

    @Option(names = "--text", arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files like those that the model will see.")
    List<Path> text;

    @Option(names = "--held-out", arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files to measure the price on (default: one line in " + HELD_OUT
            + " of --text, against the tokens of the other lines; the model that is written keeps the tokens of all lines).")
    List<Path> heldOut;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the smaller model to.")
    Path out;

    @Option(names = "--force", description = "Replace --out if it holds a pruned model.")
    boolean force;

    @Override
    protected void run() {
        if (!vocabulary) {
            throw wrongUsage("say what to take away: --vocabulary");
        }
        if (text == null) {
            throw wrongUsage("--vocabulary keeps what texts need: name them with --text");
        }
        Outputs.directory(out, force);
        List<String> texts = text.stream().map(TextFile::read).toList();
        try (var status = ProgressLine.on(err())) {
            List<String> held = heldOut == null ? new ArrayList<>() : heldOut.stream().map(TextFile::read).toList();
            var trim = VocabularyTrim.of(model, texts, status);
            var judged = trim;
            if (heldOut == null) {
                List<String> rest = new ArrayList<>();
                texts.forEach(each -> split(each, rest, held));
                judged = VocabularyTrim.of(model, rest, status);
            }
            Price price = judged.price(held);
            status.at("writing " + out);
            Written written = trim.write(out);
            status.close();
            report(trim, price, written);
        }
    }

    private static void split(String text, List<String> rest, List<String> held) {
        var most = new StringBuilder();
        var few = new StringBuilder();
        int[] line = {0};
        text.lines().filter(each -> !each.isBlank()).forEach(each -> (line[0]++ % HELD_OUT == HELD_OUT - 1 ? few : most).append(each).append('\n'));
        rest.add(most.toString());
        held.add(few.toString());
    }

    private void report(VocabularyTrim trim, Price price, Written written) {
        written.leftOut().forEach(name -> err().println("[" + name + " is left out: it holds the whole vocabulary once more, and tokenizer.json is what is read]"));
        if (price.tokensBefore() > 0) {
            out().println(String.format(Locale.ROOT, "held-out text, %s: %.3f%% of %,d tokens kept, %,d of %,d different ones missing; %.4f -> %.4f tokens a byte",
                    Sizes.of(price.bytes()), 100 * price.kept(), price.tokensBefore(), price.piecesMissing(), price.piecesBefore(),
                    (double) price.tokensBefore() / price.bytes(), (double) price.tokensAfter() / price.bytes()));
        }
        out().println(String.format(Locale.ROOT, "%s: %,d of %,d tokens, %s -> %s (%.1f%% smaller)", out, trim.after(), trim.before(), Sizes.of(written.bytesBefore()),
                Sizes.of(written.bytesAfter()), 100 - 100.0 * written.bytesAfter() / written.bytesBefore()));
    }
}
