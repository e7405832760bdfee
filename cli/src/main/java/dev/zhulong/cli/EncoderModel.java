package dev.zhulong.cli;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.OpenEncoder;
import dev.zhulong.model.LoraAdapter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * An encoder's directory, in sentence-transformers' layout or a bare one, from text to vector.
 *
 * @param engine in words, such as {@code cpu f32}
 */
record EncoderModel(SentenceEncoder encoder, String engine) implements AutoCloseable {
    private static final String MODULES = "modules.json";

    /** Whether a path is a directory of an encoder, whose network may lie in a folder of its own. */
    static boolean is(Path model) {
        boolean elsewhere = !Files.isRegularFile(model.resolve(ModelDirectory.CONFIG)) && Files.isRegularFile(model.resolve(MODULES));
        return OpenEncoder.isEncoder(elsewhere ? model.resolve(EmbeddingConfig.read(model).network()) : model);
    }

    /** @throws IllegalArgumentException where it cannot be run as chosen; says what to do */
    static EncoderModel open(Path model, EngineChoice choice) {
        return open(model, null, choice, notice -> { });
    }

    /**
     * The same with a LoRA adapter in its weights; where that says how vectors are made, as it says.
     *
     * @param adapter null for none
     * @param say     told what the user should know of the adapter
     */
    static EncoderModel open(Path model, Path adapter, EngineChoice choice, Consumer<String> say) {
        var engine = new AtomicReference<String>();
        EmbeddingConfig config = adapter != null && Files.isRegularFile(adapter.resolve(MODULES)) ? EmbeddingConfig.read(adapter) : SentenceEncoder.configOf(model);
        SentenceEncoder encoder = SentenceEncoder.open(model, config, folder -> {
            OpenEncoder opened = OpenEncoder.load(folder, Optional.ofNullable(adapter), choice);
            engine.set(opened.engine());
            return opened.encoder();
        });
        if (adapter != null) {
            LoraAdapter.notice(adapter, encoder.network().spec()).ifPresent(say);
        }
        return new EncoderModel(encoder, engine.get());
    }

    @Override
    public void close() {
        encoder.close();
    }
}
