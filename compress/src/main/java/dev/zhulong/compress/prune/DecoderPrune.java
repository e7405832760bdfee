package dev.zhulong.compress.prune;

import dev.zhulong.compress.WholeDirectory;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.text.Companions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A decoder with fewer layers, narrower MLPs, fewer heads or fewer experts. All layers stay of one shape, as files of models can say no other, and
 * what stays keeps its weights.
 *
 * <pre>{@code
 * try (Decoder model = DecoderFiles.load(path)) {
 *     Staying staying = Staying.choose(model.spec(), Staying.Wanted.layers(List.of(0, 1, 4, 5)), null);
 *     try (Decoder smaller = DecoderPrune.of(model, staying)) { ... }
 *     DecoderPrune.write(path, model, staying, out);
 * }
 * }</pre>
 */
public final class DecoderPrune {
    private DecoderPrune() {}

    /** Bytes of weights and tokenizer before and after. */
    public record Written(long bytesBefore, long bytesAfter) {}

    /**
     * A new model, which the caller closes.
     *
     * @throws IllegalArgumentException where the family has no such models
     */
    public static Decoder of(Decoder model, Staying staying) {
        DecoderSpec spec = staying.spec(model.spec());
        // refuses what the family has no word for, before weights are made for it
        HfConfig.write(spec, StorageType.F32);
        Decoder smaller = Decoder.random(spec, 0);
        try (var off = NoGrad.open()) {
            Parameters from = model.table();
            for (Parameter to : smaller.table()) {
                try (var scope = TensorScope.open()) {
                    int layer = to.layer() < 0 ? -1 : staying.layers().get(to.layer());
                    int expert = to.expert() < 0 || staying.experts() == null || !isOfExpert(to) ? to.expert() : staying.experts().get(to.layer())[to.expert()];
                    Parameter source = from.find(to.role(), layer, expert, to.bias()).orElseThrow();
                    Tensor tensor = model.parameters().get(source.name());
                    int outputs = source.layout() == Layout.TRANSPOSED && !source.bias() ? 1 : 0;
                    tensor = taken(tensor, outputs, outputs(to, model.spec(), staying));
                    tensor = taken(tensor, 1 - outputs, to.bias() ? null : inputs(to, model.spec(), staying));
                    smaller.parameters().get(to.name()).copy_(tensor);
                }
            }
            return smaller;
        } catch (RuntimeException | Error e) {
            smaller.close();
            throw e;
        }
    }

    private static Tensor taken(Tensor from, int dim, int[] which) {
        return which == null ? from : from.indexSelect(dim, Tensor.of(which, which.length));
    }

    private static boolean isOfExpert(Parameter p) {
        return switch (p.role()) {
            case GATE, UP, GATE_UP, DOWN -> true;
            default -> false;
        };
    }

    /** Which outputs of the larger matrix, or elements of the vector, stay; null for all. */
    private static int[] outputs(Parameter to, DecoderSpec model, Staying staying) {
        if (to.layer() < 0) {
            return null;
        }
        int[] channels = staying.channels() == null ? null : staying.channels().get(to.layer());
        int[] groups = staying.groups() == null ? null : staying.groups().get(to.layer());
        int[] experts = staying.experts() == null ? null : staying.experts().get(to.layer());
        var layer = model.layer(staying.layers().get(to.layer()));
        Attention attention = layer.attention();
        return switch (to.role()) {
            case GATE, UP -> channels;
            case GATE_UP -> channels == null ? null : joined(channels, behind(channels, layer.mlp().width()));
            case Q -> groups == null ? null : rows(groups, attention.heads() / attention.kvHeads() * attention.headDim());
            case K, V -> groups == null ? null : rows(groups, attention.headDim());
            case QKV -> groups == null ? null : fused(groups, attention, to.layout() == Layout.BY_HEAD);
            case SINKS -> groups == null ? null : rows(groups, attention.heads() / attention.kvHeads());
            case ROUTER, CORRECTION -> experts == null || experts.length == 0 ? null : experts;
            default -> null;
        };
    }

    private static int[] inputs(Parameter to, DecoderSpec model, Staying staying) {
        if (to.layer() < 0) {
            return null;
        }
        Attention attention = model.layer(staying.layers().get(to.layer())).attention();
        return switch (to.role()) {
            case DOWN -> staying.channels() == null ? null : staying.channels().get(to.layer());
            case OUT -> staying.groups() == null ? null : rows(staying.groups().get(to.layer()), attention.heads() / attention.kvHeads() * attention.headDim());
            default -> null;
        };
    }

    /** Blocks of {@code size} rows each. */
    private static int[] rows(int[] blocks, int size) {
        return Arrays.stream(blocks).flatMap(block -> IntStream.range(block * size, (block + 1) * size)).toArray();
    }

    private static int[] fused(int[] groups, Attention attention, boolean byHead) {
        int sharing = attention.heads() / attention.kvHeads();
        if (byHead) {
            return rows(groups, (sharing + 2) * attention.headDim());
        }
        int[] keys = rows(groups, attention.headDim());
        return joined(rows(groups, sharing * attention.headDim()), joined(behind(keys, attention.width()), behind(keys, attention.width() + attention.kvWidth())));
    }

    private static int[] behind(int[] rows, int offset) {
        return Arrays.stream(rows).map(row -> row + offset).toArray();
    }

    private static int[] joined(int[] a, int[] b) {
        return IntStream.concat(Arrays.stream(a), Arrays.stream(b)).toArray();
    }

    /**
     * Writes the smaller model with its tokenizer as a directory, whole or not at all, in the type that the model is stored in.
     *
     * @param path that {@code model} was loaded from
     * @throws IllegalArgumentException where the family's configuration cannot say it, or {@code out} is there and was not made by pruning
     */
    public static Written write(Path path, Decoder model, Staying staying, Path out) {
        return write(path, model, staying, Map.of(), out);
    }

    /** The same. @param more what was done to {@code model} before, for the record */
    public static Written write(Path path, Decoder model, Staying staying, Map<String, Object> more, Path out) {
        PrunedDirectory.requireReplaceable(out);
        try (ModelDirectory source = PrunedDirectory.open(path); Decoder smaller = of(model, staying)) {
            StorageType stored = source.tensors().values().iterator().next().type();
            StorageType type = stored == StorageType.BF16 || stored == StorageType.F16 ? stored : StorageType.F32;
            WholeDirectory.write(out, directory -> {
                Companions.copy(path, directory);
                NetworkFiles.save(smaller, directory, type);
                PrunedDirectory.ids(source, directory);
                Map<String, Object> recipe = recipe(staying);
                recipe.putAll(more);
                PrunedDirectory.provenance(path, recipe).write(directory);
            });
            return new Written(PrunedDirectory.bytes(path), PrunedDirectory.bytes(out));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, Object> recipe(Staying staying) {
        Map<String, Object> recipe = new LinkedHashMap<>();
        recipe.put("layers", staying.layers());
        put(recipe, "channels", staying.channels());
        put(recipe, "kv_groups", staying.groups());
        put(recipe, "experts", staying.experts());
        return recipe;
    }

    private static void put(Map<String, Object> recipe, String name, List<int[]> parts) {
        if (parts != null) {
            List<List<Integer>> all = new ArrayList<>();
            parts.forEach(each -> all.add(Arrays.stream(each).boxed().toList()));
            recipe.put(name, all);
        }
    }
}
