package dev.zhulong.compress;

import dev.zhulong.evaluate.Perplexity;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How well a loaded model predicts a text, and how fast it writes.
 *
 * <pre>{@code
 * try (ModelFiles files = ModelFiles.open(Path.of("my-model"), EngineChoice.DEFAULT); LoadedModel loaded = files.load(MeasuredModel.TOKENS)) {
 *     var model = new MeasuredModel(loaded);
 *     Measurement measured = model.measure(model.written());
 * }
 * }</pre>
 */
public final class MeasuredModel {
    /** Most tokens a window of the text has, BOS included. */
    public static final int WINDOW = 512;

    private static final int TEXTS = 8;
    private static final int TEXT_TOKENS = 128;
    private static final long SEED = 1;
    private static final int TIMED = 32;
    private static final double LEAST_SECONDS = 0.7;

    /** Tokens that are in the caches together: those of the texts; windows of a text are not more, but where the vocabulary, and with it the model, is small. */
    public static final int TOKENS = TEXTS * TEXT_TOKENS;

    private final LanguageModel engine;
    private final Tokenizer tokenizer;

    /** Of a model that stays the caller's. */
    public MeasuredModel(LoadedModel model) {
        engine = model.model();
        tokenizer = model.tokenizer();
    }

    /** The documents of {@code text}, tokenised. */
    public List<TokenDocument> documents(String text) {
        return List.of(TokenDocument.of(text, tokenizer));
    }

    /**
     * Texts the model writes itself from nothing, at temperature 1 from a fixed seed: {@value #TEXTS} of at most {@value #TEXT_TOKENS} tokens. What
     * it says by itself is what it must not lose, and needs no file.
     */
    public List<TokenDocument> written() {
        var generator = new Generator(engine, tokenizer);
        int[] start = generator.sequence(new int[0]);
        int most = Math.min(TEXT_TOKENS, engine.spec().contextLength() - start.length);
        List<Generation> texts = generator.generateAll(Collections.nCopies(TEXTS, start),
                GenerateOptions.of(most, SamplerOptions.DEFAULT.withSeed(SEED)), (index, text) -> { });
        var documents = new ArrayList<TokenDocument>();
        for (Generation text : texts) {
            int[] ids = IntStream.concat(IntStream.of(start), IntStream.of(text.ids())).toArray();
            if (ids.length > 1) {
                documents.add(TokenDocument.of(ids, tokenizer));
            }
        }
        return documents;
    }

    /** Over documents that its tokenizer, or one equal to it, made. */
    public Measurement measure(List<TokenDocument> documents) {
        PerplexityOptions options = PerplexityOptions.of(engine.spec(), tokenizer).withWindow(Math.min(WINDOW, engine.spec().contextLength()));
        var loss = Perplexity.evaluate(engine, tokenizer, documents, options, Progress.SILENT).loss();
        return new Measurement(loss.perplexity(), loss.tokens(), tokensPerSecond());
    }

    /** Tokens a second of one sequence, after as many that warm the compiled code up. */
    public double tokensPerSecond() {
        int capacity = Math.min(engine.spec().contextLength(), TIMED + 1);
        double speed = 0;
        for (int pass = 0; pass < 2; pass++) {
            int written = 0;
            long start = System.nanoTime();
            double seconds = 0;
            while (written < TIMED || seconds < LEAST_SECONDS) {
                try (KvCache cache = engine.newCache(capacity)) {
                    for (int i = 0; i < capacity; i++) {
                        engine.forward(List.of(new Span(cache, new int[] {i % engine.spec().vocabSize()})), false);
                    }
                }
                written += capacity;
                seconds = (System.nanoTime() - start) * 1e-9;
            }
            speed = written / seconds;
            // plain loops answer until the vector kernels are compiled
            VectorSupport.awaitKernels();
        }
        return speed;
    }
}
