package dev.zhulong.model;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.LoraFile;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Low-rank additions to the projections of a network's layers (LoRA, rsLoRA, DoRA), in PEFT's files: {@code y = W·x + s·B·(A·x)}. F32.
 *
 * <pre>{@code
 * try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(8, 16, LoraConfig.ALL_LINEAR), seed)) {
 *     model.attach(adapter);   // from now on model.trainable() is the adapter's weights
 * }
 * }</pre>
 */
public final class LoraAdapter implements AutoCloseable {
    private static final String A = ".lora_A.weight";
    private static final String B = ".lora_B.weight";
    /** Projections that a notice names. */
    private static final int NAMED = 4;
    private static final String MAGNITUDE = ".lora_magnitude_vector";

    /**
     * What is added to one projection.
     *
     * @param a         [rank, in]
     * @param b         [out, rank]
     * @param magnitude [out], or null without DoRA
     * @param dropout   of its input while training
     */
    record Part(Tensor a, Tensor b, Tensor magnitude, double scale, Dropout dropout) {
        /** s·BA, [out, in]. */
        Tensor product() {
            return b.matmul(a).mul(scale);
        }
    }

    private final LoraConfig config;
    private final Map<String, Part> parts;
    /** Weights of the head, by their names in the network; they take the place of the network's own where the adapter is on. */
    private final Map<String, Tensor> whole;

    private LoraAdapter(LoraConfig config, Map<String, Part> parts, Map<String, Tensor> whole) {
        this.config = config;
        this.parts = parts;
        this.whole = whole;
    }

    /**
     * A fresh adapter, which changes nothing yet: A uniform in ±1/√in as PEFT draws it, B zero, magnitudes those of the weights. The head of an encoder, which is
     * mostly new, becomes a part of it as it is, and is trained whole.
     *
     * @throws IllegalArgumentException if the targets name no projection of {@code base}; lists those there are
     */
    public static LoraAdapter create(Network base, LoraConfig config, long seed) {
        if (config.dropout() > 0 && config.dora()) {
            throw new IllegalArgumentException("DoRA is trained without dropout here: set the adapter's dropout to 0");
        }
        count(base.spec(), config);
        Map<String, Linear> linears = base.linears();
        if (config.targetRegex().isEmpty() && !config.targets().contains(LoraConfig.ALL_LINEAR)) {
            for (String target : config.targets()) {
                if (linears.keySet().stream().noneMatch(module -> module.equals(target) || module.endsWith("." + target))) {
                    throw new IllegalArgumentException("no projection is called " + target + "; there are " + lastParts(linears) + ", or "
                            + LoraConfig.ALL_LINEAR);
                }
            }
        }
        boolean transposed = linears.values().stream().anyMatch(Linear::transposed);
        List<Parameter> head = head(base.spec());
        Set<String> trained = head.stream().map(Parameter::module).collect(Collectors.toSet());
        LoraConfig named = config.forNetwork(base.spec(), modules(base.spec(), head));
        Map<String, Part> parts = new LinkedHashMap<>();
        Map<String, Tensor> whole = new LinkedHashMap<>();
        SplittableRandom random = new SplittableRandom(seed);
        try (var off = NoGrad.open()) {
            head.forEach(p -> whole.put(p.name(), base.weights().get(p.name()).tensor().copy().keep()));
            linears.forEach((module, linear) -> {
                if (named.adapts(module) && !trained.contains(module)) {
                    int rank = config.rank(module);
                    float bound = (float) (1 / Math.sqrt(linear.in()));
                    float[] a = new float[rank * linear.in()];
                    for (int i = 0; i < a.length; i++) {
                        a[i] = (float) random.nextDouble(-bound, bound);
                    }
                    parts.put(module, new Part(Tensor.of(a, rank, linear.in()).keep(), Tensor.zeros(DType.F32, linear.out(), rank).keep(),
                            config.dora() ? magnitudes(linear) : null, config.scale(module), new Dropout(config.dropout(), parts.size())));
                }
            });
        }
        if (parts.isEmpty()) {
            whole.values().forEach(Tensor::close);
            throw new IllegalArgumentException("no projection matches " + config.targetRegex().orElse("the targets") + "; there are "
                    + lastParts(linears));
        }
        return new LoraAdapter(named.withFanInFanOut(transposed), parts, whole);
    }

