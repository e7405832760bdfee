package dev.zhulong.edge;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A decoder (Llama, Qwen2, Qwen3) in a GGUF file, and one sequence that it reads and continues. Keys and values are kept in f16, as the CPU engine keeps them.
 *
 * <p>Not safe for threads.
 */
public final class EdgeModel {
    /** What other programs would compute with and this one does not, with the value that changes nothing. */
    private static final String[] UNKNOWN = {"expert_count", "attention.clamp_kqv", "attention.max_alibi_bias", "attn_logit_softcapping", "final_logit_softcapping",
        "attention.sliding_window", "rope.dimension_sections"};
    private static final String[] UNKNOWN_SCALES = {"logit_scale", "residual_scale", "embedding_scale"};
    private static final int MOST_WIDTH = 1 << 20;

    private final EdgeTokenizer tokenizer;
    private final int context;
    private final int heads;
    private final int kvHeads;
    private final int headDim;
    private final float epsilon;
    private final EdgeMatrix embedding;
    private final float[] finalNorm;
    private final EdgeMatrix head;
    private final Layer[] layers;
    /** Radians a position of each pair of dimensions. */
    private final double[] frequencies;

    private final float[] stream;
    private final float[] query;
    private final float[] turned;
    private final float[] key;
    private final float[] value;
    private final float[] delta;
    private final float[] gate;
    private final float[] up;
    private final float[] cos;
    private final float[] sin;
    private final EdgeMatrix.Input normed;
    private final EdgeMatrix.Input attended;
    private final EdgeMatrix.Input gated;
    private final float[] logits;
    private float[] scores = new float[64];
    private int length;

    private static final class Layer {
        float[] attentionNorm;
        EdgeMatrix q;
        EdgeMatrix k;
        EdgeMatrix v;
        /** Null where there are none, as with the norms of heads. */
        float[] qBias;
        float[] kBias;
        float[] vBias;
        float[] qNorm;
        float[] kNorm;
        EdgeMatrix out;
        float[] mlpNorm;
        EdgeMatrix gate;
        EdgeMatrix up;
        EdgeMatrix down;
        /** [position, head, dimension] */
        float[] keys = {};
        float[] values = {};
    }

    /** @throws IllegalArgumentException where the file cannot be used; says why in one line */
    public EdgeModel(byte[] gguf) {
        this(ByteBuffer.wrap(gguf));
    }

    /**
     * A model whose weights stay where they are.
     *
     * @param gguf the whole file, from 0 to its limit: mapped, or in memory; at most 2 GB
     * @throws IllegalArgumentException where the file cannot be used; says why in one line
     */
    public EdgeModel(ByteBuffer gguf) {
        GgufReader file = new GgufReader(gguf);
        String architecture = file.text("general.architecture");
        if (!architecture.equals("llama") && !architecture.equals("qwen2") && !architecture.equals("qwen3")) {
            throw GgufReader.wrong("its architecture is " + architecture + ", expected llama, qwen2 or qwen3");
        }
        String at = architecture + ".";
        refuseUnknown(file, at);
        int hidden = file.integer(at + "embedding_length", 1, MOST_WIDTH);
        int inner = file.integer(at + "feed_forward_length", 1, MOST_WIDTH);
        heads = file.integer(at + "attention.head_count", 1, hidden);
        kvHeads = file.integer(at + "attention.head_count_kv", 1, heads, heads);
        headDim = file.integer(at + "attention.key_length", 2, hidden, hidden / heads);
        context = file.integer(at + "context_length", 1, Integer.MAX_VALUE);
        epsilon = (float) file.real(at + "attention.layer_norm_rms_epsilon", 1e-5);
        if (heads % kvHeads != 0 || headDim % 2 != 0 || headDim < 2 || (long) heads * headDim > MOST_WIDTH || file.integer(at + "attention.value_length", 1, hidden, headDim) != headDim) {
            throw GgufReader.wrong(heads + " heads of " + headDim + " over " + kvHeads + " of keys and values are no attention that is known");
        }
        tokenizer = new EdgeTokenizer(file);
        int vocabulary = tokenizer.size();
        frequencies = frequencies(file, at);
        embedding = file.matrix("token_embd.weight", vocabulary, hidden);
        finalNorm = file.vector("output_norm.weight", hidden);
        head = file.hasTensor("output.weight") ? file.matrix("output.weight", vocabulary, hidden) : embedding;
        layers = new Layer[file.integer(at + "block_count", 1, 1000)];
        for (int l = 0; l < layers.length; l++) {
            layers[l] = layer(file, "blk." + l + ".", hidden, inner);
        }
        stream = new float[hidden];
        query = new float[heads * headDim];
        turned = architecture.equals("llama") ? new float[heads * headDim] : null;
        key = new float[kvHeads * headDim];
        value = new float[kvHeads * headDim];
        delta = new float[hidden];
        gate = new float[inner];
        up = new float[inner];
        cos = new float[frequencies.length];
        sin = new float[frequencies.length];
        normed = new EdgeMatrix.Input(hidden);
        attended = new EdgeMatrix.Input(heads * headDim);
        gated = new EdgeMatrix.Input(inner);
        logits = new float[vocabulary];
    }

