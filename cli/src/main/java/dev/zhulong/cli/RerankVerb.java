package dev.zhulong.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.infer.CrossEncoder;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.open.EngineChoice.Engine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Documents in the order of their relevance to a query. */
@Command(
        name = "rerank",
        description = {
            "Sort documents by their relevance to a query, as a cross-encoder scores them.",
            "A document is a line of the file. Each result is a JSON object on a line of its own, the most relevant first: index (of the document, from 0), score and text.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong rerank --model ms-marco-MiniLM-L6-v2 --query 'Where is my card?' passages.txt",
            "  grep -i card passages.txt | zhulong rerank --model ms-marco-MiniLM-L6-v2 --query 'Where is my card?' --top 5 -",
        })
final class RerankVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Directory or GGUF file of a cross-encoder: BERT or a descendant with one output for a pair of texts.")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to put into the model's weights, in PEFT's files, with the head it brings.")
    Path adapter;

    @Option(names = "--query", required = true, paramLabel = "TEXT", description = "Text that the documents are compared with.")
    String query;

    @Option(names = "--top", paramLabel = "N", description = "Print only the N best (default: all).")
    Integer top;

    @Parameters(index = "0", paramLabel = "FILE", description = "File with a document on each line; - for standard input.")
    Path file;

    @Mixin
    EngineOptions engine;

    @Override
    protected void run() throws IOException {
        engine.check(List.of(model), null);
        if (top != null && top < 1) {
            throw wrongUsage("--top must be at least 1, found " + top);
        }
        if (!EncoderModel.is(model)) {
            throw new IllegalArgumentException(model + " is no directory of an encoder, nor a GGUF file of one: name one of a cross-encoder");
        }
        String text = file.toString().equals("-") ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8) : TextFile.read(file);
        List<String> documents = text.lines().toList();
        try (EncoderModel opened = EncoderModel.open(model, adapter, engine.choice(Engine.AUTO), notice -> err().println("[" + notice + "]"))) {
            double[] scores = new CrossEncoder(opened.encoder()).scores(query, documents);
            CrossEncoder.ranked(scores).stream().limit(top == null ? Integer.MAX_VALUE : top).forEach(i -> {
                ObjectNode result = JsonFields.MAPPER.createObjectNode().put("index", i).put("score", scores[i]).put("text", documents.get(i));
                out().println(result);
            });
            report(opened.encoder(), documents);
        }
    }

    private void report(SentenceEncoder encoder, List<String> documents) {
        long cut = documents.stream().filter(each -> encoder.tokenizer().encode(query, each, Integer.MAX_VALUE).length() > encoder.mostTokens()).count();
        if (cut > 0) {
            err().println(String.format(Locale.ROOT, "[%,d of %,d documents are, with the query, longer than the %,d tokens that the model reads: the end of the longer text does not count]",
                    cut, documents.size(), encoder.mostTokens()));
            err().flush();
        }
    }
}
