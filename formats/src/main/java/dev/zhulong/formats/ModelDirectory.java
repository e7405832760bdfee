package dev.zhulong.formats;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A network in a Hugging Face directory: {@code config.json}, weights in {@code model.safetensors} or in shards under
 * {@code model.safetensors.index.json}, and where there {@code generation_config.json} and the tokenizer's files.
 *
 * <pre>{@code
 * try (var model = ModelDirectory.open(Path.of("stories15M"))) {
 *     DecoderSpec spec = model.spec();
 *     TensorView embedding = model.tensor("model.embed_tokens.weight");
 * }
 * }</pre>
 *
 * <p>Weights are mapped, not read. Pickle checkpoints ({@code pytorch_model.bin}, {@code .pt}) are refused, because unpickling runs code.
 */
public final class ModelDirectory implements AutoCloseable {

    /** File names of the layout. */
    public static final String CONFIG = "config.json";
    public static final String WEIGHTS = "model.safetensors";
    public static final String INDEX = "model.safetensors.index.json";

    private static final String WAY_OUT = "convert it with transformers on a machine with Python "
            + "(model.save_pretrained(directory, safe_serialization=True)) or download the revision with " + WEIGHTS;

    private final Path path;
    private final NetworkSpec spec;
    private final Optional<String> notice;
    private final GenerationConfig generationConfig;
    private final List<SafetensorsFile> files;
    private final Map<String, TensorView> tensors;
    private final Optional<AdaptedWeights> adapted;
    private final Optional<PackedCheckpoint> packed;

    private ModelDirectory(Path path, StoredHead head, Optional<String> half, GenerationConfig generation, List<SafetensorsFile> files,
            Map<String, TensorView> tensors, Optional<AdaptedWeights> adapted, Optional<PackedCheckpoint> packed) {
        this.path = path;
        this.packed = packed;
        this.spec = adapted.map(AdaptedWeights::network).orElse(head.spec());
        this.adapted = adapted;
        this.notice = joined(half, head.notice());
        this.generationConfig = generation;
        this.files = files;
        this.tensors = Collections.unmodifiableMap(tensors);
    }

    /**
     * Opens a directory with its weights.
     *
     * @throws FormatException when something is missing or wrong; the message says what and what to do
     */
    public static ModelDirectory open(Path directory) {
        return open(directory, Optional.empty());
    }

    /**
     * Opens a directory of an encoder or an encoder–decoder with a LoRA adapter in its weights, and with the head that the adapter brings.
     *
     * @param adapter directory in PEFT's format; empty for none
     * @throws FormatException          when something is missing or wrong; the message says what and what to do
     * @throws IllegalArgumentException when the adapter changes nothing, or the directory's weights are quantized
     */
    public static ModelDirectory open(Path directory, Optional<Path> adapter) {
        NetworkSpec spec = readNetwork(directory);
        GenerationConfig generation = readGenerationConfig(directory, spec);
        var files = new ArrayList<SafetensorsFile>();
        boolean opened = false;
        try {
            Map<String, TensorView> tensors = openWeights(directory, files);
            JsonFields config = JsonFields.read(directory.resolve(CONFIG));
            Optional<String> half = Optional.empty();
            if (TextHalf.isIn(config)) {
                half = TextHalf.notice(config, tensors);
                tensors = TextHalf.weights(tensors);
            }
            Optional<PackedScheme> scheme = QuantizationConfig.packed(config);
            Map<String, TensorView> stored = tensors;
            Optional<PackedCheckpoint> packed = scheme.map(as -> PackedCheckpoint.of(as, stored, spec));
            tensors = packed.map(PackedCheckpoint::tensors).orElse(stored);
            StoredHead head = StoredHead.of(spec, spec.family().tidy(spec, tensors));
            var model = new ModelDirectory(directory, head, joined(half, packed.flatMap(PackedCheckpoint::notice)), generation, files, tensors,
                    adapter.map(from -> adapted(directory, from, head.spec())), packed);
            opened = true;
            return model;
        } finally {
            if (!opened) {
                files.forEach(SafetensorsFile::close);
            }
        }
    }

    private static Optional<String> joined(Optional<String> one, Optional<String> other) {
        return one.isPresent() && other.isPresent() ? Optional.of(one.get() + "; " + other.get()) : one.or(() -> other);
    }

