package dev.zhulong.formats.family;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The experts of a layer as gpt-oss files have them: {@code gate_up_proj} [experts, hidden, 2 · width] with gate and way up in turns, {@code down_proj}
 * [experts, width, hidden], and their biases; or in place of the matrices {@code …_blocks} and {@code …_scales} in MXFP4 (Open Compute Project 2023):
 * output by input, 32 neighbours of an input in 16 bytes, the lower half of each the first of two, with one power of two for all.
 */
final class StackedExperts {
    /** The values of four bits: a sign, two of the exponent, one of the mantissa. */
    private static final float[] FP4 = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
    private static final int BLOCK = 32;

    private StackedExperts() {}

    /** Taken apart into the weights of each expert, which are made when they are asked for. */
    static Map<String, TensorView> apart(NetworkSpec network, String module, Map<String, TensorView> stored) {
        var spec = (DecoderSpec) network;
        var left = new LinkedHashMap<>(stored);
        var parts = new LinkedHashMap<String, TensorView>();
        for (Parameter p : spec.family().parameters(spec)) {
            if (p.expert() < 0) {
                continue;
            }
            String name = name(p, module);
            int experts = ((Mlp.Experts) spec.layer(p.layer()).mlp()).count();
            if (stored.containsKey(name)) {
                left.remove(name);
                parts.put(p.name(), part(p, stored.get(name), experts));
            } else if (stored.containsKey(name + "_blocks") && stored.containsKey(name + "_scales")) {
                left.remove(name + "_blocks");
                left.remove(name + "_scales");
                parts.put(p.name(), decoded(p, stored.get(name + "_blocks"), stored.get(name + "_scales"), experts));
            }
        }
        return Mixtures.joined(left, parts);
    }

    private static String name(Parameter p, String module) {
        return "model.layers." + p.layer() + "." + module + (p.role() == Role.DOWN ? ".down_proj" : ".gate_up_proj") + (p.bias() ? "_bias" : "");
    }

    private static boolean isDown(Parameter p) {
        return p.role() == Role.DOWN;
    }

    /** Where a parameter's elements lie among those of all experts: {@code first + row · ofRow + column · ofColumn}, of a bias without columns. */
    private record Places(long first, long ofRow, long ofColumn, long rows, long columns) {
        static Places of(Parameter p) {
            long[] shape = p.shape();
            int turns = isDown(p) ? 1 : 2;
            int turn = p.role() == Role.UP ? 1 : 0;
            if (p.bias()) {
                return new Places(p.expert() * shape[0] * turns + turn, turns, 0, shape[0], 1);
            }
            return new Places(p.expert() * shape[0] * shape[1] * turns + turn, turns, shape[0] * turns, shape[0], shape[1]);
        }
    }

    private static long[] shape(Parameter p, int experts) {
        long[] shape = p.shape();
        long outputs = shape[0] * (isDown(p) ? 1 : 2);
        return p.bias() ? new long[] {experts, outputs} : new long[] {experts, shape[1], outputs};
    }

    private static TensorView part(Parameter p, TensorView all, int experts) {
        all.requireShape(shape(p, experts));
        Places places = Places.of(p);
        return TensorView.made(all.name() + " (" + p.role() + " of expert " + p.expert() + ")", all.type(), p.shape(), () -> {
            int bytes = all.type().bytes();
            MemorySegment to = Arena.ofAuto().allocate(places.rows * places.columns * bytes, 64);
            move(all.data(), to, places, bytes, true);
            return to;
        }, all.file());
    }

    private static void move(MemorySegment from, MemorySegment to, Places places, int bytes, boolean apart) {
        for (long row = 0; row < places.rows; row++) {
            for (long column = 0; column < places.columns; column++) {
                long together = (places.first + row * places.ofRow + column * places.ofColumn) * bytes;
                long alone = (row * places.columns + column) * bytes;
                copy(from, apart ? together : alone, to, apart ? alone : together, bytes);
            }
        }
    }

