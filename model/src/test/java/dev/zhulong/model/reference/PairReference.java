package dev.zhulong.model.reference;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Texts;
import java.util.Arrays;
import java.util.Map;

/**
 * CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023): the patches by a convolution, each weight asked for by its published name.
 *
 * @param weights by name, row by row
 */
public record PairReference(VisionSpec spec, Map<String, double[]> weights) {
    private static final String VISION = "vision_model.";
    private static final String TEXT = "text_model.";

    /** A picture's vector, of length one. @param pixels [channels][height][width], of the size that positions are for */
    public double[] picture(double[][][] pixels) {
        boolean clip = spec.family().modelType().equals("clip");
        double[][] patches = convolved(pixels);
        double[][] x = patches;
        if (clip) {
            x = new double[patches.length + 1][];
            x[0] = weights.get(VISION + "embeddings.class_embedding").clone();
            System.arraycopy(patches, 0, x, 1, patches.length);
        }
        x = Arithmetic.add(x, table(VISION + "embeddings.position_embedding.weight", x.length, spec.hiddenSize()));
        x = clip ? norm(x, VISION + "pre_layrnorm", spec.stack()) : x;
        x = layers(x, VISION, spec.stack(), false);
        if (clip) {
            double[][] pooled = norm(new double[][] {x[0]}, VISION + "post_layernorm", spec.stack());
            return ofLengthOne(Arithmetic.linear(pooled, weights.get("visual_projection.weight"), null, spec.vectorSize())[0]);
        }
        return ofLengthOne(gathered(norm(x, VISION + "post_layernorm", spec.stack())));
    }

    private double[][] convolved(double[][][] pixels) {
        int size = spec.patches().size();
        int columns = pixels[0][0].length / size;
        double[] kernel = weights.get(VISION + "embeddings.patch_embedding.weight");
        double[] bias = weights.get(VISION + "embeddings.patch_embedding.bias");
        double[][] out = new double[pixels[0].length / size * columns][spec.hiddenSize()];
        for (int patch = 0; patch < out.length; patch++) {
            for (int o = 0; o < spec.hiddenSize(); o++) {
                out[patch][o] = bias == null ? 0 : bias[o];
                for (int c = 0; c < pixels.length; c++) {
                    for (int y = 0; y < size; y++) {
                        for (int x = 0; x < size; x++) {
                            out[patch][o] += kernel[((o * pixels.length + c) * size + y) * size + x] * pixels[c][patch / columns * size + y][patch % columns * size + x];
                        }
                    }
                }
            }
        }
        return out;
    }

    /** The learned query over all patches, then an MLP with a residual. */
    private double[] gathered(double[][] x) {
        String at = VISION + "head.";
        int hidden = spec.hiddenSize();
        double[] matrix = weights.get(at + "attention.in_proj_weight");
        double[] bias = weights.get(at + "attention.in_proj_bias");
        double[][][] qkv = new double[3][][];
        for (int i = 0; i < 3; i++) {
            double[][] from = i == 0 ? new double[][] {weights.get(at + "probe")} : x;
            qkv[i] = Arithmetic.linear(from, Arrays.copyOfRange(matrix, i * hidden * hidden, (i + 1) * hidden * hidden), Arrays.copyOfRange(bias, i * hidden, (i + 1) * hidden), hidden);
        }
        double[][] y = linear(attention(qkv[0], qkv[1], qkv[2], spec.layer(0).attention().heads(), false), at + "attention.out_proj", hidden);
        return Arithmetic.add(y, mlp(norm(y, at + "layernorm", spec.stack()), at, spec.stack()))[0];
    }

    /** A text's vector, of length one. @param pooled which of its states that is */
    public double[] text(int[] ids, int pooled) {
        Texts texts = spec.texts().orElseThrow();
        int hidden = texts.stack().hiddenSize();
        double[] embedding = weights.get(TEXT + "embeddings.token_embedding.weight");
        double[][] x = Arrays.stream(ids).mapToObj(id -> Arrays.copyOfRange(embedding, id * hidden, (id + 1) * hidden)).toArray(double[][]::new);
        x = Arithmetic.add(x, table(TEXT + "embeddings.position_embedding.weight", ids.length, hidden));
        x = norm(layers(x, TEXT, texts.stack(), texts.causal()), TEXT + "final_layer_norm", texts.stack());
        String name = texts.sigmoid() ? TEXT + "head" : "text_projection";
        return ofLengthOne(linear(new double[][] {x[pooled]}, name, texts.width())[0]);
    }

    private double[][] table(String name, int rows, int width) {
        double[] all = weights.get(name);
        double[][] table = new double[rows][];
        Arrays.setAll(table, row -> Arrays.copyOfRange(all, row * width, (row + 1) * width));
        return table;
    }

    private double[][] layers(double[][] x, String tower, Stack stack, boolean causal) {
        int hidden = stack.hiddenSize();
        for (int l = 0; l < stack.layers().size(); l++) {
            String at = tower + "encoder.layers." + l + ".";
            double[][] h = norm(x, at + "layer_norm1", stack);
            double[][] y = attention(linear(h, at + "self_attn.q_proj", hidden), linear(h, at + "self_attn.k_proj", hidden), linear(h, at + "self_attn.v_proj", hidden),
                    stack.layers().get(l).attention().heads(), causal);
            x = Arithmetic.add(x, linear(y, at + "self_attn.out_proj", hidden));
            x = Arithmetic.add(x, mlp(norm(x, at + "layer_norm2", stack), at, stack));
        }
        return x;
    }

    private double[][] mlp(double[][] x, String at, Stack stack) {
        Activation activation = stack.layers().getFirst().mlp().activation();
        double[][] inner = linear(x, at + "mlp.fc1", stack.layers().getFirst().mlp().width());
        for (double[] row : inner) {
            Arrays.setAll(row, i -> Arithmetic.activate(activation, row[i]));
        }
        return linear(inner, at + "mlp.fc2", stack.hiddenSize());
    }

    private double[][] linear(double[][] x, String name, int out) {
        return Arithmetic.linear(x, weights.get(name + ".weight"), weights.get(name + ".bias"), out);
    }

    private double[][] norm(double[][] x, String name, Stack stack) {
        return Arithmetic.layerNorm(x, weights.get(name + ".weight"), weights.get(name + ".bias"), stack.normEpsilon());
    }

    private static double[][] attention(double[][] q, double[][] k, double[][] v, int heads, boolean causal) {
        int d = q[0].length / heads;
        double[][] out = new double[q.length][q[0].length];
        for (int i = 0; i < q.length; i++) {
            for (int h = 0; h < heads; h++) {
                int last = causal ? i + 1 : k.length;
                double[] shares = new double[last];
                for (int j = 0; j < last; j++) {
                    for (int c = h * d; c < (h + 1) * d; c++) {
                        shares[j] += q[i][c] * k[j][c] / Math.sqrt(d);
                    }
                    shares[j] = Math.exp(shares[j]);
                }
                double sum = Arrays.stream(shares).sum();
                for (int j = 0; j < last; j++) {
                    for (int c = h * d; c < (h + 1) * d; c++) {
                        out[i][c] += shares[j] / sum * v[j][c];
                    }
                }
            }
        }
        return out;
    }

    private static double[] ofLengthOne(double[] x) {
        double length = Math.sqrt(Arrays.stream(x).map(v -> v * v).sum());
        return Arrays.stream(x).map(v -> v / length).toArray();
    }
}