    private static AdaptedWeights adapted(Path directory, Path adapter, NetworkSpec spec) {
        if (spec instanceof DecoderSpec) {
            throw new IllegalArgumentException("an adapter of a decoder is not put into its weights here: " + adapter);
        }
        Path config = directory.resolve(CONFIG);
        if (HfConfig.quantization(config).isPresent() || QuantizationConfig.packed(JsonFields.read(config)).isPresent()) {
            throw new IllegalArgumentException(directory + " is quantized, and an adapter belongs to the model in its own precision: merge it into that one (zhulong merge), and quantize"
                    + " the result");
        }
        return AdaptedWeights.open(adapter, spec);
    }

    /**
     * Reads {@code config.json} of a decoder alone; the weights need not be there.
     *
     * @throws FormatException when the directory or the file is missing or wrong, or the network is no decoder
     */
    public static DecoderSpec readSpec(Path directory) {
        return HfConfig.decoder(readNetwork(directory), directory.resolve(CONFIG));
    }

    /**
     * Reads {@code config.json} alone; the weights need not be there.
     *
     * @throws FormatException when the directory or the file is missing or wrong
     */
    public static NetworkSpec readNetwork(Path directory) {
        if (!Files.isDirectory(directory)) {
            String found = Files.exists(directory) ? "a file" : "nothing there";
            throw new FormatException(directory,
                    "expected a model directory with " + CONFIG + " and " + WEIGHTS + ", found " + found + hint(directory));
        }
        Path config = directory.resolve(CONFIG);
        if (!Files.isRegularFile(config)) {
            throw new FormatException(config, Files.exists(directory.resolve("adapter_config.json"))
                    ? "no such file: this is an adapter, which needs the directory of its base model"
                    : "no such file: a model directory has one beside its weights; download it, or name the directory that has it");
        }
        return HfConfig.network(config);
    }

    private static String hint(Path directory) {
        String name = directory.toString();
        return !directory.isAbsolute() && name.chars().filter(c -> c == '/').count() == 1 && Files.notExists(directory)
                ? "; a name on the Hugging Face hub must be downloaded first" : "";
    }

    private static GenerationConfig readGenerationConfig(Path directory, NetworkSpec spec) {
        Path file = directory.resolve(GenerationConfig.FILE);
        if (Files.exists(file)) {
            return GenerationConfig.read(file);
        }
        return switch (spec) {
            case DecoderSpec decoder -> GenerationConfig.of(decoder.bosId(), decoder.eosIds());
            case EncoderSpec encoder -> GenerationConfig.of(-1, List.of());
            case EncoderDecoderSpec both -> GenerationConfig.of(both.ids().bos(), both.ids().eos());
            case VisionSpec vision -> GenerationConfig.of(-1, List.of());
        };
    }

    /**
     * The files that hold the weights of a directory, an index of shards among them; only what is there.
     *
     * @throws FormatException when the index is malformed
     */
    public static List<Path> weightFiles(Path directory) {
        Path index = directory.resolve(INDEX);
        if (Files.exists(directory.resolve(WEIGHTS)) || !Files.exists(index)) {
            return Stream.of(directory.resolve(WEIGHTS)).filter(Files::isRegularFile).toList();
        }
        var files = new TreeSet<>(List.of(index));
        JsonFields.read(index).object("weight_map").ifPresent(map -> map.object().forEach(shard -> {
            if (shard.isTextual() && isPlainName(shard.textValue())) {
                files.add(directory.resolve(shard.textValue()));
            }
        }));
        return files.stream().filter(Files::isRegularFile).toList();
    }

    private static Map<String, TensorView> openWeights(Path directory, List<SafetensorsFile> files) {
        if (Files.exists(directory.resolve(WEIGHTS))) {
            var file = SafetensorsFile.open(directory.resolve(WEIGHTS));
            files.add(file);
            return file.tensors();
        }
        if (Files.exists(directory.resolve(INDEX))) {
            return openShards(directory, files);
        }
        throw missingWeights(directory);
    }

