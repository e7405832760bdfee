package dev.zhulong.formats;

import dev.zhulong.formats.PackedMatrix.Bits;
import dev.zhulong.formats.PackedMatrix.Blocks;
import dev.zhulong.formats.PackedMatrix.Bytes;
import dev.zhulong.formats.PackedMatrix.Dense;
import dev.zhulong.formats.PackedMatrix.Interleaved;
import dev.zhulong.formats.PackedMatrix.Places;
import dev.zhulong.formats.PackedScheme.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The weights of a directory that others have quantised, under the names and in the shapes that they have where they are not: each made when it is asked for.
 *
 * @param tensors matrices as blocks (U8 [outputs, bytes of a row]) where a type of blocks holds them, else in the type of their scales; and all the others as they lie
 * @param types   of the blocks
 * @param plain   the same without blocks
 * @param notice  what of it is not exactly what the files hold, or takes more memory
 */
record PackedCheckpoint(Map<String, TensorView> tensors, Map<String, String> types, Map<String, TensorView> plain, Optional<String> notice) {
    /** What belongs to a packed matrix beside its codes, and what others keep of activations, which are not quantised by such scales here. */
    private static final List<String> PARTS = List.of("qzeros", "scales", "g_idx", "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "input_scale",
            "input_zero_point", "output_scale", "output_zero_point");

