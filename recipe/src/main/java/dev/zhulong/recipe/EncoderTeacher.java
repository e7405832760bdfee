package dev.zhulong.recipe;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.OpenEncoder;
import dev.zhulong.tensor.Device;
import dev.zhulong.train.VectorTeacher;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** An encoder whose vectors another learns: a directory or a GGUF file, on the CPU engine where the run is on the processor. */
final class EncoderTeacher implements VectorTeacher, AutoCloseable {
    private final SentenceEncoder encoder;

    private EncoderTeacher(SentenceEncoder encoder) {
        this.encoder = encoder;
    }

    /**
     * Opens it.
     *
     * @param student the other's directory
     * @throws IllegalArgumentException where the two do not read the same ids, or their vectors are of different widths
     */
    static EncoderTeacher open(Path teacher, Path student, EmbeddingConfig own, EncoderSpec spec, Device device) {
        SameTokenizer.require(network(teacher), student.resolve(own.network()), "make the student from the teacher with zhulong prune");
        EmbeddingConfig config = SentenceEncoder.configOf(teacher).orPooled(own.pooling().getFirst());
        var opened = new EncoderTeacher(SentenceEncoder.open(teacher, config, folder -> OpenEncoder.load(folder, choice(folder, device)).encoder()));
        int width = opened.encoder.size();
        if (width != own.dimension(spec.hiddenSize())) {
            opened.close();
            throw new IllegalArgumentException(teacher + " gives vectors of " + width + " numbers and " + student + " of " + own.dimension(spec.hiddenSize()) + ": they have to be as long");
        }
        return opened;
    }

    /** Attention in a pattern of one's own runs on libtorch alone. */
    private static EngineChoice choice(Path folder, Device device) {
        boolean pattern = !GgufFile.isOne(folder) && ModelDirectory.readNetwork(folder) instanceof EncoderSpec spec && spec.stack().layers().stream().anyMatch(layer -> layer.attention().pattern() != null);
        return EngineChoice.DEFAULT.withDevice(device).withEngine(device.isCpu() && !pattern ? Engine.CPU : Engine.TORCH);
    }

    /** Where its weights lie: a directory, or the file itself. */
    static Path network(Path teacher) {
        return GgufFile.isOne(teacher) ? teacher : teacher.resolve(EmbeddingConfig.read(teacher).network());
    }

    /** Files that decide what it gives, besides its weights. */
    static List<Path> describing(Path teacher) {
        return GgufFile.isOne(teacher) ? List.of(teacher) : RunInputs.describing(network(teacher));
    }

    @Override
    public List<float[]> of(List<Text> texts) {
        boolean segments = encoder.network().spec().segments() > 1;
        List<Encoder.Output> outputs = encoder.network().encode(texts.stream().map(text -> new Encoder.Input(text.ids(), segments ? text.types() : new int[0], new boolean[0], false)).toList());
        List<float[]> vectors = new ArrayList<>();
        for (int i = 0; i < outputs.size(); i++) {
            vectors.add(encoder.vector(outputs.get(i), texts.get(i).ids().length, texts.get(i).prompt()));
        }
        return vectors;
    }

    @Override
    public void close() {
        encoder.close();
    }
}
