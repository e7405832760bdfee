package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.kernels.Activations;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import java.util.Arrays;

/**
 * Rows on their way through mixtures of one shape, and the room they need. The choices of all rows are put in order by expert, so that an expert's rows are
 * a group of their own; the products of all groups are one region of work, for a row that is written as for a prompt. An expert that no row chose is not
 * read. What a row gets is added in the order of the experts, so that it does not depend on the rows beside it.
 */
final class ExpertPass {
    private final Mlp.Experts shape;
    private final Activation activation;
    private final int hidden;
    private final int width;
    private final ThreadPool pool;
    private final Activations activations;
    private final float[] logits;
    /** By row and rank: which expert, and the weight of its result. */
    private final int[] chosen;
    private final float[] share;
    /** By expert, where its choices begin, and the end. */
    private final int[] begin;
    /** The same of those that were chosen, and which they are. */
    private final int[] groupBegin;
    private final int[] groupExpert;
    /** By place among the choices in order of experts: the row, the choice, and the expert. */
    private final int[] placeRow;
    private final int[] placeChoice;
    private final int[] placeExpert;
    /** By row, its places in ascending order, and how many are known. */
    private final int[] rowPlaces;
    private final int[] rowCount;
    private final PackedWeights[][] groupIn;
    private final PackedWeights[][] groupDown;
    /** By place: gate and up, or up alone; and what the experts make of it. */
    private final float[][] inner;
    private final float[][] result;
    private final ThreadPool.Task activationTask = this::activate;
    private final ThreadPool.Task addTask = this::add;

    private CpuExperts experts;
    private float[] out;

    ExpertPass(Mlp.Experts shape, int maxRows, int hidden, ThreadPool pool) {
        this.shape = shape;
        this.hidden = hidden;
        this.pool = pool;
        activation = shape.activation();
        width = shape.width();
        int count = shape.count();
        int choices = Math.multiplyExact(maxRows, shape.chosen());
        // the last tile of each group may have room left
        activations = new Activations(8 * (choices / 8 + Math.min(count, choices)), Math.max(hidden, width));
        logits = new float[maxRows * count];
        chosen = new int[choices];
        share = new float[choices];
        begin = new int[count + 1];
        groupBegin = new int[count + 1];
        groupExpert = new int[count];
        placeRow = new int[choices];
        placeChoice = new int[choices];
        placeExpert = new int[choices];
        rowPlaces = new int[choices];
        rowCount = new int[maxRows];
        groupIn = new PackedWeights[count][];
        groupDown = new PackedWeights[count][];
        inner = new float[shape.gated() ? 2 : 1][Math.multiplyExact(choices, width)];
        result = new float[1][Math.multiplyExact(choices, hidden)];
    }

    /** Adds what {@code mixture} makes of {@code rows} rows of {@code in} to {@code to}, both [rows, hidden]. */
    void run(CpuExperts mixture, Products products, float[] in, int rows, float[] to) {
        experts = mixture;
        out = to;
        choose(products, in, rows);
        int groups = arrange(rows);
        for (int group = 0; group < groups; group++) {
            groupIn[group] = mixture.in(groupExpert[group]).weights();
            groupDown[group] = mixture.down(groupExpert[group]).weights();
        }
        int places = groupBegin[groups];
        activations.setGroups(in, hidden, hidden, placeRow, groupBegin, groups);
        products.matMul().multiplyGroups(activations, groupIn, inner);
        ForwardPass.eachRow(pool, activationTask, places);
        activations.setGroups(inner[0], width, width, null, groupBegin, groups);
        products.matMul().multiplyGroups(activations, groupDown, result);
        ForwardPass.eachRow(pool, addTask, rows);
    }

    private void choose(Products products, float[] in, int rows) {
        products.activations().set(in, 0, rows, hidden);
        products.matMul().multiply(products.activations(), experts.router(), logits, 0);
        for (int row = 0; row < rows; row++) {
            experts.choose(logits, row * shape.count(), chosen, share, row * shape.chosen());
        }
    }

    /** Puts choices in order by expert, those of an expert by row; those of a row are of different experts. Returns the number of experts chosen. */
    private int arrange(int rows) {
        int choices = rows * shape.chosen();
        Arrays.fill(begin, 0);
        for (int i = 0; i < choices; i++) {
            begin[chosen[i] + 1]++;
        }
        int groups = 0;
        for (int expert = 0; expert < shape.count(); expert++) {
            if (begin[expert + 1] > 0) {
                groupBegin[groups] = begin[expert];
                groupExpert[groups++] = expert;
            }
            begin[expert + 1] += begin[expert];
        }
        groupBegin[groups] = choices;
        for (int i = 0; i < choices; i++) {
            int place = begin[chosen[i]]++;
            placeRow[place] = i / shape.chosen();
            placeChoice[place] = i;
            placeExpert[place] = chosen[i];
        }
        Arrays.fill(rowCount, 0, rows, 0);
        for (int place = 0; place < choices; place++) {
            int row = placeRow[place];
            rowPlaces[row * shape.chosen() + rowCount[row]++] = place;
        }
        return groups;
    }

    private void activate(int place) {
        float[][] biases = experts.in(placeExpert[place]).biases();
        for (int i = 0; i < biases.length; i++) {
            if (biases[i] != null) {
                DecoderOps.add(inner[i], place * width, biases[i], 0, width);
            }
        }
        if (inner.length == 2) {
            ActivationFunction.gated(activation, inner[0], inner[1], place * width, width);
        } else {
            ActivationFunction.apply(activation, inner[0], place * width, width);
        }
    }

    private void add(int row) {
        for (int rank = 0; rank < shape.chosen(); rank++) {
            int place = rowPlaces[row * shape.chosen() + rank];
            float[] bias = experts.down(placeExpert[place]).biases()[0];
            if (bias != null) {
                DecoderOps.add(result[0], place * hidden, bias, 0, hidden);
            }
            add(out, row * hidden, result[0], place * hidden, share[placeChoice[place]], hidden);
        }
    }

    private static void add(float[] x, int at, float[] y, int from, float share, int n) {
        for (int i = 0; i < n; i++) {
            x[at + i] += share * y[from + i];
        }
    }
}
