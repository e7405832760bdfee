package dev.zhulong.formats;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A low-rank adapter's settings (Hu et al. 2021) as PEFT keeps them in {@code adapter_config.json}.
 *
 * @param rank         of the two factors
 * @param alpha        over the rank (over its root with {@code rsLora}) it is the scale of the product
 * @param dropout      of the adapter's input while training
 * @param targets      names of modules, or their last parts; {@value #ALL_LINEAR} alone for every projection but the head
 * @param targetRegex  instead of targets: what a module's whole name matches, in Python's syntax
 * @param narrowing    which of them are not meant
 * @param rsLora       scale by {@code alpha / √rank} (Kalajdzievski 2023)
 * @param dora         learn each output's magnitude apart from its direction (Liu et al. 2024)
 * @param fanInFanOut  whether the base keeps its weights transposed, as GPT-2 does
 * @param rankPattern  ranks of modules whose names end in a match of the key
 * @param alphaPattern alphas of such
 * @param baseModel    name or path of the model it was made for; empty if unknown
 * @param task         what the adapted model is for; empty if unknown
 * @param whole        names of modules, or ends of names, of which the adapter's file holds all weights: an encoder's head ({@code modules_to_save})
 */
public record LoraConfig(int rank, double alpha, double dropout, List<String> targets, Optional<String> targetRegex, Narrowing narrowing,
        boolean rsLora, boolean dora, boolean fanInFanOut, Map<String, Integer> rankPattern, Map<String, Double> alphaPattern, String baseModel,
        Optional<Task> task, List<String> whole) {
    /** The file's name in an adapter's directory. */
    public static final String FILE = "adapter_config.json";
    /** The weights' file. */
    public static final String WEIGHTS = "adapter_model.safetensors";
    /** Target that stands for every projection but the head. */
    public static final String ALL_LINEAR = "all-linear";

    private static final ObjectMapper JSON = new ObjectMapper();

    /** What an adapted model is for, by PEFT's names. */
    public enum Task {
        /** A decoder that writes on. */
        CAUSAL_LM,
        /** An encoder–decoder. */
        SEQ_2_SEQ_LM,
        /** An encoder with a head over classes of texts. */
        SEQ_CLS,
        /** One with a head over labels of tokens. */
        TOKEN_CLS,
        /** One with a head that finds answers. */
        QUESTION_ANS,
        /** An encoder whose states are used. */
        FEATURE_EXTRACTION;

        /** Of networks of this shape. */
        public static Task of(NetworkSpec spec) {
            return switch (spec) {
                case DecoderSpec decoder -> CAUSAL_LM;
                case EncoderDecoderSpec both -> SEQ_2_SEQ_LM;
                case VisionSpec vision -> FEATURE_EXTRACTION;
                case EncoderSpec encoder -> switch (encoder.head()) {
                    case EncoderSpec.Head.Classes classes -> SEQ_CLS;
                    case EncoderSpec.Head.Tags tags -> TOKEN_CLS;
                    case EncoderSpec.Head.Spans spans -> QUESTION_ANS;
                    case EncoderSpec.Head.None none -> FEATURE_EXTRACTION;
                    case EncoderSpec.Head.MaskedTokens tokens -> FEATURE_EXTRACTION;
                };
            };
        }

        /** Whether an encoder's head belongs to it. */
        boolean hasHead() {
            return this == SEQ_CLS || this == TOKEN_CLS || this == QUESTION_ANS;
        }
    }

    /**
     * Modules among the targets that are left as they are.
     *
     * @param exclude       names of modules, or their last parts
     * @param excludeRegex  instead: what a module's whole name matches
     * @param layers        numbers of the layers that are meant; empty for all
     * @param layersPattern what stands before a layer's number in a module's name; empty for anything
     */
    public record Narrowing(List<String> exclude, Optional<String> excludeRegex, List<Integer> layers, List<String> layersPattern) {
        /** All are meant. */
        public static final Narrowing NONE = new Narrowing(List.of(), Optional.empty(), List.of(), List.of());

        public Narrowing {
            exclude = List.copyOf(exclude);
            layers = List.copyOf(layers);
            layersPattern = List.copyOf(layersPattern);
        }

        private boolean excludes(String module) {
            return excludeRegex.map(regex -> PythonRegex.of(regex).matches(module)).orElseGet(() -> isNamed(exclude, module));
        }

        private boolean isInLayer(String module) {
            List<String> before = layersPattern.isEmpty() ? List.of("[^.]*") : layersPattern;
            return layers.isEmpty() || before.stream().map(pattern -> layersRegex(pattern).group("layer", module)).filter(Objects::nonNull).findFirst()
                    .filter(layer -> layers.contains(Integer.valueOf(layer))).isPresent();
        }

        static PythonRegex layersRegex(String pattern) {
            return PythonRegex.of(pattern, "(?:^|.*?\\.)", "\\.(?<layer>\\d{1,9})\\.");
        }
    }

    public LoraConfig {
        if (rank < 1) {
            throw new IllegalArgumentException("an adapter's rank must be at least 1, found " + rank);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("an adapter's dropout must be in [0, 1), found " + dropout);
        }
        if (!Double.isFinite(alpha)) {
            throw new IllegalArgumentException("an adapter's alpha must be a number, found " + alpha);
        }
        targets = List.copyOf(targets);
        if (targets.isEmpty() == targetRegex.isEmpty()) {
            throw new IllegalArgumentException("expected either names of modules to adapt or one regular expression");
        }
        rankPattern = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
        alphaPattern = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
        whole = List.copyOf(whole);
    }

    /** A plain adapter. */
    public static LoraConfig of(int rank, double alpha, String... targets) {
        return new LoraConfig(rank, alpha, 0, List.of(targets), Optional.empty(), Narrowing.NONE, false, false, false, Map.of(), Map.of(), "", Optional.empty(), List.of());
    }

    /** The same for weights that are kept transposed. */
    public LoraConfig withFanInFanOut(boolean on) {
        return new LoraConfig(rank, alpha, dropout, targets, targetRegex, narrowing, rsLora, dora, on, rankPattern, alphaPattern, baseModel,
                task, whole);
    }

    /** The same with or without magnitudes. */
    public LoraConfig withDora(boolean on) {
        return new LoraConfig(rank, alpha, dropout, targets, targetRegex, narrowing, rsLora, on, fanInFanOut, rankPattern, alphaPattern, baseModel,
                task, whole);
    }

    /** The same, scaled by the root of the rank or by the rank. */
    public LoraConfig withRsLora(boolean on) {
        return new LoraConfig(rank, alpha, dropout, targets, targetRegex, narrowing, on, dora, fanInFanOut, rankPattern, alphaPattern, baseModel,
                task, whole);
    }

    /** The same with dropout of the adapter's input while training. */
    public LoraConfig withDropout(double share) {
        return new LoraConfig(rank, alpha, share, targets, targetRegex, narrowing, rsLora, dora, fanInFanOut, rankPattern, alphaPattern, baseModel,
                task, whole);
    }

    /** The same for another base. */
    public LoraConfig withBaseModel(String name) {
        return new LoraConfig(rank, alpha, dropout, targets, targetRegex, narrowing, rsLora, dora, fanInFanOut, rankPattern, alphaPattern, name,
                task, whole);
    }

    /**
     * The same for a network of this shape: its task is named, and where that is no decoder's every projection is called by the end of its name, since a
     * reader of {@value #ALL_LINEAR} would take dense layers of heads for some.
     *
     * @param whole names of modules that are trained whole
     */
    public LoraConfig forNetwork(NetworkSpec spec, List<String> whole) {
        boolean named = !(spec instanceof DecoderSpec) && targets.equals(List.of(ALL_LINEAR));
        List<String> all = named ? Parameters.of(spec).all().stream().filter(Parameter::isProjection).map(p -> p.module().replaceFirst("^.*\\.\\d+\\.", "")).distinct().toList()
                : targets;
        return new LoraConfig(rank, alpha, dropout, all, targetRegex, narrowing, rsLora, dora, fanInFanOut, rankPattern, alphaPattern, baseModel,
                Optional.of(Task.of(spec)), whole);
    }

    /** Whether a module, by its whole name, is adapted. */
    public boolean adapts(String module) {
        if (narrowing.excludes(module)) {
            return false;
        }
        if (targetRegex.isPresent()) {
            return PythonRegex.of(targetRegex.get()).matches(module);
        }
        return targets.equals(List.of(ALL_LINEAR)) || isNamed(targets, module) && narrowing.isInLayer(module);
    }

    private static boolean isNamed(List<String> names, String module) {
        return names.stream().anyMatch(name -> module.equals(name) || module.endsWith("." + name));
    }

    /** Rank of a module's adapter. */
    public int rank(String module) {
        return matching(rankPattern, module).orElse(rank);
    }

    /** Factor of a module's low-rank product. */
    public double scale(String module) {
        double a = matching(alphaPattern, module).orElse(alpha);
        return a / (rsLora ? Math.sqrt(rank(module)) : rank(module));
    }

    private static <T> Optional<T> matching(Map<String, T> patterns, String module) {
        return patterns.entrySet().stream().filter(e -> ending(e.getKey()).matches(module)).map(Map.Entry::getValue).findFirst();
    }

    /** What matches a module whose name ends in a match of {@code key}. */
    static PythonRegex ending(String key) {
        return PythonRegex.of(key, "(?:.*\\.)?(?:", ")");
    }

    /**
     * Reads an adapter directory's file.
     *
     * @throws FormatException if it is missing, is no LoRA, has a field of a wrong type, or asks for something that is not supported
     */
    public static LoraConfig read(Path directory) {
        Path file = directory.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            throw new FormatException(file, "no such file: an adapter is a directory with " + FILE + " and " + WEIGHTS);
        }
        return LoraConfigFile.read(file);
    }

    /**
     * The weights of an adapter's directory.
     *
     * @throws FormatException if there are none, or only a pickle file; says what to do
     */
    public static Path weights(Path directory) {
        return LoraConfigFile.weights(directory);
    }

    /** The file's text; the fields PEFT would not fill in by itself, and those its readers look for, in its order. */
    public String json() {
        Map<String, Object> f = new TreeMap<>();
        f.put("alpha_pattern", plain(alphaPattern));
        f.put("auto_mapping", null);
        f.put("base_model_name_or_path", baseModel.isEmpty() ? null : baseModel);
        f.put("bias", "none");
        f.put("exclude_modules", narrowing.excludeRegex().isPresent() ? narrowing.excludeRegex().get() : orNull(narrowing.exclude()));
        f.put("fan_in_fan_out", fanInFanOut);
        f.put("inference_mode", true);
        f.put("init_lora_weights", true);
        f.put("layers_pattern", orNull(narrowing.layersPattern()));
        f.put("layers_to_transform", orNull(narrowing.layers()));
        f.put("lora_alpha", plain(alpha));
        f.put("lora_bias", false);
        f.put("lora_dropout", dropout);
        f.put("modules_to_save", orNull(whole));
        f.put("peft_type", "LORA");
        f.put("r", rank);
        f.put("rank_pattern", rankPattern);
        f.put("target_modules", targetRegex.isPresent() ? targetRegex.get() : targets.equals(List.of(ALL_LINEAR)) ? ALL_LINEAR : targets);
        f.put("task_type", task.map(Task::name).orElse(null));
        f.put("use_dora", dora);
        f.put("use_rslora", rsLora);
        try {
            var lines = new DefaultPrettyPrinter();
            lines.indentArraysWith(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE.withLinefeed("\n"));
            lines.indentObjectsWith(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE.withLinefeed("\n"));
            return JSON.writer(lines).writeValueAsString(f);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static <T> List<T> orNull(List<T> all) {
        return all.isEmpty() ? null : all;
    }

    private static Map<String, Object> plain(Map<String, Double> values) {
        Map<String, Object> all = new LinkedHashMap<>();
        values.forEach((key, value) -> all.put(key, plain(value)));
        return all;
    }

    /** Whole numbers without a fraction, as Python's integers are. */
    private static Object plain(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? (Object) (long) value : (Object) value;
    }
}
