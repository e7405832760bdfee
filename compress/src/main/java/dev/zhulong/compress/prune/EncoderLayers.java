package dev.zhulong.compress.prune;

import dev.zhulong.compress.WholeDirectory;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.SafetensorsWriter.Entry;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.gguf.DirectoryWeights;
import dev.zhulong.text.Companions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * An encoder with some of its layers, such as a student that learns from the whole one. Embeddings, head and what makes vectors of the states go along as they are.
 *
 * <pre>{@code
 * EncoderLayers.write(Path.of("all-MiniLM-L6-v2"), List.of(0), Path.of("student"));
 * }</pre>
 */
public final class EncoderLayers {
    private EncoderLayers() {}

    /**
     * Writes the smaller encoder as a directory, whole or not at all, its weights in the types that they are stored in.
     *
     * @param model  directory in the Hugging Face or sentence-transformers layout
     * @param layers that stay, by their numbers from 0, in any order
     * @throws IllegalArgumentException where the model has no such layer or is no encoder, its family's files cannot say what is left, or {@code out} is there and was not made by pruning
     */
    public static DecoderPrune.Written write(Path model, List<Integer> layers, Path out) {
        PrunedDirectory.requireReplaceable(out);
        String folder = EmbeddingConfig.read(model).network();
        Path network = model.resolve(folder);
        try (ModelDirectory source = PrunedDirectory.open(network)) {
            if (!(source.network() instanceof EncoderSpec spec)) {
                throw new IllegalArgumentException(network + " holds no encoder, and decoders are pruned by DecoderPrune");
            }
            List<Integer> staying = Staying.numbers(spec.layers(), layers);
            EncoderSpec smaller = spec.withLayers(staying.stream().map(spec::layer).toList());
            List<Entry> weights = weights(source, spec, smaller, staying);
            // refuses what the family has no word for
            String config = HfConfig.write(smaller, weights.stream().map(Entry::type).findFirst().orElse(StorageType.F32));
            WholeDirectory.write(out, directory -> {
                Path to = Files.createDirectories(directory.resolve(folder));
                Companions.copy(network, to);
                AtomicFile.writeString(to.resolve(ModelDirectory.CONFIG), config);
                PrunedDirectory.ids(source, to);
                SafetensorsWriter.write(to.resolve(ModelDirectory.WEIGHTS), Map.of("format", "pt"), weights);
                PrunedDirectory.vectors(model, directory, spec.hiddenSize());
                PrunedDirectory.provenance(model, Map.of("layers", staying)).write(directory);
            });
            return new DecoderPrune.Written(PrunedDirectory.bytes(network), PrunedDirectory.bytes(out.resolve(folder)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Entry> weights(ModelDirectory source, EncoderSpec spec, EncoderSpec smaller, List<Integer> staying) {
        Map<String, TensorView> stored = DirectoryWeights.of(source, Map.of());
        Parameters from = Parameters.of(spec);
        var used = new TreeSet<String>();
        List<Entry> entries = new ArrayList<>();
        for (Parameter to : Parameters.of(smaller)) {
            int layer = to.layer() < 0 ? -1 : staying.get(to.layer());
            Parameter was = from.find(to.role(), layer, to.expert(), to.bias()).orElseThrow(() -> new IllegalArgumentException("layer " + layer + " of " + source.path() + " has no " + to.name()
                    + ", which a layer in its place needs: keep layer " + to.layer()));
            used.add(was.name());
            TensorView view = stored.get(was.name());
            if (view != null) {
                entries.add(new Entry(to.name(), view.type(), view.shape(), view::data));
            }
        }
        for (Parameter was : from) {
            if ((was.layer() < 0 || staying.contains(was.layer())) && !used.contains(was.name())) {
                throw new IllegalArgumentException(was.name() + " has no place in the layer that would be number " + staying.indexOf(was.layer())
                        + ": the layers of this family are not all alike, so keep layer " + staying.indexOf(was.layer()));
            }
        }
        return entries;
    }
}