    private static void refuseUnknown(GgufReader file, String at) {
        for (String key : UNKNOWN) {
            if (file.has(at + key) && file.real(at + key, 0) != 0) {
                throw GgufReader.wrong("it sets " + at + key + ", which is not computed here");
            }
        }
        for (String key : UNKNOWN_SCALES) {
            double scale = file.real(at + key, 1);
            if (scale != 1 && scale != 0) {
                throw GgufReader.wrong("it sets " + at + key + ", which is not computed here");
            }
        }
        if (file.hasTensor("rope_factors_long.weight") || file.integer("split.count", 0, Integer.MAX_VALUE, 1) > 1) {
            throw GgufReader.wrong("it has " + (file.hasTensor("rope_factors_long.weight") ? "rotary scaling for long texts, which is not computed here" : "parts in other files"));
        }
    }

    private double[] frequencies(GgufReader file, String at) {
        int rotated = file.integer(at + "rope.dimension_count", 2, headDim, headDim);
        double theta = file.real(at + "rope.freq_base", 10_000);
        String scaling = file.has(at + "rope.scaling.type") ? file.text(at + "rope.scaling.type") : "linear";
        double factor = file.real(at + (file.has(at + "rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear"), 1);
        if (rotated % 2 != 0 || !(theta > 0) || !(factor > 0) || !scaling.equals("none") && !scaling.equals("linear")) {
            throw GgufReader.wrong("its rotary positions (" + rotated + " dimensions, scaling " + scaling + ") are not computed here");
        }
        double[] frequencies = new double[rotated / 2];
        float[] divisors = file.hasTensor("rope_freqs.weight") ? file.vector("rope_freqs.weight", frequencies.length) : null;
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = Math.pow(theta, -2.0 * i / rotated);
            if (factor != 1 && scaling.equals("linear")) {
                frequencies[i] /= factor;
            }
            if (divisors != null) {
                frequencies[i] /= divisors[i];
            }
        }
        return frequencies;
    }

    private Layer layer(GgufReader file, String at, int hidden, int inner) {
        Layer layer = new Layer();
        int width = heads * headDim;
        int kvWidth = kvHeads * headDim;
        layer.attentionNorm = file.vector(at + "attn_norm.weight", hidden);
        layer.q = file.matrix(at + "attn_q.weight", width, hidden);
        layer.k = file.matrix(at + "attn_k.weight", kvWidth, hidden);
        layer.v = file.matrix(at + "attn_v.weight", kvWidth, hidden);
        layer.qBias = optional(file, at + "attn_q.bias", width);
        layer.kBias = optional(file, at + "attn_k.bias", kvWidth);
        layer.vBias = optional(file, at + "attn_v.bias", kvWidth);
        layer.qNorm = optional(file, at + "attn_q_norm.weight", headDim);
        layer.kNorm = optional(file, at + "attn_k_norm.weight", headDim);
        layer.out = file.matrix(at + "attn_output.weight", hidden, width);
        layer.mlpNorm = file.vector(at + "ffn_norm.weight", hidden);
        layer.gate = file.matrix(at + "ffn_gate.weight", inner, hidden);
        layer.up = file.matrix(at + "ffn_up.weight", inner, hidden);
        layer.down = file.matrix(at + "ffn_down.weight", hidden, inner);
        for (String bias : new String[] {"attn_output.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"}) {
            if (file.hasTensor(at + bias)) {
                throw GgufReader.wrong("it has the tensor " + at + bias + ", which is not computed here");
            }
        }
        return layer;
    }

    private static float[] optional(GgufReader file, String name, int n) {
        return file.hasTensor(name) ? file.vector(name, n) : null;
    }

    /** The file's. */
    public EdgeTokenizer tokenizer() {
        return tokenizer;
    }

    /** Tokens that a sequence may have. */
    public int context() {
        return context;
    }

    /** Tokens read so far. */
    public int length() {
        return length;
    }

    /** Forgets what was read. */
    public void reset() {
        length = 0;
    }

    /**
     * Reads a token.
     *
     * @param wanted whether the logits behind it are asked for: not within a prompt
     * @return the logits [vocabulary], which the next call overwrites; null where they are not wanted
     * @throws IllegalArgumentException where there is no such token, or the context is full
     */
    public float[] read(int token, boolean wanted) {
        if (token < 0 || token >= logits.length) {
            throw new IllegalArgumentException("token " + token + " is outside the vocabulary of " + logits.length);
        }
        if (length >= context) {
            throw new IllegalArgumentException("the model's context of " + context + " tokens is full");
        }
        embedding.row(token, stream);
        for (int i = 0; i < cos.length; i++) {
            double angle = length * frequencies[i];
            cos[i] = (float) Math.cos(angle);
            sin[i] = (float) Math.sin(angle);
        }
        for (Layer layer : layers) {
            attention(layer);
            mlp(layer);
        }
        length++;
        if (!wanted) {
            return null;
        }
        norm(finalNorm, normed);
        head.multiply(normed, logits);
        return logits;
    }