    private static Map<String, TensorView> openShards(Path directory, List<SafetensorsFile> files) {
        Path index = directory.resolve(INDEX);
        JsonFields weightMap = JsonFields.read(index).object("weight_map")
                .orElseThrow(() -> FormatException.at(index, "weight_map", "an object of tensor and file names", "none"));
        var shards = new LinkedHashMap<String, SafetensorsFile>();
        var tensors = new LinkedHashMap<String, TensorView>();
        for (var entry : weightMap.object().properties()) {
            String tensor = entry.getKey();
            String place = "weight_map, tensor " + FormatException.quote(tensor);
            String shardName = entry.getValue().textValue();
            if (shardName == null || !isPlainName(shardName)) {
                throw FormatException.at(index, place, "the name of a .safetensors file in the same directory",
                        shardName == null ? entry.getValue().getNodeType() : FormatException.quote(shardName));
            }
            SafetensorsFile shard = shards.get(shardName);
            if (shard == null) {
                Path file = directory.resolve(shardName);
                if (!Files.exists(file)) {
                    throw new FormatException(file, "no such file, but " + INDEX + " puts tensor " + FormatException.quote(tensor)
                            + " there; download the missing shard");
                }
                shard = SafetensorsFile.open(file);
                files.add(shard);
                shards.put(shardName, shard);
            }
            TensorView view = shard.tensors().get(tensor);
            if (view == null) {
                throw FormatException.at(shard.path(), "tensor " + FormatException.quote(tensor),
                        "it here, as " + INDEX + " says", "no such tensor");
            }
            tensors.put(tensor, view);
        }
        shards.values().forEach(shard -> addUnlisted(shard, tensors));
        return tensors;
    }

    /** What the index does not name is read all the same, as transformers reads it; of a tensor in two shards nobody can say which one is meant. */
    private static void addUnlisted(SafetensorsFile shard, Map<String, TensorView> tensors) {
        shard.tensors().forEach((name, view) -> {
            TensorView listed = tensors.putIfAbsent(name, view);
            if (listed != null && listed != view && (listed.type() != view.type() || listed.data().mismatch(view.data()) != -1)) {
                throw new FormatException(shard.path(), "tensor " + FormatException.quote(name) + " has other values in " + listed.file().getFileName()
                        + ", where " + INDEX + " puts it; use the files as they were published, or remove one of the two");
            }
        });
    }

    /** Nothing that leaves the directory, on any operating system. */
    private static boolean isPlainName(String name) {
        return name.endsWith(".safetensors") && name.length() <= 255
                && name.chars().allMatch(c -> c > ' ' && c != '/' && c != '\\' && c != ':' && c != 0x7f) && !name.startsWith(".");
    }

    private static FormatException missingWeights(Path directory) {
        List<String> names = names(directory);
        if (names.contains(LoraConfig.FILE)) {
            return new FormatException(directory, "this is an adapter, which needs the directory of its base model: name that, and this one as its adapter (--adapter)");
        }
        Optional<String> pickle = names.stream().filter(ModelDirectory::isPickle).findFirst();
        if (pickle.isPresent()) {
            return new FormatException(directory.resolve(pickle.get()),
                    "a pickle checkpoint can run code when it is opened and is refused; " + WAY_OUT);
        }
        Optional<String> gguf = names.stream().filter(name -> name.endsWith(".gguf")).findFirst();
        String found = gguf.map(name -> "only " + name).orElse("neither");
        return new FormatException(directory,
                "expected weights in " + WEIGHTS + " or shards under " + INDEX + ", found " + found
                        + "; download them into this directory");
    }

    private static boolean isPickle(String name) {
        return name.startsWith("pytorch_model") && name.endsWith(".bin.index.json")
                || Stream.of(".bin", ".pt", ".pth", ".ckpt", ".pkl").anyMatch(name::endsWith);
    }

