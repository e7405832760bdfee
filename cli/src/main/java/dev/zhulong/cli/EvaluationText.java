package dev.zhulong.cli;

import dev.zhulong.data.Corpus;
import dev.zhulong.data.DocumentStore;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.ReadOptions;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.text.Tokenizer;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Documents to evaluate on, from wherever the user points to. Close the stream. */
final class EvaluationText {
    private EvaluationText() {}

    /** Each file a document. */
    static Stream<TokenDocument> files(List<Path> files, Tokenizer tokenizer) {
        for (Path file : files) {
            if (!Files.exists(file)) {
                throw new IllegalArgumentException("no such file: " + file);
            }
        }
        return files.stream().map(file -> TokenDocument.of(TextFile.read(file), tokenizer));
    }

    /**
     * What a directory holds: the held-out side of a cleaned corpus or of token shards, one side of them, else its texts as they are.
     *
     * @param model directory of the model, whose tokenizer token shards must have been made with
     */
    static Stream<TokenDocument> directory(Path directory, Path model, Tokenizer tokenizer, PrintWriter err) {
        if (!Files.isDirectory(directory)) {
            throw new IllegalArgumentException(Files.exists(directory) ? directory + " is not a directory; for a text file use --text"
                    : "no such directory: " + directory);
        }
        if (isShards(directory)) {
            return shards(directory, model);
        }
        if (isShards(directory.resolve("validation"))) {
            return shards(directory.resolve("validation"), model);
        }
        if (Files.isRegularFile(directory.resolve("store.json"))) {
            return stored(DocumentStore.open(directory), tokenizer);
        }
        if (Corpus.isIn(directory)) {
            return stored(Corpus.open(directory).validation(), tokenizer);
        }
        var report = new ReadReport();
        var texts = new ArrayList<String>();
        new DocumentReader(ReadOptions.DEFAULT, report).read(List.of(directory), document -> texts.add(document.text()));
        err.println(directory + " is not a cleaned corpus: using its texts unchanged, " + report);
        err.flush();
        return texts.stream().map(text -> TokenDocument.of(text, tokenizer));
    }

    private static Stream<TokenDocument> stored(DocumentStore store, Tokenizer tokenizer) {
        if (store.count() == 0) {
            throw new IllegalArgumentException(store.directory() + " holds no document: clean again with a larger --validation-fraction");
        }
        return store.documents().map(document -> TokenDocument.of(document.text(), tokenizer));
    }

    private static boolean isShards(Path directory) {
        return Files.isRegularFile(directory.resolve("shards.json"));
    }

    private static Stream<TokenDocument> shards(Path directory, Path model) {
        if (ModelFiles.isGguf(model)) {
            throw new IllegalArgumentException(directory + " are token shards, which are tied to a tokenizer.json, and " + model
                    + " has none: evaluate on the corpus or the texts instead");
        }
        TokenShards shards = TokenShards.open(directory);
        String tokenizer = ContentHash.ofFile(model.resolve("tokenizer.json")).sha256();
        if (!tokenizer.equals(shards.tokenizerHash())) {
            shards.close();
            throw new IllegalArgumentException(directory + " was made with another tokenizer than that of " + model
                    + ": evaluate on the corpus or the texts instead");
        }
        return LongStream.range(0, shards.documents())
                .mapToObj(document -> new TokenDocument(shards.document(document), shards.documentBytes(document)))
                .onClose(shards::close);
    }
}
