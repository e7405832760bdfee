package dev.zhulong.cli;

import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.ExampleEncoder;
import dev.zhulong.data.tune.Inspection;
import dev.zhulong.data.tune.Layout;
import dev.zhulong.data.tune.SupervisedDocument;
import dev.zhulong.data.tune.TokenTable;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.recipe.ChatEncoding;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Fine-tuning data as the model will see them. */
@Command(
        name = "inspect",
        description = {
            "Show fine-tuning data exactly as the model will see it: the rows that are used, the reason why others are not, the token "
                    + "ids, the text, and the tokens that are learnt (marked *).",
            "Files: jsonl, json, csv, tsv, parquet, txt, also compressed with .gz, .zst or .bz2.",
            "Layouts: alpaca (instruction, input, output), sharegpt (conversations), messages (OpenAI), completion (prompt, completion), "
                    + "preference (prompt, chosen, rejected), text.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong data inspect --model my-model --data train.jsonl",
            "  zhulong data inspect --model my-model --data faq.csv --map prompt=question completion=reply --as-chat --row 3",
            "  zhulong data inspect --model my-model --data train.parquet --seq 1024 --sample 5 --seed 2 --json",
        })
final class DataInspectVerb extends Verb {
    private static final int LONGEST_BY_DEFAULT = 2048;
    /** As for a sequence in training. */
    private static final int MOST_TOKENS = 1 << 24;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model directory whose tokenizer and chat template to "
            + "use.")
    Path model;

    @Option(names = "--data", required = true, paramLabel = "FILE", description = "File of rows to inspect.")
    Path data;

    @Option(names = "--layout", paramLabel = "NAME", description = "Layout of the rows: alpaca, sharegpt, messages, completion, gap, "
            + "preference or text (default: recognized from the first rows).")
    Layout layout;

    @Option(names = "--map", arity = "1..*", paramLabel = "FIELD=COLUMN", description = "Column that holds a field under another name, "
            + "e.g. prompt=question; for CSV and TSV without a header, columns are numbered 1, 2, ...")
    Map<String, String> mapping = Map.of();

    @Option(names = "--as-chat", description = "Put plain prompts and completions through the chat template.")
    boolean asChat;

    @Option(names = "--separator", paramLabel = "TEXT", description = "Text between a plain prompt and its completion (default: nothing "
            + "if the columns are called prompt and completion, else a line break).")
    String separator;

    @Option(names = "--seq", paramLabel = "N", description = "Maximum number of input tokens in a sequence; longer ones are cut "
            + "(default: the model's context, at most 2048).")
    Integer seq;

    @Option(names = "--row", paramLabel = "N", description = "Number of the row to show, counted from 1.")
    Long row;

    @Option(names = "--sample", paramLabel = "N", description = "Number of sequences to draw at random and show (default: 1).")
    Integer sample;

    @Option(names = "--seed", defaultValue = "0", paramLabel = "N", description = "Random seed for drawing the samples (default: 0).")
    long seed;

    @Option(names = "--json", description = "Print one JSON object: layout, columns, rows_read, rows_used, refused, noted, lengths, samples with"
            + " their tokens, and more.")
    boolean json;

    @Override
    protected void run() {
        if (row != null && sample != null) {
            throw wrongUsage("--row and --sample cannot be combined");
        }
        if (seq != null && seq > MOST_TOKENS) {
            throw wrongUsage("--seq must be at most " + MOST_TOKENS + " tokens, found " + seq);
        }
        if (seq != null && seq < 1 || sample != null && sample < 0) {
            throw wrongUsage(sample != null && sample < 0 ? "--sample must not be negative" : "--seq must be at least 1 token, found " + seq);
        }
        DataSource source = DataSource.of(data).withMapping(mapping).withAsChat(asChat);
        source = layout == null ? source : source.withLayout(layout);
        source = separator == null ? source : source.withSeparator(separator);
        try (Tokenizer tokenizer = HuggingFaceTokenizer.load(model)) {
            ExampleEncoder encoder = new ExampleEncoder(tokenizer, ChatEncoding.of(new ChatEncoder(ChatTemplate.load(model), tokenizer)), seq != null ? seq : context());
            Inspection inspection = Inspection.of(source, encoder, TokenTable.of(model, tokenizer));
            List<SupervisedDocument> shown = shown(inspection);
            if (json) {
                out().println(inspection.json(shown));
                return;
            }
            boolean colour = Terminal.interactive() && System.getenv("NO_COLOR") == null;
            out().print(Terminal.printable(inspection.summary()));
            for (SupervisedDocument document : shown) {
                out().println();
                // the colours are the only control characters; the table shows those of the data as signs
                out().print(inspection.show(document, colour));
            }
        }
    }

    private List<SupervisedDocument> shown(Inspection inspection) {
        if (row == null) {
            return inspection.sample(sample == null ? 1 : sample, seed);
        }
        List<SupervisedDocument> found = inspection.row(row);
        if (found.isEmpty()) {
            var report = inspection.examples().report();
            throw new IllegalArgumentException(report.reason(data.getFileName() + "#" + row)
                    .map(reason -> data + ": row " + row + " can't be used: " + reason)
                    .orElse(data + " has no row " + row + "; " + report));
        }
        return found;
    }

    private int context() {
        return Files.isRegularFile(model.resolve(ModelDirectory.CONFIG))
                ? Math.min(LONGEST_BY_DEFAULT, ModelDirectory.readSpec(model).contextLength()) : LONGEST_BY_DEFAULT;
    }
}
