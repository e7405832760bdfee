package dev.zhulong.compress;

import dev.zhulong.evaluate.Perplexity;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuMemory;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.text.GgufTokenizer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A model to be measured: on the CPU engine, with its weights as they are stored, loaded once.
 *
 * <pre>{@code
 * try (var model = MeasuredModel.load(Path.of("my-model"), 2)) {
 *     Measurement measured = model.measure(model.written());
 * }
 * }</pre>
 */
public final class MeasuredModel implements AutoCloseable {
    /** Most tokens a window of the text has, BOS included. */
    public static final int WINDOW = 512;

    private static final int TEXTS = 8;
    private static final int TEXT_TOKENS = 128;
    private static final long SEED = 1;
    private static final int TIMED = 32;
    private static final double LEAST_SECONDS = 0.7;

    private final CpuEngine engine;
    private final Tokenizer tokenizer;

    private MeasuredModel(CpuEngine engine, Tokenizer tokenizer) {
        this.engine = engine;
        this.tokenizer = tokenizer;
    }

    /** Bytes of memory that measuring a model takes. */
    public static long memory(Path model, int threads) {
        CpuOptions options = CpuOptions.of(threads);
        if (Files.isDirectory(model)) {
            try (ModelDirectory directory = ModelDirectory.open(model)) {
                return memory(CpuMemory.of(directory, Optional.empty(), options));
            }
        }
        try (GgufModel file = GgufModel.open(model)) {
            return memory(CpuMemory.of(file, options));
        }
    }

    /** The texts are in the cache together; windows of a text are not more, but where the vocabulary, and with it the model, is small. */
    private static long memory(MemoryEstimate estimate) {
        return estimate.total(TEXTS * TEXT_TOKENS);
    }

    /** Whether a model has a tokenizer, without which there is no text. */
    public static boolean hasTokenizer(Path model) {
        if (Files.isDirectory(model)) {
            try (ModelDirectory directory = ModelDirectory.open(model)) {
                return directory.tokenizer().isPresent();
            }
        }
        try (GgufFile file = GgufFile.open(model)) {
            return GgufTokenizer.isIn(file.metadata());
        }
    }

    /** Loads a model directory or GGUF file that {@linkplain #hasTokenizer has a tokenizer}. */
    public static MeasuredModel load(Path model, int threads) {
        Tokenizer tokenizer = tokenizer(model);
        try {
            return new MeasuredModel(engine(model, threads), tokenizer);
        } catch (RuntimeException | Error e) {
            tokenizer.close();
            throw e;
        }
    }

    private static CpuEngine engine(Path model, int threads) {
        if (Files.isDirectory(model)) {
            try (ModelDirectory directory = ModelDirectory.open(model)) {
                return CpuEngine.load(directory, Optional.empty(), CpuOptions.of(threads));
            }
        }
        try (GgufModel file = GgufModel.open(model)) {
            return CpuEngine.load(file, CpuOptions.of(threads));
        }
    }

    private static Tokenizer tokenizer(Path model) {
        if (Files.isDirectory(model)) {
            return HuggingFaceTokenizer.load(model);
        }
        try (GgufFile file = GgufFile.open(model)) {
            return GgufTokenizer.load(file.metadata());
        }
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
        return new Measurement(loss.perplexity(), loss.tokens(), speed());
    }

    /** Tokens a second of one sequence, after as many that warm the compiled code up. */
    private double speed() {
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

    @Override
    public void close() {
        try (tokenizer) {
            engine.close();
        }
    }
}
