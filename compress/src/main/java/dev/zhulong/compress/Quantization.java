package dev.zhulong.compress;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.GgufEmbedding;
import dev.zhulong.formats.embedding.ScoreConfig;
import dev.zhulong.formats.gguf.DirectoryWeights;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.formats.gguf.GgufWriter;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.text.GgufVocabulary;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Writes a model with fewer bits a weight: a GGUF file, or for Zhulong's own int4 a directory. Tokenizer, chat template and what else the
 * model says of itself go along.
 *
 * <pre>{@code
 * var done = new Quantization(Path.of("my-model"), Precision.Q4_K_M, Path.of("my-model.gguf"), false, 2, (tensor, of) -> {}).run();
 * }</pre>
 *
 * <p>A tensor at a time is in memory. What is written appears under its name when it is whole, never before. The bytes do not depend on the
 * number of threads.
 */
public final class Quantization {
    /** The version of ggml's block layouts, as llama.cpp writes it beside quantised weights. */
    private static final int LAYOUTS = 2;
    private static final String LAYOUT_KEY = "general.quantization_version";

    private final Path model;
    private final Precision precision;
    private final Path out;
    private final boolean requantise;
    private final int threads;
    private final Progress progress;
    /** Null where nothing is known. */
    private Importance importance;
    private TensorTypes types = TensorTypes.NONE;
    /** Null where errors are not fed back. */
    private CalibrationTokens calibration;
    /** What calibrated layers have become; null before, and where nothing is calibrated. */
    private CalibrationState calibrated;
    private final List<String> notices = new ArrayList<>();
    /** What columns count was gathered while layers were calibrated: of the layers there is nothing left to know. */
    private boolean importanceIsOfHead;
    /** Matrices of layers that the importance says nothing of. */
    private final Set<String> unknown = new TreeSet<>();

    /**
     * What was written.
     *
     * @param bytesBefore of the file, or of the directory's weights
     * @param bytesAfter  the same, of what was written
     * @param types       matrices by type
     * @param notices     what the user should know of it, a line each
     */
    public record Written(long bytesBefore, long bytesAfter, Map<WeightType, Integer> types, List<String> notices) {}

    /**
     * What is to be done, checked as far as can be known before the work begins.
     *
     * @param model      a directory in Hugging Face's layout, or a GGUF file
     * @param requantise whether weights that are quantised already may be quantised again
     * @throws IllegalArgumentException when the model is quantised already and may not be again, cannot be made what is wanted, or {@code out} is
     *                                  a directory that was not made here
     */
    public Quantization(Path model, Precision precision, Path out, boolean requantise, int threads, Progress progress) {
        this.model = model;
        this.precision = precision;
        this.out = out;
        this.requantise = requantise;
        this.threads = threads;
        this.progress = progress;
        requirePossible();
    }

    /**
     * Has columns count what they are said to.
     *
     * @return this
     */
    public Quantization importance(Importance known) {
        importance = known;
        return this;
    }

    /**
     * Has tensors of a GGUF file the types that are chosen for them, whatever the mix says.
     *
     * @return this
     */
    public Quantization types(TensorTypes chosen) {
        types = chosen;
        return this;
    }

    /**
     * Has a decoder's layers rounded one after another on text, each matrix a column at a time, with the columns to come making up for the error of those that
     * are done (GPTQ, Frantar et al. 2022). Takes minutes for a billion weights. A layer is in memory at a time. Layers that are done are kept in a directory
     * beside {@code out} until all is written, so that the same call goes on after an interruption.
     *
     * @param text null for none
     * @return this
     */
    public Quantization calibration(CalibrationTokens text) {
        calibration = text;
        return this;
    }

