package dev.zhulong.recipe;

import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.text.TokenizerConfig;
import dev.zhulong.text.chat.ChatTemplate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a run reads besides its recipe, in {@code inputs.json}: a run that went on with other rows or other weights than it began with would be of
 * neither.
 *
 * <p>Weights are known by samples of their bytes, read in a moment, as long as they have not been touched; else, as everything else, by all of
 * them, so that a file that was put back is the same again.
 *
 * @param hashes of the content, by names of the inputs
 */
record RunInputs(Map<String, Hash> hashes) {
    private static final String FILE = "inputs.json";
    private static final Set<String> UNKNOWN_EARLIER = Set.of("special_tokens_map.json", "added_tokens.json");

    /**
     * @param sha256  of all bytes
     * @param samples see {@link ContentHash#ofSamples}; null for what is always read as a whole
     */
    record Hash(String sha256, String samples) {}

    /**
     * What the run in {@code directory} reads now.
     *
     * @param named by name, what is known already
     * @param files read as a whole
     * @param base  directory or GGUF file of a model whose weights are read; null for none
     * @throws IllegalArgumentException if any of it is not what the run began with; names it
     */
    static RunInputs of(Path directory, Map<String, String> named, Collection<Path> files, Path base) {
        Map<String, Hash> then = read(directory.resolve(FILE));
        Map<String, Hash> now = new LinkedHashMap<>();
        named.forEach((name, sha256) -> now.put(name, new Hash(sha256, null)));
        files.forEach(file -> now.put(file.toString(), new Hash(ContentHash.ofFile(file).sha256(), null)));
        if (base != null) {
            for (Path file : Files.isRegularFile(base) ? List.of(base) : ModelDirectory.weightFiles(base)) {
                String samples = ContentHash.ofSamples(file).sha256();
                Hash before = then.get(file.toString());
                boolean untouched = before != null && samples.equals(before.samples);
                now.put(file.toString(), untouched ? before : new Hash(ContentHash.ofFile(file).sha256(), samples));
            }
        }
        requireSame(then, now);
        return new RunInputs(now);
    }

    /** The files of a model that decide how text becomes tokens, and its shape. */
    static List<Path> describing(Path model) {
        return Stream.concat(Stream.of("config.json", ChatTemplate.FILE), TokenizerConfig.FILES.stream()).map(model::resolve).filter(Files::isRegularFile).toList();
    }

    private static void requireSame(Map<String, Hash> then, Map<String, Hash> now) {
        String otherwise = ": put it back, or start a new run in another directory";
        then.forEach((name, hash) -> {
            Hash here = now.get(name);
            if (here == null) {
                throw new IllegalArgumentException(name + " was there when this run began and is gone" + otherwise);
            }
            if (!here.sha256.equals(hash.sha256)) {
                throw new IllegalArgumentException(name + " has changed since this run began" + otherwise);
            }
        });
        // a run of an earlier version wrote down neither weights nor all files of a tokenizer
        boolean earlier = isWithoutWeights(then) && !isWithoutWeights(now);
        now.forEach((name, hash) -> {
            boolean known = then.containsKey(name) || earlier && (hash.samples != null || UNKNOWN_EARLIER.contains(Path.of(name).getFileName().toString()));
            if (!then.isEmpty() && !known) {
                throw new IllegalArgumentException(name + " was not there when this run began: remove it, or start a new run in another directory");
            }
        });
    }

    private static boolean isWithoutWeights(Map<String, Hash> hashes) {
        return hashes.values().stream().allMatch(hash -> hash.samples == null);
    }

    private static Map<String, Hash> read(Path file) {
        Map<String, Hash> hashes = new LinkedHashMap<>();
        if (!Files.isRegularFile(file)) {
            return hashes;
        }
        JsonFields fields = JsonFields.read(file);
        fields.object().properties().forEach(e -> hashes.put(e.getKey(), e.getValue().isTextual() ? new Hash(e.getValue().textValue(), null)
                : fields.object(e.getKey()).map(hash -> new Hash(hash.string("sha256"), hash.string("samples")))
                        .orElseThrow(() -> fields.wrong(e.getKey(), "a hash", e.getValue()))));
        return hashes;
    }

    /** Writes {@code inputs.json}. */
    void write(Path directory) {
        Map<String, Object> fields = new LinkedHashMap<>();
        hashes.forEach((name, hash) -> fields.put(name, hash.samples == null ? hash.sha256 : hash));
        JsonFile.write(directory.resolve(FILE), fields);
    }
}
