package dev.zhulong.compress.prune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.compress.WholeDirectory;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** A model directory that is read to be pruned, and the one that is made of it. */
final class PrunedDirectory {
    static final String STAGE = "prune";
    private static final String QUANTIZATION = "quantization_config";

    private PrunedDirectory() {}

    /**
     * Opens a model whose parts can be taken away.
     *
     * @throws IllegalArgumentException where its weights are quantized, or it is of a kind that is not pruned
     */
    static ModelDirectory open(Path model) {
        if (!Files.isDirectory(model)) {
            throw new IllegalArgumentException(model + " is no model directory: prune the directory in the Hugging Face layout first, and quantize what comes of it");
        }
        ModelDirectory source = ModelDirectory.open(model);
        try {
            requirePrunable(source);
            return source;
        } catch (RuntimeException e) {
            source.close();
            throw e;
        }
    }

    private static void requirePrunable(ModelDirectory source) {
        if (source.quantization().isPresent()) {
            throw new IllegalArgumentException(source.path() + " is quantized: prune the model it was made from, which its zhulong.json names, and quantize the result");
        }
        if (source.network() instanceof EncoderDecoderSpec) {
            throw new IllegalArgumentException(source.path() + " is an encoder–decoder, which is not pruned: expected a decoder or an encoder");
        }
        if (config(source).has("text_config")) {
            throw new IllegalArgumentException(source.path() + " is the text half of a model that sees or hears as well, which is not pruned: save the text half by itself first");
        }
    }

    /** A copy of {@code config.json}, of weights that are plain numbers now. */
    static ObjectNode config(ModelDirectory source) {
        ObjectNode config = JsonFields.read(source.path().resolve(ModelDirectory.CONFIG)).object().deepCopy();
        config.remove(QUANTIZATION);
        if (!(source.network() instanceof EncoderSpec)) {
            // the files may hold a head that is not the embedding, whatever the configuration says
            config.put("tie_word_embeddings", source.network().tiedEmbeddings());
        }
        return config;
    }

    static void requireReplaceable(Path out) {
        WholeDirectory.requireReplaceable(out, STAGE, "a pruned model");
    }

    /**
     * Writes the model beside its place, reads its configuration back, and moves it there.
     *
     * @param companions writes what belongs to it besides weights and configuration
     */
    static void write(ModelDirectory source, Path out, ObjectNode config, List<SafetensorsWriter.Entry> weights, WholeDirectory.Content companions, Map<String, Object> recipe) {
        requireReplaceable(out);
        WholeDirectory.write(out, directory -> {
            companions.writeTo(directory);
            if (source.network() instanceof EncoderSpec encoder) {
                vectors(source.path(), directory, encoder.hiddenSize());
            }
            AtomicFile.writeString(directory.resolve(ModelDirectory.CONFIG), JsonFields.text(config));
            SafetensorsWriter.write(directory.resolve(ModelDirectory.WEIGHTS), Map.of("format", "pt"), weights);
            provenance(source.path(), recipe).write(directory);
            ModelDirectory.readNetwork(directory);
        });
    }

    /** What a model is made of. */
    static Provenance provenance(Path from, Map<String, Object> recipe) {
        List<Provenance> parents = Files.isRegularFile(from.resolve(Provenance.FILE)) ? List.of(Provenance.read(from)) : List.of();
        return Provenance.of(STAGE, List.of(Provenance.Input.of(from)), recipe, 0).withParents(parents);
    }

    /** Adds ids of tokens that the model's configuration names to one that was written anew, as what that is written from does not hold all of them. */
    static void ids(ModelDirectory source, Path directory) {
        Path file = directory.resolve(ModelDirectory.CONFIG);
        ObjectNode now = JsonFields.read(file).object().deepCopy();
        config(source).properties().forEach(entry -> {
            if (entry.getKey().endsWith("_token_id") && !now.hasNonNull(entry.getKey())) {
                now.set(entry.getKey(), entry.getValue());
            }
        });
        AtomicFile.writeString(file, JsonFields.text(now));
    }

    /** How an encoder's vectors are made. */
    static void vectors(Path from, Path to, int hidden) {
        if (Files.isRegularFile(from.resolve("modules.json"))) {
            EmbeddingConfig.read(from).write(from, to, hidden);
        }
    }

    /** Bytes of weights and tokenizer: all files but the notes on where they come from. */
    static long bytes(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            long bytes = 0;
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String name = file.getFileName().toString();
                bytes += name.endsWith(".safetensors") || name.equals("tokenizer.json") ? Files.size(file) : 0;
            }
            return bytes;
        }
    }
}