    /** The weights of a head that is trained whole: an encoder's, where it is one over labels or answers. */
    private static List<Parameter> head(NetworkSpec spec) {
        boolean labels = spec instanceof EncoderSpec encoder && switch (encoder.head()) {
            case Head.Classes classes -> true;
            case Head.Tags tags -> true;
            case Head.Spans spans -> true;
            case Head.None none -> false;
            case Head.MaskedTokens tokens -> false;
        };
        return !labels ? List.of() : Parameters.of(spec).all().stream().filter(p -> switch (p.role()) {
            case HEAD, HEAD_DENSE, HEAD_NORM -> true;
            default -> false;
        }).toList();
    }

    /** What these weights are called together, without what the names of the encoder's begin with: {@code classifier}, {@code pooler}. */
    private static List<String> modules(NetworkSpec spec, List<Parameter> head) {
        String embedding = Parameters.of(spec).get(Role.EMBED).name();
        String prefix = embedding.substring(0, embedding.indexOf('.') + 1);
        return head.stream().map(p -> p.name().startsWith(prefix) ? p.name().substring(prefix.length()) : p.name()).map(name -> name.substring(0, name.indexOf('.'))).distinct()
                .toList();
    }

    /**
     * Number of weights an adapter of a model of this shape has; 0 where the targets name no projection.
     *
     * @throws IllegalArgumentException if the rank is above that of every projection it would adapt
     */
    public static long count(NetworkSpec spec, LoraConfig config) {
        long count = 0;
        long highest = 0;
        int asked = 0;
        for (Parameter p : Parameters.of(spec)) {
            if (p.isProjection() && config.adapts(p.module())) {
                int rank = config.rank(p.module());
                count += rank * (p.inputs() + p.outputs()) + (config.dora() ? p.outputs() : 0);
                highest = Math.max(highest, Math.min(p.inputs(), p.outputs()));
                asked = Math.max(asked, rank);
            }
        }
        if (highest > 0 && asked > highest) {
            throw new IllegalArgumentException("an adapter of rank " + asked + " is larger than every projection it adapts: give a rank of at most " + highest);
        }
        return count + head(spec).stream().mapToLong(Parameter::count).sum();
    }

    private static Tensor magnitudes(Linear linear) {
        try (var scope = TensorScope.open()) {
            return linear.weight().norm(1).view(linear.out()).copy().keep();
        }
    }

    private static String lastParts(Map<String, Linear> linears) {
        return String.join(", ", linears.keySet().stream().map(m -> m.substring(m.lastIndexOf('.') + 1)).distinct().toList());
    }

    /**
     * Reads an adapter, of Zhulong's or PEFT's making.
     *
     * @throws FormatException if a tensor has no place in {@code base}, is missing or misshapen; names it
     */
    public static LoraAdapter load(Path directory, Network base) {
        Map<String, Part> parts = new LinkedHashMap<>();
        Map<String, Tensor> whole = new LinkedHashMap<>();
        try (LoraFile file = LoraFile.open(directory)) {
            LoraConfig config = file.config();
            head(base.spec()).forEach(p -> file.takeWhole(p).ifPresent(view -> whole.put(p.name(), tensor(view))));
            base.linears().forEach((module, linear) -> file.take(linear.parameter()).ifPresent(part -> parts.put(module, new Part(tensor(part.a()), tensor(part.b()),
                    part.magnitude().map(LoraAdapter::tensor).orElse(null), part.scale(), new Dropout(config.dropout(), parts.size())))));
            file.requireEmpty();
            return new LoraAdapter(config, parts, whole);
        } catch (RuntimeException e) {
            parts.values().forEach(LoraAdapter::close);
            whole.values().forEach(Tensor::close);
            throw e;
        }
    }

