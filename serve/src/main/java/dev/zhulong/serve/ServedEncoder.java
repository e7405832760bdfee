package dev.zhulong.serve;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.infer.CrossEncoder;
import dev.zhulong.infer.EncoderScheduler;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.util.List;
import java.util.Optional;

/**
 * An encoder that is served: vectors of texts, and what its head says of them where it has one over labels. The encoder stays the caller's, but nobody
 * else may use it until this is closed.
 */
public final class ServedEncoder implements AutoCloseable {
    private final String name;
    private final String engine;
    private final SentenceEncoder encoder;
    private final EncoderScheduler scheduler;

    /**
     * Begins to run.
     *
     * @param name    clients ask for it by
     * @param engine  in words, such as {@code cpu f32}
     * @param waiting most requests that wait
     */
    public ServedEncoder(String name, String engine, SentenceEncoder encoder, int waiting) {
        this.name = name;
        this.engine = engine;
        this.encoder = encoder;
        scheduler = new EncoderScheduler(encoder.network(), waiting);
    }

    public String name() {
        return name;
    }

    String engine() {
        return engine;
    }

    EncoderTokenizer tokenizer() {
        return encoder.tokenizer();
    }

    EncoderSpec spec() {
        return encoder.network().spec();
    }

    EmbeddingConfig config() {
        return encoder.config();
    }

    /** Texts to vectors; its network is the scheduler's. */
    SentenceEncoder encoder() {
        return encoder;
    }

    /** Scores pairs of texts; empty where the network has another head than one of one output. */
    Optional<CrossEncoder> scorer() {
        return encoder.score().map(_ -> new CrossEncoder(encoder));
    }

    EncoderScheduler scheduler() {
        return scheduler;
    }

    /** Longest input in tokens, the model's own included. */
    int mostTokens() {
        return encoder.mostTokens();
    }

    /** Length of the vectors. */
    int dimension() {
        return encoder.size();
    }

    /** What its head decides, in the words of {@code finetune --task}; empty where that is nothing to classify by. */
    String task() {
        return switch (spec().head()) {
            case Head.Classes _ -> "classify";
            case Head.Tags _ -> "tags";
            case Head.Spans _ -> "qa";
            case Head.None _, Head.MaskedTokens _ -> "";
        };
    }

    List<String> labels() {
        return spec().head().labels();
    }

    /** Gives up what is not answered. */
    @Override
    public void close() {
        scheduler.close();
    }
}