    /** @throws FormatException naming the tensor, where one is missing or misshapen */
    static PackedCheckpoint of(PackedScheme scheme, Map<String, TensorView> stored, NetworkSpec spec) {
        Map<String, Parameter> parameters = new HashMap<>();
        Parameters.of(spec).forEach(p -> parameters.put(p.name(), p));
        Map<String, TensorView> rest = new LinkedHashMap<>(stored);
        Map<String, TensorView> tensors = new LinkedHashMap<>();
        Map<String, TensorView> plain = new LinkedHashMap<>();
        Map<String, String> types = new LinkedHashMap<>();
        Map<String, Integer> changed = new TreeMap<>();
        stored.forEach((name, codes) -> {
            if (!isCodes(scheme, codes, stored)) {
                return;
            }
            String module = name.substring(0, name.lastIndexOf('.'));
            String weight = module + ".weight";
            PackedMatrix matrix = scheme.method() == Method.COMPRESSED_TENSORS ? compressed(module, codes, stored) : packed(scheme, module, codes, stored);
            rest.remove(name);
            PARTS.forEach(part -> rest.remove(module + "." + part));
            Parameter parameter = parameters.get(weight);
            boolean turned = parameter != null && parameter.layout() == Parameter.Layout.TRANSPOSED;
            long[] shape = turned ? new long[] {matrix.inputs(), matrix.outputs()} : new long[] {matrix.outputs(), matrix.inputs()};
            plain.put(weight, TensorView.made(weight, matrix.scales().type(), shape, () -> matrix.inFloats(turned), codes.file()));
            // a matrix that the family cuts in parts has to be cut in floats
            Optional<Blocks> blocks = parameter == null || !Arrays.equals(parameter.shape(), shape) ? Optional.empty() : matrix.blocks();
            blocks.ifPresentOrElse(as -> {
                types.put(weight, as.type());
                long[] bytes = {matrix.outputs(), (long) matrix.inputs() / as.elements() * as.bytes()};
                tensors.put(weight, TensorView.made(weight, StorageType.U8, bytes, () -> matrix.inBlocks(as), codes.file()));
                if (!as.exact()) {
                    changed.merge(as.type() + " with minimums rounded to F16", 1, Integer::sum);
                }
            }, () -> {
                tensors.put(weight, plain.get(weight));
                changed.merge(matrix.scales().type() + ", as no type of blocks holds them", 1, Integer::sum);
            });
        });
        // AutoGPTQ gives every matrix a bias
        plain.keySet().forEach(weight -> {
            String bias = weight.substring(0, weight.length() - "weight".length()) + "bias";
            if (rest.containsKey(bias) && !parameters.containsKey(bias) && isZero(rest.get(bias))) {
                rest.remove(bias);
            }
        });
        rest.forEach(tensors::putIfAbsent);
        rest.forEach(plain::putIfAbsent);
        List<String> said = new ArrayList<>();
        changed.forEach((as, count) -> said.add(count + (count == 1 ? " quantized matrix is read as " : " quantized matrices are read as ") + as));
        return new PackedCheckpoint(tensors, types, plain, said.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", said)));
    }

    /** Of floats alone. */
    PackedCheckpoint asPlain() {
        return new PackedCheckpoint(plain, Map.of(), plain, notice);
    }

    boolean isPlain() {
        return tensors == plain;
    }

    private static boolean isCodes(PackedScheme scheme, TensorView tensor, Map<String, TensorView> stored) {
        String name = tensor.name();
        return scheme.method() != Method.COMPRESSED_TENSORS ? name.endsWith(".qweight")
                : name.endsWith(".weight_packed") || name.endsWith(".weight") && tensor.type() == StorageType.I8 && stored.containsKey(name + "_scale");
    }

    private static boolean isZero(TensorView bias) {
        if (!bias.type().isFloat()) {
            return false;
        }
        for (float value : bias.toFloats()) {
            if (value != 0) {
                return false;
            }
        }
        return true;
    }

    /** As AutoGPTQ and AutoAWQ have it: codes and zeros in words, of GPTQ along the inputs and along the outputs, of AWQ along the outputs both; scales [groups, outputs]. */
    private static PackedMatrix packed(PackedScheme scheme, String module, TensorView codes, Map<String, TensorView> stored) {
        boolean awq = scheme.method() == Method.AWQ;
        int bits = scheme.bits();
        requireMatrix(codes, StorageType.I32);
        int outputs = size(codes, awq ? codes.shape()[1] * 8 : codes.shape()[1]);
        int inputs = size(codes, awq ? codes.shape()[0] : codes.shape()[0] * 32 / bits);
        if (!awq && (long) inputs * bits % 32 != 0 || (long) outputs * bits % 32 != 0) {
            throw FormatException.at(codes.file(), "tensor " + codes.name(), "whole words of " + bits + " bits", Arrays.toString(codes.shape()));
        }
        int group = scheme.group() == 0 ? inputs : Math.min(inputs, scheme.group());
        int groups = (inputs + group - 1) / group;
        TensorView scales = scales(module + ".scales", stored, codes, groups, outputs);
        TensorView zeros = of(module + ".qzeros", stored, codes, StorageType.I32, groups, (long) outputs * bits / 32);
        int[] groupOf = awq ? null : groupOf(module + ".g_idx", stored, inputs, group, groups);
        Places places = new Places(1, outputs);
        if (awq) {
            return new PackedMatrix(outputs, inputs, bits, new Interleaved(codes, outputs), new Interleaved(zeros, outputs), scales, places, group, null);
        }
        Bits stand = new Dense(zeros, bits, true, (long) outputs * bits / 32, 1);
        return new PackedMatrix(outputs, inputs, bits, new Dense(codes, bits, false, 1, outputs),
                // the stored zero of 0 is -1, which is all ones
                scheme.method() == Method.GPTQ ? stand.plus(1, (1 << bits) - 1) : stand, scales, places, group, groupOf);
    }

    /** As compressed-tensors has it: codes along the inputs, zeros along the outputs, [outputs, groups] of scales. */
    private static PackedMatrix compressed(String module, TensorView codes, Map<String, TensorView> stored) {
        boolean bytes = codes.type() == StorageType.I8;
        requireMatrix(codes, bytes ? StorageType.I8 : StorageType.I32);
        long[] shape = codes.shape();
        if (!bytes) {
            TensorView said = of(module + ".weight_shape", stored, codes, null, 2);
            shape = said.toLongs();
        }
        int outputs = size(codes, shape[0]);
        int inputs = size(codes, shape[1]);
        int bits = bytes ? 8 : (int) (codes.shape()[1] * 32 / inputs);
        if (outputs != codes.shape()[0] || !bytes && (bits < 2 || bits > 8 || codes.shape()[1] != ((long) inputs * bits + 31) / 32)) {
            throw FormatException.at(codes.file(), "tensor " + codes.name(), "[" + outputs + ", " + inputs + "] in words of 2 to 8 bits a weight", Arrays.toString(codes.shape()));
        }
        String name = module + ".weight_scale";
        TensorView scales = stored.get(name);
        if (scales == null || scales.shape().length != 2 || scales.shape()[0] != outputs || scales.shape()[1] < 1 || inputs % scales.shape()[1] != 0) {
            throw FormatException.at(codes.file(), "tensor " + name, "scales [" + outputs + ", groups of the " + inputs + " inputs]", scales == null ? "none"
                    : Arrays.toString(scales.shape()));
        }
        int groups = (int) scales.shape()[1];
        scales(name, stored, codes, outputs, groups);
        String zeros = module + ".weight_zero_point";
        Bits stand = !stored.containsKey(zeros) ? null : bytes ? new Bytes(of(zeros, stored, codes, StorageType.I8, outputs, groups), groups)
                : new Dense(of(zeros, stored, codes, StorageType.I32, ((long) outputs * bits + 31) / 32, groups), bits, true, 1, groups);
        return new PackedMatrix(outputs, inputs, bits, bytes ? new Bytes(codes, inputs) : new Dense(codes, bits, false, codes.shape()[1], 1), stand, scales,
                new Places(groups, 1), inputs / groups, groupOf(module + ".weight_g_idx", stored, inputs, inputs / groups, groups));
    }

    /** Null where groups are in order, or nothing says another. */
    private static int[] groupOf(String name, Map<String, TensorView> stored, int inputs, int group, int groups) {
        TensorView view = stored.get(name);
        if (view == null) {
            return null;
        }
        long[] all = view.requireShape(inputs).toLongs();
        boolean ordered = true;
        int[] groupOf = new int[inputs];
        for (int i = 0; i < inputs; i++) {
            if (all[i] < 0 || all[i] >= groups) {
                throw FormatException.at(view.file(), "tensor " + name + ", input " + i, "a group from 0 to " + (groups - 1), all[i]);
            }
            groupOf[i] = (int) all[i];
            ordered &= groupOf[i] == i / group;
        }
        return ordered ? null : groupOf;
    }

    private static TensorView scales(String name, Map<String, TensorView> stored, TensorView codes, long... shape) {
        TensorView scales = of(name, stored, codes, null, shape);
        if (scales.type() != StorageType.F16 && scales.type() != StorageType.BF16 && scales.type() != StorageType.F32) {
            throw FormatException.at(scales.file(), "tensor " + name, "F16, BF16 or F32", scales.type());
        }
        return scales;
    }

    /** @param type null for any */
    private static TensorView of(String name, Map<String, TensorView> stored, TensorView codes, StorageType type, long... shape) {
        TensorView view = stored.get(name);
        if (view == null) {
            throw FormatException.at(codes.file(), "tensor " + name, "it beside " + codes.name(), "none");
        }
        view.requireShape(shape);
        if (type != null && view.type() != type) {
            throw FormatException.at(view.file(), "tensor " + name, type.toString(), view.type());
        }
        return view;
    }

    private static void requireMatrix(TensorView codes, StorageType type) {
        if (codes.type() != type || codes.shape().length != 2) {
            throw FormatException.at(codes.file(), "tensor " + codes.name(), "a matrix of " + type, codes.type() + " " + Arrays.toString(codes.shape()));
        }
    }

    /** Of a dimension: the other one and the file bound it. */
    private static int size(TensorView codes, long size) {
        if (size < 1 || size > Integer.MAX_VALUE / 8) {
            throw FormatException.at(codes.file(), "tensor " + codes.name(), "dimensions from 1 to " + Integer.MAX_VALUE / 8, size);
        }
        return (int) size;
    }
}
