package dev.zhulong.recipe;

import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.model.TextVectors;
import java.nio.file.Path;

/**
 * An encoder whose vectors another learns.
 *
 * @param model   without a head
 * @param vectors that its states become
 */
record EncoderTeacher(ModelDirectory files, Encoder model, TextVectors vectors) implements AutoCloseable {
    private static final String TOKENIZER = "tokenizer.json";

    /**
     * Opens it.
     *
     * @param student the other's directory
     * @throws IllegalArgumentException where the two do not read the same ids, or their vectors are of different widths
     */
    static EncoderTeacher open(Path directory, Path student, EmbeddingConfig own, EncoderSpec spec) {
        EmbeddingConfig config = EmbeddingConfig.read(directory).orPooled(own.pooling().getFirst());
        Path network = directory.resolve(config.network());
        if (!ContentHash.ofFile(network.resolve(TOKENIZER)).equals(ContentHash.ofFile(student.resolve(own.network()).resolve(TOKENIZER)))) {
            throw new IllegalArgumentException(directory + " has another tokenizer than " + student + ": a teacher has to read the same tokens; make the student from the teacher with zhulong prune");
        }
        ModelDirectory files = ModelDirectory.open(network);
        try {
            EncoderSpec theirs = spec(files.network(), directory);
            int width = config.dimension(theirs.hiddenSize());
            if (width != own.dimension(spec.hiddenSize())) {
                throw new IllegalArgumentException(directory + " gives vectors of " + width + " numbers and " + student + " of " + own.dimension(spec.hiddenSize())
                        + ": they have to be as long");
            }
            return new EncoderTeacher(files, EncoderFiles.loadAs(files, theirs, 0), new TextVectors(config, directory));
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
    }

    /** Where its weights lie. */
    static Path network(Path directory) {
        return directory.resolve(EmbeddingConfig.read(directory).network());
    }

    private static EncoderSpec spec(NetworkSpec network, Path directory) {
        if (network instanceof EncoderSpec encoder) {
            return encoder.withoutHead();
        }
        throw new IllegalArgumentException(directory + " holds a model that is no encoder (" + network.family().modelType() + "), and the teacher has to be one");
    }

    @Override
    public void close() {
        vectors.close();
        model.close();
        files.close();
    }
}