    private void requirePossible() {
        if (precision.isDirectory()) {
            QuantizedDirectory.requireReplaceable(out);
        }
        if (Files.isDirectory(model)) {
            try (ModelDirectory source = ModelDirectory.open(folder())) {
                requireNotQuantised(source);
                DirectoryWeights.of(source.plain(), Map.of());
            }
            return;
        }
        if (precision.isDirectory()) {
            throw new IllegalArgumentException(precision + " can only be made from a directory in Hugging Face's layout, and " + model + " is a GGUF file: give the"
                    + " directory, or a GGUF type such as q4_k_m");
        }
        try (GgufModel source = GgufModel.open(model)) {
            requireNotQuantised(source);
        }
    }

    /**
     * Does it.
     *
     * @throws IllegalArgumentException when GGUF cannot say what the model says of itself, a weight is not finite, or the disk has no room
     */
    public Written run() {
        try (var pool = new ThreadPool(threads); var tensors = new Tensors()) {
            Written written;
            if (!Files.isDirectory(model)) {
                written = fromGguf(pool, tensors);
            } else {
                try (ModelDirectory files = ModelDirectory.open(folder())) {
                    ModelDirectory source = files.plain();
                    written = precision.isDirectory() ? toDirectory(source, pool, tensors) : toGguf(source, pool, tensors);
                }
            }
            if (calibrated != null) {
                calibrated.delete();
            }
            return written;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Rounds the layers on text, where that is asked for. */
    private void calibrate(Function<GgufWeight, WeightType> as, ThreadPool pool) {
        if (calibration == null) {
            return;
        }
        try (StoredDecoder stored = StoredDecoder.open(model); var walk = new PartWalk(stored, calibration.chunks())) {
            Importance.requireVocabulary(calibration, stored.spec().vocabSize());
            Function<Parameter, WeightType> each = parameter -> as.apply(stored.place(parameter));
            Path absolute = out.toAbsolutePath();
            calibrated = new CalibrationState(absolute.resolveSibling("." + absolute.getFileName() + ".layers"), CalibrationKey.of(model, calibration, stored, each));
            var layers = new CalibratedLayers(stored, walk, each, calibrated, pool, progress);
            layers.run();
            notices.addAll(layers.notices());
            if (importance == null) {
                importance = Importance.of(calibration, layers.squares().entries());
                importanceIsOfHead = true;
            }
        }
    }

    /** The blocks that a calibrated weight has become, row by row; null for others. */
    private MemorySegment calibrated(Parameter parameter) {
        return calibrated == null ? null : calibrated.blocks(parameter.name(), parameter.layer());
    }

    /** Of the network, which sentence-transformers may keep in a folder of its own. */
    private Path folder() {
        return Files.exists(model.resolve(ModelDirectory.CONFIG)) ? model : model.resolve(EmbeddingConfig.read(model).network());
    }

    private Written toGguf(ModelDirectory source, ThreadPool pool, Tensors tensors) throws IOException {
        if (source.network() instanceof EncoderSpec) {
            return encoderToGguf(source, pool, tensors);
        }
        if (source.network() instanceof EncoderDecoderSpec both) {
            both.requireReads(source.path());
            Map<String, GgufValue> more = new LinkedHashMap<>();
            Optional<Path> generation = source.file(GenerationConfig.FILE);
            if (generation.isPresent()) {
                more.put(GgufExport.GENERATION, GgufValue.of(Files.readString(generation.get())));
            }
            Function<String, TensorView> scaled = GgufExport.withScaledNorm(both, DirectoryWeights.of(source, Map.of())::get);
            return toGguf(source, both.withScaledNorm(), scaled, GgufVocabulary.ofInput(source.path(), both.vocabSize()), more, pool, tensors);
        }
        DecoderSpec spec = source.spec().withEosIds(source.eosIds());
        return toGguf(source, spec, DirectoryWeights.of(source, Map.of())::get, GgufVocabulary.of(model, spec.vocabSize()), Map.of(), pool, tensors);
    }

    /** Where vectors are made of it, a head over masked tokens is of no use, and llama.cpp has none. */
    private Written encoderToGguf(ModelDirectory source, ThreadPool pool, Tensors tensors) throws IOException {
        EmbeddingConfig embedding = EmbeddingConfig.read(model);
        var stored = (EncoderSpec) source.network();
        EncoderSpec spec = embedding.stated() && stored.head() instanceof Head.MaskedTokens ? stored.withoutHead() : stored;
        Map<String, TensorView> views = spec == stored ? DirectoryWeights.of(source, Map.of()) : DirectoryWeights.of(source, spec, source.weightsAs(spec), weight -> false);
        boolean scores = spec.head() instanceof Head.Classes classes && classes.labels().size() == 1;
        String architecture = GgufExport.architecture(spec);
        Map<String, GgufValue> more = new LinkedHashMap<>(GgufEmbedding.write(embedding, scores ? Optional.of(ScoreConfig.read(model, source.path())) : Optional.empty(), architecture));
        more.putAll(GgufExport.rowsBefore(spec, views::get));
        return toGguf(source, spec, views::get, GgufVocabulary.ofInput(source.path(), spec.vocabSize()), more, pool, tensors);
    }

    private Written toGguf(ModelDirectory source, NetworkSpec spec, Function<String, TensorView> views, Map<String, GgufValue> vocabulary, Map<String, GgufValue> more, ThreadPool pool,
            Tensors tensors) throws IOException {
        List<GgufWeight> weights = GgufExport.weights(spec);
        var mix = new TensorMix(precision, spec, weights.stream().anyMatch(weight -> weight.gguf().equals(Importance.HEAD)), importance != null || calibration != null).with(types);
        var plan = new Plan(weights.size());
        weights.forEach(weight -> plan.add(mix.type(weight.gguf(), weight.shape()), weight.shape()));
        plan.requireRoom(out);
        calibrate(weight -> mix.type(weight.parameter(), weight.shape()), pool);
        Map<String, GgufValue> keys = new LinkedHashMap<>(more);
        if (quantised()) {
            keys.put(LAYOUT_KEY, GgufValue.of(LAYOUTS));
        }
        keys.putAll(importanceKeys());
        GgufExport.write(out, spec, vocabulary, model.toAbsolutePath().normalize().getFileName().toString(), precision.fileType(), keys, weight -> {
                    WeightType type = mix.type(weight.gguf(), weight.shape());
                    TensorView view = views.apply(weight.huggingFace());
                    return new GgufExport.Stored(gguf(type), tensors.next(weights.size(), arena -> weight.shape().length < 2
                            || type == WeightType.F32 && weight.gguf().equals("position_embd.weight") ? weight.fromHuggingFace(view, arena)
                            : inGgufOrder(weight, rounded(spec, weight, view, type, pool, arena), arena)));
                });
        return plan.written(QuantizedDirectory.bytes(source), Files.size(out), notices());
    }

    /** What the columns of a weight count, row by row; null where nothing is known. */
    private IntFunction<float[]> known(NetworkSpec spec, GgufWeight weight) {
        int columns = Math.toIntExact(weight.shape()[weight.shape().length - 1]);
        int of = weight.isStacked() && spec.layer(weight.parameter().layer()).mlp() instanceof Mlp.Experts experts ? experts.count() : 1;
        boolean head = weight.parameter().role() == Role.HEAD || weight.parameter().role() == Role.EMBED && spec.tiedEmbeddings();
        String name = head ? Importance.HEAD : weight.gguf() == null ? weight.huggingFace() : weight.gguf();
        float[] means = known(name, Math.max(0, weight.parameter().expert()), of, columns);
        return means == null ? null : row -> means;
    }

    /** The same of a tensor of a GGUF file, whose matrices lie below one another. */
    private IntFunction<float[]> known(GgufTensor tensor, boolean ownHead) {
        long[] shape = tensor.shape();
        int columns = Math.toIntExact(shape[shape.length - 1]);
        int of = shape.length > 2 ? Math.toIntExact(shape[0]) : 1;
        boolean head = !ownHead && tensor.name().equals("token_embd.weight");
        float[][] means = new float[of][];
        for (int matrix = 0; matrix < of; matrix++) {
            means[matrix] = known(head ? Importance.HEAD : tensor.name(), matrix, of, columns);
        }
        int rows = Math.toIntExact(tensor.elements() / columns / of);
        return row -> means[row / rows];
    }

    private float[] known(String tensor, int matrix, int of, int columns) {
        if (importance == null) {
            return null;
        }
        Optional<float[]> means = importance.columns(tensor, matrix, of, columns);
        if (means.isEmpty() && tensor.startsWith("blk.") && !importanceIsOfHead) {
            unknown.add(of == 1 ? tensor : tensor + " of expert " + matrix);
        }
        return means.orElse(null);
    }

    /** As llama-quantize notes where an importance came from. */
    private Map<String, GgufValue> importanceKeys() {
        Map<String, GgufValue> keys = new LinkedHashMap<>();
        if (calibration != null) {
            keys.put("zhulong.calibration.dataset", GgufValue.of(String.join(" ", calibration.names())));
            keys.put("zhulong.calibration.tokens", GgufValue.of(Math.toIntExact(calibration.count())));
        }
        if (importance == null || importanceIsOfHead) {
            return keys;
        }
        keys.put("quantize.imatrix.file", GgufValue.of(importance.name()));
        if (!importance.file().datasets().isEmpty()) {
            keys.put("quantize.imatrix.dataset", GgufValue.of(importance.file().datasets().getFirst()));
        }
        keys.put("quantize.imatrix.entries_count", GgufValue.of(importance.file().entries().size()));
        keys.put("quantize.imatrix.chunks_count", GgufValue.of(importance.file().chunks()));
        return keys;
    }

    private List<String> notices() {
        List<String> all = new ArrayList<>(notices);
        if (importance == null && calibration == null && (precision.type() == WeightType.Q2_K || precision.type() == WeightType.Q2_0)) {
            // measured on a model of 5.8 million weights (docs/LOG.md)
            all.add("two bits lose much without --imatrix or --calibrate: where Q2_K lost 0.0048 nats a token, it lost 0.0036 with the one and 0.0020 with the other");
        }
        if (unknown.isEmpty()) {
            return all;
        }
        String some = unknown.stream().limit(3).collect(Collectors.joining(", "));
        all.add(importance.name() + " says nothing of " + unknown.size() + " of the matrices (" + some + (unknown.size() > 3 ? ", …" : "")
                + "): they were rounded without importance; a longer text reaches more experts");
        return all;
    }

    private boolean quantised() {
        return precision.type().quantised();
    }

    private MemorySegment rounded(NetworkSpec spec, GgufWeight weight, TensorView view, WeightType type, ThreadPool pool, Arena arena) {
        MemorySegment blocks = calibrated(weight.parameter());
        return blocks != null ? blocks : Matrix.of(view, weight.layout() == Layout.TRANSPOSED).as(type, known(spec, weight), pool, arena);
    }

    private static MemorySegment inGgufOrder(GgufWeight weight, MemorySegment rows, Arena arena) {
        if (!weight.isMoved()) {
            return rows;
        }
        MemorySegment moved = arena.allocate(rows.byteSize(), 64);
        weight.toGgufRows(rows, moved, rows.byteSize() / weight.shape()[0]);
        return moved;
    }

    private Written fromGguf(ThreadPool pool, Tensors tensors) throws IOException {
        try (GgufModel source = GgufModel.open(model)) {
            Map<String, GgufTensor> stored = source.file().tensors();
            var mix = new TensorMix(precision, source.network(), stored.containsKey(Importance.HEAD), importance != null || calibration != null).with(types);
            Map<String, List<GgufWeight>> weights = source.weights().values().stream().collect(Collectors.groupingBy(GgufWeight::gguf));
            var plan = new Plan(stored.size());
            var entries = new ArrayList<GgufWriter.Entry>();
            for (GgufTensor tensor : stored.values()) {
                // what is no matrix, such as the factors of rotary scaling, stays as it is
                boolean matrix = tensor.shape().length > 1;
                WeightType type = matrix ? mix.type(tensor.name(), tensor.shape()) : WeightType.valueOf(tensor.type().name());
                plan.add(type, tensor.shape());
                entries.add(new GgufWriter.Entry(tensor.name(), gguf(type), tensor.shape(), tensors.next(stored.size(), arena ->
                        rounded(tensor, weights.getOrDefault(tensor.name(), List.of()), type, stored.containsKey(Importance.HEAD), pool, arena))));
            }
            plan.requireRoom(out);
            calibrate(weight -> mix.type(weight.parameter(), weight.shape()), pool);
            var metadata = new LinkedHashMap<>(source.file().metadata().values());
            metadata.put("general.file_type", GgufValue.of(precision.fileType()));
            metadata.remove(LAYOUT_KEY);
            metadata.keySet().removeIf(key -> key.startsWith("split."));
            if (quantised()) {
                metadata.put(LAYOUT_KEY, GgufValue.of(LAYOUTS));
            }
            metadata.putAll(importanceKeys());
            GgufWriter.write(out, metadata, entries);
            return plan.written(source.file().bytes(), Files.size(out), notices());
        }
    }

    /** @param of the weights that lie in the tensor */
    private MemorySegment rounded(GgufTensor tensor, List<GgufWeight> of, WeightType type, boolean ownHead, ThreadPool pool, Arena arena) {
        if (!of.isEmpty() && of.stream().allMatch(weight -> calibrated(weight.parameter()) != null)) {
            int columns = Math.toIntExact(tensor.shape()[tensor.shape().length - 1]);
            MemorySegment all = arena.allocate(tensor.elements() / columns * type.rowBytes(columns), 64);
            long each = all.byteSize() / of.size();
            for (GgufWeight weight : of) {
                MemorySegment to = all.asSlice(Math.max(0, weight.parameter().expert()) * each, each);
                weight.toGgufRows(calibrated(weight.parameter()), to, type.rowBytes(columns));
            }
            return all;
        }
        return gguf(type) == tensor.type() ? tensor.data() : Matrix.of(tensor).as(type, known(tensor, ownHead), pool, arena);
    }

    private void requireNotQuantised(ModelDirectory source) {
        if (source.isOfOthers()) {
            if (!requantise) {
                throw new IllegalArgumentException(model + " is quantized already, and rounding cannot be undone: use the model it was made from, or give --requantize and lose"
                        + " more precision");
            }
        } else if (source.quantization().isPresent()) {
            throw new IllegalArgumentException(model + " is in Zhulong's int4 format, which cannot be quantized again: use the model it was made from, which its"
                    + " zhulong.json names");
        }
    }

    private void requireNotQuantised(GgufModel source) {
        for (GgufTensor tensor : source.file().tensors().values()) {
            if (WeightType.valueOf(tensor.type().name()).quantised() && !requantise) {
                throw new IllegalArgumentException(model + " is quantized already (" + tensor.name() + " is " + tensor.type() + "), and rounding cannot be"
                        + " undone: use the model in F32, F16 or BF16, or give --requantize and lose more precision");
            }
        }
    }

    private static GgufType gguf(WeightType type) {
        return GgufType.valueOf(type.name());
    }

    private Written toDirectory(ModelDirectory source, ThreadPool pool, Tensors tensors) throws IOException {
        var mix = new TensorMix(precision, source.spec(), !source.spec().tiedEmbeddings(), importance != null || calibration != null).with(types);
        Map<String, TensorView> views = DirectoryWeights.of(source, Map.of());
        List<GgufWeight> weights = GgufWeight.ofNetwork(source.spec());
        var plan = new Plan(weights.size());
        int packed = precision == Precision.W4A16 ? packed(weights) : 0;
        Function<GgufWeight, WeightType> each = weight -> packed == 0 ? mix.type(weight.parameter(), weight.shape()) : !weight.parameter().isProjection() ? WeightType.F32
                : packed == 128 ? WeightType.INT4 : WeightType.Q4_0;
        var directory = new QuantizedDirectory(source, precision, packed);
        for (GgufWeight weight : weights) {
            WeightType type = each.apply(weight);
            if (!type.quantised()) {
                directory.add(weight.huggingFace(), views.get(weight.huggingFace()));
                plan.add(WeightType.F32, weight.shape());
                continue;
            }
            plan.add(type, weight.shape());
            directory.add(weight.huggingFace(), type, weight.shape(), tensors.next(weights.size(), arena ->
                    rounded(source.spec(), weight, views.get(weight.huggingFace()), type, pool, arena)));
        }
        plan.requireRoom(out);
        calibrate(each, pool);
        directory.write(out);
        try (ModelDirectory written = ModelDirectory.open(out)) {
            return plan.written(QuantizedDirectory.bytes(source), QuantizedDirectory.bytes(written), notices());
        }
    }

    /**
     * Weights of a group in the format of compressed-tensors, which is the same in all matrices.
     *
     * @throws IllegalArgumentException where its programs would not find the matrices, or no group divides a row
     */
    private int packed(List<GgufWeight> weights) {
        boolean hundreds = true;
        for (GgufWeight weight : weights) {
            if (!weight.parameter().isProjection()) {
                continue;
            }
            if (weight.layout() == Layout.TRANSPOSED || weight.parameter().expert() >= 0 || weight.shape()[1] % 32 != 0) {
                throw new IllegalArgumentException(precision + " is for the linear layers of dense decoders with rows of a multiple of 32, and " + weight.huggingFace()
                        + " of " + model + " is none: quantize to q4_0 or q4_sym instead");
            }
            hundreds &= weight.shape()[1] % 128 == 0;
        }
        return hundreds ? 128 : 32;
    }

    /** What will be written. */
    private static final class Plan {
        private final Map<WeightType, Integer> types = new LinkedHashMap<>();
        private final int tensors;
        private long bytes;

        Plan(int tensors) {
            this.tensors = tensors;
        }

        void add(WeightType type, long[] shape) {
            long rows = 1;
            for (int d = 0; d + 1 < shape.length; d++) {
                rows *= shape[d];
            }
            bytes += rows * type.rowBytes(Math.toIntExact(shape[shape.length - 1]));
            if (shape.length > 1) {
                types.merge(type, 1, Integer::sum);
            }
        }

        /** Names, tokenizer and padding come on top: at most some megabytes. */
        void requireRoom(Path out) {
            Path parent = out.toAbsolutePath().getParent();
            try {
                Files.createDirectories(parent);
                long free = Files.getFileStore(parent).getUsableSpace();
                if (bytes > free) {
                    throw new IllegalArgumentException(String.format(Locale.ROOT, "%s needs %s and %s are free there: make room, or name"
                            + " an --out on another disk", out, Sizes.of(bytes), Sizes.of(free)));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        Written written(long before, long after, List<String> notices) {
            return new Written(before, after, types, notices);
        }
    }

    /** The tensors one after the other: memory of one is freed when the next is asked for. */
    private final class Tensors implements AutoCloseable {
        private Arena arena = Arena.ofShared();
        private int count;

        Supplier<MemorySegment> next(int of, Function<Arena, MemorySegment> data) {
            return () -> {
                arena.close();
                arena = Arena.ofShared();
                progress.at("quantizing to " + precision, count++, of, "tensors");
                return data.apply(arena);
            };
        }

        @Override
        public void close() {
            arena.close();
        }
    }
}