    /**
     * What the user should know of an adapter for models of {@code spec}, in one line: that its configuration names projections its file has no weights
     * for, which stay as they are.
     *
     * @throws FormatException as {@link #load}
     */
    public static Optional<String> notice(Path directory, NetworkSpec spec) {
        LoraConfig config = LoraConfig.read(directory);
        try (SafetensorsFile stored = SafetensorsFile.open(LoraConfig.weights(directory))) {
            List<String> bare = NetworkFiles.projections(spec).stream().filter(module -> config.adapts(module)
                    && stored.tensors().keySet().stream().noneMatch(name -> name.startsWith(LoraFile.name(module) + ".lora_"))).toList();
            return bare.isEmpty() ? Optional.empty() : Optional.of(directory + ": target_modules names " + bare.size() + " projections that "
                    + LoraConfig.WEIGHTS + " has no tensors for; they stay as they are: " + String.join(", ", bare.subList(0, Math.min(bare.size(), NAMED)))
                    + (bare.size() > NAMED ? ", ..." : ""));
        }
    }

    private static Tensor tensor(TensorView view) {
        Tensor t = Tensor.empty(DType.F32, view.shape()).keep();
        return t.write_(memory -> HalfFloats.toF32(view.type(), view.data(), memory));
    }

    /** Writes {@code adapter_config.json} and {@code adapter_model.safetensors}, each atomically. */
    public void save(Path directory, StorageType type) {
        AtomicFile.writeString(directory.resolve(LoraConfig.FILE), config.json());
        // by name, as PEFT's file is
        NetworkFiles.writeTensors(directory.resolve(LoraConfig.WEIGHTS), new TreeMap<>(parameters()), type);
    }

    public LoraConfig config() {
        return config;
    }

    /** PEFT's names to weights. */
    public Map<String, Tensor> parameters() {
        Map<String, Tensor> all = new LinkedHashMap<>();
        parts.forEach((module, part) -> {
            all.put(LoraFile.name(module) + A, part.a());
            all.put(LoraFile.name(module) + B, part.b());
            if (part.magnitude() != null) {
                all.put(LoraFile.name(module) + MAGNITUDE, part.magnitude());
            }
        });
        whole.forEach((name, tensor) -> all.put(LoraFile.name(name), tensor));
        return Collections.unmodifiableMap(all);
    }

    /** Number of weights. */
    public long count() {
        return parameters().values().stream().mapToLong(Tensor::elements).sum();
    }

    /** Whether it leaves every product zero, so that the model computes what it did without. */
    public boolean changesNothing() {
        return whole.isEmpty() && parts.values().stream().allMatch(p -> p.magnitude() == null && zero(p.b()) || p.magnitude() == null && zero(p.a()));
    }

    private static boolean zero(Tensor t) {
        for (float v : t.toFloats()) {
            if (v != 0) {
                return false;
            }
        }
        return true;
    }

    /** Names of the adapted projections. */
    public List<String> modules() {
        return List.copyOf(parts.keySet());
    }

    /**
     * Drops inputs as the configuration says from now on, the same ones for the same seed: a recomputed block and a resumed run see the
     * masks they saw before.
     */
    public void dropout(long seed) {
        parts.values().forEach(part -> part.dropout().on(seed));
    }

    /** Drops nothing from now on. */
    public void noDropout() {
        parts.values().forEach(part -> part.dropout().off());
    }

    Map<String, Part> parts() {
        return parts;
    }

    /** Weights that take the place of the network's, by their names there. */
    Map<String, Tensor> whole() {
        return whole;
    }

    /** Of its weights those that weight decay applies to. @param own of the network */
    List<String> decayed(List<String> own) {
        Set<String> kept = whole.keySet().stream().filter(name -> !own.contains(name)).map(LoraFile::name).collect(Collectors.toSet());
        return parameters().keySet().stream().filter(name -> !kept.contains(name)).toList();
    }

    private static void close(Part part) {
        part.a().close();
        part.b().close();
        if (part.magnitude() != null) {
            part.magnitude().close();
        }
    }

    @Override
    public void close() {
        parts.values().forEach(LoraAdapter::close);
        whole.values().forEach(Tensor::close);
    }
}
