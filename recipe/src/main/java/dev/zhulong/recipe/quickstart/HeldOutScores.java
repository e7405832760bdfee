package dev.zhulong.recipe.quickstart;

import dev.zhulong.data.document.Document;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.evaluate.Perplexity;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.PerplexityResult;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.evaluate.TokenLoss;
import dev.zhulong.evaluate.UnigramBaseline;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.Decoder;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/** Scores held-out documents under the trained model, the model before training, and the unigram baseline. */
final class HeldOutScores {
    private static final String FILE = "evaluation.json";

    private HeldOutScores() {}

    /**
     * @param seed  of the untrained weights
     * @param train what the unigram counts are taken from, control tokens left out
     */
    static Report.HeldOut of(LanguageModel model, long seed, Tokenizer tokenizer, TokenShards train, List<Document> documents, Progress progress) {
        List<TokenDocument> encoded = documents.stream().map(d -> TokenDocument.of(d.text(), tokenizer)).toList();
        long total = 2 * encoded.stream().mapToLong(d -> d.ids().length).sum();
        PerplexityOptions options = PerplexityOptions.of(model.spec(), tokenizer);
        PerplexityResult trained = Perplexity.evaluate(model, tokenizer, encoded, options,
                event -> progress.at("evaluate", event.done(), total, "tokens"));
        PerplexityResult untrained;
        try (var engine = new TorchEngine(Decoder.random(model.spec(), seed))) {
            untrained = Perplexity.evaluate(engine, tokenizer, encoded, options,
                    event -> progress.at("evaluate", total / 2 + event.done(), total, "tokens"));
        }
        var baseline = new UnigramBaseline(tokenizer.vocabSize(), 1);
        for (long d = 0; d < train.documents(); d++) {
            baseline.add(IntStream.of(train.document(d)).filter(id -> !tokenizer.isControl(id)).toArray());
        }
        TokenLoss unigram = baseline.evaluate(encoded, tokenizer, options.bos());
        return new Report.HeldOut(trained.protocol(), documents.size(), trained.loss().tokens(), trained.loss().bytes(),
                score(trained.loss()), score(unigram), score(untrained.loss()), trained.loss().bitsPerByte() / unigram.bitsPerByte());
    }

    private static Report.Score score(TokenLoss loss) {
        return new Report.Score(loss.meanNll(), loss.perplexity(), loss.bitsPerByte());
    }

    static void write(Path directory, Report.HeldOut scores) {
        JsonFile.write(directory.resolve(FILE), scores);
    }

    static Report.HeldOut read(Path directory) {
        return JsonFile.read(directory.resolve(FILE), Report.HeldOut.class);
    }
}
