package dev.zhulong.cli;

import dev.zhulong.data.Corpus;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.ReadOptions;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.CharacterVocabulary;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.TrainedVocabulary;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Makes a vocabulary from texts. */
@Command(
        name = "train",
        description = {
            "Train a tokenizer and write it as tokenizer.json and tokenizer_config.json, which Hugging Face's tokenizers library can load.",
            "Of a cleaned corpus, only the training part is read. The result depends on the texts alone, not on their order or on the "
                    + "number of threads.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong tokenizer train --data corpus --vocab-size 8192 --out my-tokenizer",
            "  zhulong tokenizer train --data src.zip notes/ --vocab-size 16000 --special '<|bos|>' '<|eos|>' --out my-tokenizer",
            "  zhulong tokenizer train --data tinyshakespeare.txt --type char --out characters",
        })
final class TokenizerTrainVerb extends Verb {
    private static final int BATCH_CHARACTERS = 4 << 20;

    enum Type { BPE, CHAR }

    @Option(names = "--data", required = true, arity = "1..*", paramLabel = "PATH",
            description = "Cleaned corpora, or files, directories and"
            + " archives of texts (txt, source code, jsonl, csv, parquet; zip, jar, tar, gz, zst).")
    List<Path> input;

    @Option(names = "--type", defaultValue = "bpe", paramLabel = "bpe|char",
            description = "Kind of tokenizer. bpe: byte-level BPE, which can encode any text. char: one token for each character; "
            + "characters that do not occur in the texts cannot be encoded later (default: bpe).")
    Type type;

    @Option(names = "--vocab-size", paramLabel = "N", description = "Total number of tokens, including the special ones and the 256 "
            + "bytes; for bpe only (default: 8192).")
    Integer vocabSize;

    @Option(names = "--special", arity = "1..*", paramLabel = "TOKEN",
            description = "Control tokens. The first one begins documents and the last one ends them (default: <|endoftext|> for bpe, "
            + "none for char).")
    List<String> special;

    @Option(names = "--no-bos", description = "Do not begin sequences with the first special token, so that documents only have an end "
            + "mark.")
    boolean noBos;

    @Option(names = {"--field", "--column"}, defaultValue = "text", paramLabel = "NAME", description = "Field or column that holds the text"
            + " in jsonl, csv and parquet (default: text).")
    String field;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the tokenizer to.")
    Path out;

    @Option(names = "--force", description = "Write into the directory even if it is not empty.")
    boolean force;

    @Override
    protected void run() {
        if (type == Type.CHAR && vocabSize != null) {
            throw wrongUsage("--vocab-size needs --type bpe; with char the texts determine the size");
        }
        Outputs.directory(out, force);
        List<String> specials = special != null ? special : type == Type.BPE ? List.of("<|endoftext|>") : List.of();
        String first = specials.isEmpty() ? null : specials.getFirst();
        String last = specials.isEmpty() ? null : specials.getLast();
        try (var status = ProgressLine.on(err())) {
            TrainedVocabulary vocabulary = type == Type.BPE ? bpe(specials, status) : characters(specials, status);
            TokenizerJson.write(out, vocabulary,
                    new TokenizerJson.Settings(first, last, null, first != null && !noBos, Integer.MAX_VALUE));
            status.close();
            out().println(String.format(Locale.ROOT, "%s: %,d tokens, %s", out, vocabulary.size(),
                    first == null ? "no special tokens" : "special " + String.join(" ", specials)));
            if (type == Type.BPE && vocabulary.size() < wanted()) {
                err().println("the texts are too small for " + wanted() + " tokens: no pair of tokens is left that occurs twice");
            }
        }
    }

    private int wanted() {
        return vocabSize == null ? 8192 : vocabSize;
    }

    private TrainedVocabulary bpe(List<String> specials, ProgressLine status) {
        BpeTrainer trainer;
        try {
            trainer = new BpeTrainer(wanted(), specials);
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
        read(batch -> trainer.addAll(batch.stream()), status);
        status.at("merge");
        return trainer.train();
    }

    private TrainedVocabulary characters(List<String> specials, ProgressLine status) {
        var seen = new TreeSet<Integer>();
        read(batch -> seen.addAll(CharacterVocabulary.of(batch, List.of()).codePoints()), status);
        return new CharacterVocabulary(List.copyOf(seen), specials);
    }

    /** Gives the texts in batches of a few megabytes, for counting on all cores. */
    private void read(Consumer<List<String>> batches, ProgressLine status) {
        var batch = new ArrayList<String>();
        long[] characters = {0, 0};
        Consumer<Document> take = document -> {
            if (document.text().isEmpty()) {
                return;
            }
            batch.add(document.text());
            characters[0] += document.text().length();
            characters[1] += document.text().length();
            if (characters[0] >= BATCH_CHARACTERS) {
                batches.accept(batch);
                batch.clear();
                characters[0] = 0;
                status.at("count", characters[1], 0, "characters");
            }
        };
        var report = new ReadReport();
        for (Path path : input) {
            if (Files.isRegularFile(path.resolve("train").resolve("store.json"))) {
                try (var stored = Corpus.open(path).train().documents()) {
                    stored.forEach(take);
                }
            } else {
                new DocumentReader(ReadOptions.DEFAULT.withField(field), report).read(List.of(path), take);
            }
        }
        if (!batch.isEmpty()) {
            batches.accept(batch);
        }
        if (!report.skipped().isEmpty() || !report.repaired().isEmpty()) {
            status.close();
            err().println("read " + report);
        }
        if (characters[1] == 0) {
            throw new IllegalArgumentException("no text in " + input + ": " + report);
        }
    }
}