    private static List<String> names(Path directory) {
        try (var entries = Files.list(directory)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + directory + ": " + AtomicFile.describe(e), e);
        }
    }

    /** The directory. */
    public Path path() {
        return path;
    }

    /** The network's shape: that of {@code config.json}, but with a head of its own where the files hold one that differs from the embedding. */
    public NetworkSpec network() {
        return spec;
    }

    /**
     * The same, of a decoder.
     *
     * @throws FormatException where the network is none
     */
    public DecoderSpec spec() {
        return HfConfig.decoder(spec, path.resolve(CONFIG));
    }

    /** What the user should know of the files, in one line: where they contradict {@code config.json}, or hold more than is used. */
    public Optional<String> notice() {
        return notice;
    }

    /** The makers' advice for generation; where they left none, only where sequences begin and end. */
    public GenerationConfig generationConfig() {
        return generationConfig;
    }

    /** Ids that end a sequence: those of {@code generation_config.json}, else of {@code config.json}. */
    public List<Integer> eosIds() {
        if (!generationConfig.eosIds().isEmpty()) {
            return generationConfig.eosIds();
        }
        return switch (spec) {
            case DecoderSpec decoder -> decoder.eosIds();
            case EncoderSpec encoder -> List.of();
            case EncoderDecoderSpec both -> both.ids().eos();
            case VisionSpec vision -> List.of();
        };
    }

    /** The type {@code config.json} says the weights were saved in. */
    public Optional<StorageType> storageType() {
        return HfConfig.storageType(path.resolve(CONFIG));
    }

    /** Which tensors are blocks of a quantised type and no plain elements, where Zhulong or others have quantised the model. */
    public Optional<QuantizationConfig> quantization() {
        if (packed.isPresent()) {
            return packed.filter(others -> !others.isPlain()).map(others -> new QuantizationConfig(others.types()));
        }
        return HfConfig.quantization(path.resolve(CONFIG));
    }

    /** Whether others have quantised the weights, which {@link #plain} turns into floats. */
    public boolean isOfOthers() {
        return packed.isPresent();
    }

    /**
     * The same files without blocks: what others have quantised is made into floats, a tensor at a time. Not to be closed, and not to be used after this is.
     *
     * @throws FormatException where Zhulong has quantised the model, whose blocks only the CPU engine reads
     */
    public ModelDirectory plain() {
        if (packed.isPresent()) {
            return new ModelDirectory(path, new StoredHead(spec, Optional.empty()), notice, generationConfig, files, packed.get().plain(), adapted,
                    packed.map(PackedCheckpoint::asPlain));
        }
        if (quantization().isPresent()) {
            throw new FormatException(path, "its weights are quantized, which only the CPU engine supports; use the model it was made"
                    + " from, which its zhulong.json names");
        }
        return this;
    }

    /** All tensors by name, alive until {@link #close()}. */
    public Map<String, TensorView> tensors() {
        return tensors;
    }

    /**
     * The tensor of this name.
     *
     * @throws FormatException when there is none
     */
    public TensorView tensor(String name) {
        TensorView tensor = tensors.get(name);
        if (tensor == null) {
            throw new FormatException(path, "tensor " + FormatException.quote(name) + ": in none of the "
                    + files.size() + " weight files");
        }
        return tensor;
    }

    /**
     * The tensors that are weights, by the names the family's files have today ({@link Family#tidy}). A head that is tied to the embedding is left
     * out, or stands for it where it is missing.
     *
     * @throws FormatException when two tensors are the same weight
     */
    public Map<String, TensorView> weights() {
        Map<String, TensorView> weights = weights(spec);
        return adapted.map(with -> with.over(weights)).orElse(weights);
    }

    /**
     * The same by the names of this encoder, or network that sees, with another head, which is to be trained: what the files hold of a head that is not the same is left out.
     *
     * @param as of the directory's network, by such as {@link EncoderSpec#withTags}
     */
    public Map<String, TensorView> weightsAs(NetworkSpec as) {
        Map<String, TensorView> weights = weights(as);
        if (!head(spec).equals(head(as))) {
            Parameters.of(as).all().stream().filter(p -> p.role() == Role.HEAD).forEach(p -> weights.remove(p.name()));
        }
        return weights;
    }

    private static Optional<EncoderSpec.Head> head(NetworkSpec spec) {
        return switch (spec) {
            case EncoderSpec encoder -> Optional.of(encoder.head());
            case VisionSpec vision -> Optional.of(vision.head());
            case DecoderSpec decoder -> Optional.empty();
            case EncoderDecoderSpec both -> Optional.empty();
        };
    }

    private Map<String, TensorView> weights(NetworkSpec spec) {
        var weights = new LinkedHashMap<>(spec.family().tidy(spec, tensors));
        if (spec.tiedEmbeddings()) {
            TensorView head = weights.remove(StoredHead.head(spec));
            if (head != null) {
                weights.putIfAbsent(StoredHead.embedding(spec), head);
            }
        }
        return weights;
    }

    /** A file of the directory, such as {@code tokenizer.json}, where it is there. */
    public Optional<Path> file(String name) {
        return Optional.of(path.resolve(name)).filter(Files::isRegularFile);
    }

    /** {@code tokenizer.json}, where it is there. */
    public Optional<Path> tokenizer() {
        return file("tokenizer.json");
    }

    /** {@code tokenizer_config.json}, where it is there. */
    public Optional<Path> tokenizerConfig() {
        return file("tokenizer_config.json");
    }

    /** Unmaps the weights; views die. */
    @Override
    public void close() {
        files.forEach(SafetensorsFile::close);
        adapted.ifPresent(AdaptedWeights::close);
    }
}
