package dev.zhulong.formats.family;

import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import java.util.ArrayList;
import java.util.List;

/** The list that a family's {@code parameters} makes, in the order of the state dictionary. */
final class ParameterList {
    private final List<Parameter> list = new ArrayList<>();
    private int layer = -1;
    private int expert = -1;

    /** What is added from now on belongs to this layer, to none where it is -1. */
    ParameterList layer(int number) {
        layer = number;
        expert = -1;
        return this;
    }

    /** What is added from now on belongs to this expert of the layer, to none where it is -1. */
    ParameterList expert(int number) {
        expert = number;
        return this;
    }

    /** A matrix, or an embedding. @param gguf its name there without {@code .weight}; null for none */
    void matrix(Role role, String name, String gguf, Init init, long rows, long columns) {
        add(role, false, name + ".weight", gguf == null ? null : gguf + ".weight", init, true, Layout.SAME, rows, columns);
    }

    /** A projection stored output by input, with or without its bias. */
    void projection(Role role, String name, String gguf, Init init, Layout layout, long out, long in, boolean bias) {
        add(role, false, name + ".weight", gguf == null ? null : gguf + ".weight", init, true, layout, layout == Layout.TRANSPOSED ? in : out,
                layout == Layout.TRANSPOSED ? out : in);
        if (bias) {
            bias(role, name, gguf, layout == Layout.TRANSPOSED ? Layout.SAME : layout, out);
        }
    }

    /** A convolution over a line, with its bias. */
    void convolution(Role role, String name, long out, long in, long taps) {
        add(role, false, name + ".weight", null, Init.NORMAL, true, Layout.SAME, out, in, taps);
        bias(role, name, null, Layout.SAME, out);
    }

    /** Rows of sines that nothing trains. */
    void sines(Role role, String name, long rows, long width) {
        add(role, false, name + ".weight", null, Init.SINES, false, Layout.SAME, rows, width);
    }

    /** A bias beside a weight. */
    void bias(Role role, String name, String gguf, Layout layout, long n) {
        add(role, true, name + ".bias", gguf == null ? null : gguf + ".bias", Init.ZERO, false, layout, n);
    }

    /** A vector that starts at nothing and does not decay. @param name whole, as {@code gguf} is */
    void vector(Role role, String name, String gguf, long n) {
        add(role, false, name, gguf, Init.ZERO, false, Layout.SAME, n);
    }

    /** A matrix of one row. */
    void row(Role role, String name, String gguf, long n) {
        add(role, false, name + ".weight", gguf + ".weight", Init.NORMAL, true, Layout.ROW, 1, n);
    }

    /** A norm's weight, with its bias where it is a LayerNorm. */
    void norm(Role role, String name, String gguf, long n, boolean bias) {
        norm(role, name, gguf, false, bias, n);
    }

    /** The same. @param lessOne whether the weight is stored less one */
    void norm(Role role, String name, String gguf, boolean lessOne, boolean bias, long... shape) {
        add(role, false, name + ".weight", gguf == null ? null : gguf + ".weight", lessOne ? Init.ZERO : Init.ONE, false,
                lessOne ? Layout.LESS_ONE : Layout.SAME, shape);
        if (bias) {
            bias(role, name, gguf, Layout.SAME, shape[0]);
        }
    }

    /** One that is called neither weight nor bias, or has a shape of its own. @param name whole */
    void tensor(Role role, String name, Init init, boolean decays, long... shape) {
        add(role, false, name, null, init, decays, Layout.SAME, shape);
    }

    /** A bias that is not called {@code .bias}. @param name whole */
    void vectorBias(Role role, String name, long n) {
        add(role, true, name, null, Init.ZERO, false, Layout.SAME, n);
    }

    /** A constant row that is added to logits. */
    void logitsBias(String name, long vocab) {
        add(Role.LOGITS_BIAS, false, name, null, Init.ZERO, false, Layout.SAME, 1, vocab);
    }

    private void add(Role role, boolean bias, String name, String gguf, Init init, boolean decays, Layout layout, long... shape) {
        list.add(new Parameter(name, role, bias, layer, expert, shape, init, decays, layout, gguf));
    }

    List<Parameter> all() {
        return list;
    }
}
