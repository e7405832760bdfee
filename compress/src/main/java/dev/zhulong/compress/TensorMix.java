package dev.zhulong.compress;

import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.kernels.WeightType;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Which matrix of a network gets which type: llama.cpp's mixes for a {@link Precision}, with and without an importance
 * matrix ({@code llama_tensor_get_type} in its {@code llama-quant.cpp}), and the same rule for the head in Zhulong's own int4.
 */
final class TensorMix {
    private final Precision precision;
    /** By their names in GGUF. */
    private final Map<String, Parameter> parameters = new HashMap<>();
    private final int layers;
    /** Heads that share a key. */
    private final int sharing;
    private final boolean ownHead;
    /** Llama.cpp has rules for mixtures of eight, as Mixtral is: attention is a small part of them. */
    private final boolean eightExperts;

    private final boolean importance;
    private TensorTypes chosen = TensorTypes.NONE;

    /**
     * @param ownHead    whether the file has {@code output.weight} beside the embedding
     * @param importance whether the rounding knows what columns count
     */
    TensorMix(Precision precision, NetworkSpec spec, boolean ownHead, boolean importance) {
        this.importance = importance;
        this.precision = precision;
        this.layers = spec.stack().layers().size();
        Parameters.of(spec).forEach(p -> parameters.putIfAbsent(p.gguf(), p));
        Attention first = spec.layer(0).attention();
        this.sharing = first.heads() / first.kvHeads();
        this.ownHead = ownHead;
        this.eightExperts = !precision.isDirectory() && spec.layer(0).mlp() instanceof Mlp.Experts experts && experts.count() == 8;
    }

    /**
     * The type of a tensor of a GGUF file.
     *
     * @param name  in GGUF
     * @param shape rows first; all experts of a layer are one tensor
     */
    WeightType type(String name, long[] shape) {
        Optional<WeightType> type = chosen(name, shape);
        if (type.isPresent()) {
            return type.get();
        }
        Parameter p = parameters.get(name);
        // a file may hold the embedding once more as its head, which is then no weight of the model's own
        return p == null ? type(Role.HEAD, -1, shape) : type(p, shape);
    }

    /** The same of a weight, whether or not GGUF has a name for it. */
    WeightType type(Parameter weight, long[] shape) {
        return chosen(weight.gguf(), shape).orElseGet(() -> type(weight.role(), weight.layer(), shape));
    }

    /** Has tensors the types that were chosen for them. */
    TensorMix with(TensorTypes types) {
        chosen = types;
        return this;
    }

    private Optional<WeightType> chosen(String name, long[] shape) {
        Parameter p = parameters.get(name);
        boolean matrix = name != null && shape.length > 1 && (p == null || !p.role().isKeptWhole());
        return matrix ? chosen.of(name, Math.toIntExact(shape[shape.length - 1])) : Optional.empty();
    }

    private WeightType type(Role role, int layer, long[] shape) {
        if (shape.length < 2 || role.isKeptWhole()) {
            return WeightType.F32;
        }
        if (!precision.type().quantised()) {
            return precision.type();
        }
        int columns = Math.toIntExact(shape[shape.length - 1]);
        boolean head = role == Role.HEAD || !ownHead && role == Role.EMBED;
        return fitting(head ? head(columns) : inside(role, layer), columns);
    }

    /** The head is read once a token and decides between tokens that lie close. */
    private WeightType head(int columns) {
        if (precision == Precision.Q8_0 || columns % precision.type().blockElements() != 0) {
            return WeightType.Q8_0;
        }
        return WeightType.Q6_K;
    }

    private WeightType inside(Role role, int layer) {
        return switch (role) {
            case V -> eightExperts ? WeightType.Q8_0 : wideModel(values(layer));
            case K -> eightExperts ? WeightType.Q8_0 : precision.type();
            case DOWN -> down(layer);
            case EMBED -> precision == Precision.Q2_0 ? WeightType.Q4_K : precision.type();
            case OUT -> eightExperts ? output() : switch (precision) {
                case Q2_K -> WeightType.Q3_K;
                case Q3_K_M -> WeightType.Q4_K;
                case Q3_K_L -> WeightType.Q5_K;
                default -> precision.type();
            };
            case QKV -> switch (precision) {
                case Q3_K_M, Q3_K_L -> WeightType.Q4_K;
                case Q4_K_M -> WeightType.Q5_K;
                case Q5_K_M -> WeightType.Q6_K;
                default -> precision.type();
            };
            default -> precision.type();
        };
    }

    /** Of a mixture of eight. */
    private WeightType output() {
        return switch (precision) {
            case Q2_K, Q3_K_S, Q3_K_M, IQ4_NL, IQ4_XS, Q4_K_S, Q4_K_M -> WeightType.Q5_K;
            default -> precision.type();
        };
    }

    private WeightType values(int layer) {
        return switch (precision) {
            case Q2_K -> sharing >= 4 ? WeightType.Q4_K : WeightType.Q3_K;
            case Q3_K_M -> layer < 2 ? WeightType.Q5_K : WeightType.Q4_K;
            case Q3_K_L -> WeightType.Q5_K;
            case IQ4_NL, IQ4_XS -> sharing >= 4 ? WeightType.Q5_K : precision.type();
            case Q4_K_M, Q5_K_M -> needsMore(layer) ? WeightType.Q6_K : precision.type();
            case Q4_K_S -> layer < 4 ? WeightType.Q5_K : WeightType.Q4_K;
            default -> precision.type();
        };
    }

    /** Where 80 layers share keys (llama.cpp's "70B"), values are so small a part of the model that more bits cost nothing. */
    private WeightType wideModel(WeightType type) {
        boolean small = type == WeightType.Q3_K || type == WeightType.Q4_K;
        return layers == 80 && sharing > 1 && small ? WeightType.Q5_K : type;
    }

    private WeightType down(int layer) {
        boolean first = layer < layers / 8;
        return switch (precision) {
            case Q2_K -> WeightType.Q3_K;
            case Q3_K_M -> layer < layers / 16 ? WeightType.Q5_K : WeightType.Q4_K;
            case Q3_K_L -> WeightType.Q5_K;
            case Q4_K_M, Q5_K_M -> needsMore(layer) ? WeightType.Q6_K : precision.type();
            case Q4_K_S -> first ? WeightType.Q5_K : precision.type();
            case IQ4_NL, IQ4_XS -> first && !importance ? WeightType.Q5_K : precision.type();
            case Q4_0 -> first && importance ? WeightType.Q4_1 : precision.type();
            case Q5_0 -> first && importance ? WeightType.Q5_1 : precision.type();
            default -> precision.type();
        };
    }

    /** The first and last eighth of the layers, and every third between. */
    private boolean needsMore(int layer) {
        int eighth = layers / 8;
        return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
    }

    /** A row that blocks do not divide takes a type of smaller blocks with about as many bits, at last F16. */
    private static WeightType fitting(WeightType type, int columns) {
        WeightType smaller = columns % type.blockElements() == 0 ? type : switch (type) {
            case Q2_K, Q3_K, IQ4_XS -> WeightType.IQ4_NL;
            case Q2_0 -> WeightType.Q4_0;
            case Q4_K -> WeightType.Q5_0;
            case Q5_K -> WeightType.Q5_1;
            case Q6_K -> WeightType.Q8_0;
            case INT4, INT4_ASYM -> WeightType.int4(columns, type == WeightType.INT4);
            default -> type;
        };
        return columns % smaller.blockElements() == 0 ? smaller : WeightType.F16;
    }
}