    private void norm(float[] weight, EdgeMatrix.Input to) {
        EdgeMath.rmsNorm(stream, 0, weight, epsilon, to.values, 0);
        to.changed();
    }

    private void attention(Layer layer) {
        norm(layer.attentionNorm, normed);
        project(layer.q, layer.qBias, query);
        project(layer.k, layer.kBias, key);
        project(layer.v, layer.vBias, value);
        prepare(query, heads, layer.qNorm);
        prepare(key, kvHeads, layer.kNorm);
        keep(layer);
        int group = heads / kvHeads;
        for (int h = 0; h < heads; h++) {
            attend(layer, h, h / group);
        }
        attended.changed();
        layer.out.multiply(attended, delta);
        add();
    }

    private void project(EdgeMatrix matrix, float[] bias, float[] to) {
        matrix.multiply(normed, to);
        for (int i = 0; bias != null && i < bias.length; i++) {
            to[i] += bias[i];
        }
    }

    /** Heads' norms and rotation. Llama's files hold rows of queries and keys in an order in which neighbours turn together; they are put back first. */
    private void prepare(float[] x, int count, float[] norm) {
        int half = frequencies.length;
        for (int h = 0; h < count; h++) {
            int at = h * headDim;
            if (turned != null) {
                System.arraycopy(x, at, turned, 0, headDim);
                for (int i = 0; i < headDim / 2; i++) {
                    x[at + i] = turned[2 * i];
                    x[at + headDim / 2 + i] = turned[2 * i + 1];
                }
            }
            if (norm != null) {
                EdgeMath.rmsNorm(x, at, norm, epsilon, x, at);
            }
            for (int i = 0; i < half; i++) {
                float a = x[at + i];
                float b = x[at + half + i];
                x[at + i] = a * cos[i] - b * sin[i];
                x[at + half + i] = b * cos[i] + a * sin[i];
            }
        }
    }

    private void keep(Layer layer) {
        int width = key.length;
        if (layer.keys.length < (length + 1) * width) {
            int room = (int) Math.min((long) context * width, Math.max(64L * width, 2L * layer.keys.length));
            layer.keys = Arrays.copyOf(layer.keys, room);
            layer.values = Arrays.copyOf(layer.values, room);
        }
        for (int i = 0; i < width; i++) {
            if (!(Math.abs(key[i]) <= 65504 && Math.abs(value[i]) <= 65504)) {
                throw new IllegalStateException("a key or value is no f16: the model's weights are broken");
            }
            layer.keys[length * width + i] = EdgeMath.toF16(key[i]);
            layer.values[length * width + i] = EdgeMath.toF16(value[i]);
        }
    }

    private void attend(Layer layer, int h, int kvHead) {
        int width = key.length;
        int from = h * headDim;
        int n = length + 1;
        if (scores.length < n) {
            scores = new float[2 * n];
        }
        float scale = (float) (1 / Math.sqrt(headDim));
        float[] keys = layer.keys;
        int t0 = 0;
        // each sum alone waits for its last step
        for (; t0 + 4 <= n; t0 += 4) {
            int at = t0 * width + kvHead * headDim;
            float sum0 = 0;
            float sum1 = 0;
            float sum2 = 0;
            float sum3 = 0;
            for (int d = 0; d < headDim; d++) {
                float q = query[from + d];
                sum0 = EdgeMath.fma(keys[at + d], q, sum0);
                sum1 = EdgeMath.fma(keys[at + width + d], q, sum1);
                sum2 = EdgeMath.fma(keys[at + 2 * width + d], q, sum2);
                sum3 = EdgeMath.fma(keys[at + 3 * width + d], q, sum3);
            }
            scores[t0] = sum0 * scale;
            scores[t0 + 1] = sum1 * scale;
            scores[t0 + 2] = sum2 * scale;
            scores[t0 + 3] = sum3 * scale;
        }
        for (; t0 < n; t0++) {
            int at = t0 * width + kvHead * headDim;
            float sum = 0;
            for (int d = 0; d < headDim; d++) {
                sum = EdgeMath.fma(keys[at + d], query[from + d], sum);
            }
            scores[t0] = sum * scale;
        }
        EdgeMath.softmax(scores, n);
        float[] out = attended.values;
        Arrays.fill(out, from, from + headDim, 0);
        for (int t = 0; t < n; t++) {
            int at = t * width + kvHead * headDim;
            for (int d = 0; d < headDim; d++) {
                out[from + d] = EdgeMath.fma(layer.values[at + d], scores[t], out[from + d]);
            }
        }
    }

    private void mlp(Layer layer) {
        norm(layer.mlpNorm, normed);
        layer.gate.multiply(normed, gate);
        layer.up.multiply(normed, up);
        EdgeMath.gate(gate, up);
        System.arraycopy(gate, 0, gated.values, 0, gate.length);
        gated.changed();
        layer.down.multiply(gated, delta);
        add();
    }

    private void add() {
        for (int i = 0; i < stream.length; i++) {
            stream[i] += delta[i];
        }
    }
}
