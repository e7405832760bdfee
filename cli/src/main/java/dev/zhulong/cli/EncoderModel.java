package dev.zhulong.cli;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.OpenEncoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;

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
        var engine = new AtomicReference<String>();
        SentenceEncoder encoder = SentenceEncoder.open(model, folder -> {
            OpenEncoder opened = OpenEncoder.load(folder, choice);
            engine.set(opened.engine());
            return opened.encoder();
        });
        return new EncoderModel(encoder, engine.get());
    }

    @Override
    public void close() {
        encoder.close();
    }
}