    private static void copy(MemorySegment from, long at, MemorySegment to, long place, int bytes) {
        switch (bytes) {
            case 2 -> to.set(ValueLayout.JAVA_SHORT_UNALIGNED, place, from.get(ValueLayout.JAVA_SHORT_UNALIGNED, at));
            case 4 -> to.set(ValueLayout.JAVA_INT_UNALIGNED, place, from.get(ValueLayout.JAVA_INT_UNALIGNED, at));
            default -> MemorySegment.copy(from, at, to, place, bytes);
        }
    }

    /** BF16, which holds every such value. */
    private static TensorView decoded(Parameter p, TensorView blocks, TensorView scales, int experts) {
        long[] shape = p.shape();
        if (shape[1] % BLOCK != 0) {
            throw new FormatException(blocks.file(), "tensor " + blocks.name() + ": expected rows of a multiple of " + BLOCK + " weights, found " + shape[1]);
        }
        long groups = shape[1] / BLOCK;
        int turns = isDown(p) ? 1 : 2;
        requireBytes(blocks.requireShape(experts, shape[0] * turns, groups, BLOCK / 2));
        requireBytes(scales.requireShape(experts, shape[0] * turns, groups));
        return TensorView.made(blocks.name() + " (" + p.role() + " of expert " + p.expert() + ")", StorageType.BF16, shape, () -> {
            MemorySegment to = Arena.ofAuto().allocate(shape[0] * shape[1] * 2, 64);
            MemorySegment nibbles = blocks.data();
            MemorySegment powers = scales.data();
            for (long row = 0; row < shape[0]; row++) {
                long stored = p.expert() * shape[0] * turns + row * turns + (p.role() == Role.UP ? 1 : 0);
                for (long group = 0; group < groups; group++) {
                    decode(nibbles, (stored * groups + group) * BLOCK / 2, powers.get(ValueLayout.JAVA_BYTE, stored * groups + group) & 0xff, to,
                            (row * shape[1] + group * BLOCK) * 2);
                }
            }
            return to;
        }, blocks.file());
    }

    private static void decode(MemorySegment nibbles, long at, int power, MemorySegment to, long place) {
        float scale = power == 0xff ? Float.NaN : Math.scalb(1f, power - 127);
        for (int i = 0; i < BLOCK; i++) {
            int code = nibbles.get(ValueLayout.JAVA_BYTE, at + i / 2) >> (4 * (i % 2)) & 15;
            to.set(ValueLayout.JAVA_SHORT_UNALIGNED, place + 2L * i, (short) (Float.floatToRawIntBits(FP4[code] * scale) >>> 16));
        }
    }

    private static void requireBytes(TensorView view) {
        if (view.type() != StorageType.U8) {
            throw new FormatException(view.file(), "tensor " + view.name() + " has type " + view.type() + ", expected U8");
        }
    }

    /** The weights of each expert put together again, in floats. */
    static Map<String, TensorView> together(NetworkSpec network, String module, Map<String, TensorView> weights) {
        var spec = (DecoderSpec) network;
        var all = new LinkedHashMap<String, TensorView>();
        var piles = new LinkedHashMap<String, List<Parameter>>();
        for (Parameter p : spec.family().parameters(spec)) {
            if (p.expert() < 0) {
                all.put(p.name(), weights.get(p.name()));
            } else {
                piles.computeIfAbsent(name(p, module), key -> new ArrayList<>()).add(p);
            }
        }
        piles.forEach((name, pile) -> {
            Parameter first = pile.getFirst();
            TensorView like = weights.get(first.name());
            long[] shape = shape(first, ((Mlp.Experts) spec.layer(first.layer()).mlp()).count());
            all.put(name, TensorView.made(name, like.type(), shape, () -> {
                int bytes = like.type().bytes();
                MemorySegment to = Arena.ofAuto().allocate(pile.stream().mapToLong(Parameter::count).sum() * bytes, 64);
                pile.forEach(p -> move(weights.get(p.name()).data(), to, Places.of(p), bytes, false));
                return to;
            }, like.file()));
        });
        return all;
    }
}
