package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.tensor.Int8Activations;
import dev.zhulong.tensor.Int8Linear;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Parallel;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.text.HuggingFaceTokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Real weights, a Llama's forward pass written out here, its projections (not its head) in F32 and by int8: how far the next token's distributions
 * are apart. The bound is what llama.cpp's Q8_0 has on this text, 0.0008 a token, and 0.002.
 */
class TheThroughputRouteStaysNearFp32Test {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();
    private static final Path MODEL = SHARED.resolve("assets/stories15M");
    private static final int WINDOW = 256;
    private static final int WINDOWS = 4;

    /** {@code y = x·Wᵀ} of the projection so named, x [tokens, inputs]. */
    private interface Product {
        Tensor apply(Tensor x, String name);
    }

    private final Map<String, Tensor> weights = new HashMap<>();
    private DecoderSpec spec;

    @Test
    void eightColumnsInF32AreEnough() throws Exception {
        assumeTrue(Files.isDirectory(MODEL), "../shared is absent: quality of the throughput route not measured");
        assumeTrue(Int8Linear.unavailable() == null, "int8 products are not to be had on this processor");
        try (ModelDirectory files = ModelDirectory.open(MODEL); var tokenizer = HuggingFaceTokenizer.load(MODEL); var scope = TensorScope.open();
                var off = NoGrad.open()) {
            spec = files.spec();
            files.tensors().forEach((name, tensor) -> weights.put(name, Tensor.of(tensor.toFloats(), tensor.shape())));
            int[] ids = tokenizer.encode(Files.readString(SHARED.resolve("assets/data/stories.sampled.txt")));

            Map<String, OutlierColumns> seen = new HashMap<>();
            Product plain = (x, name) -> x.linear(weights.get(name), null);
            for (int w = 0; w < 2; w++) {
                logProbabilities(window(ids, w), (x, name) -> {
                    int inputs = (int) x.size(1);
                    seen.computeIfAbsent(name, key -> new OutlierColumns(inputs)).feed(x.toFloats(), 0, (int) x.size(0));
                    return plain.apply(x, name);
                });
            }
            Map<String, Int8Linear> packed = new HashMap<>();
            Map<String, int[]> columns = new HashMap<>();
            seen.forEach((name, outliers) -> {
                float[] w = weights.get(name).toFloats();
                int outputs = (int) weights.get(name).size(0);
                int inputs = w.length / outputs;
                columns.put(name, outliers.choose(8));
                packed.put(name, Int8Linear.pack((row, to) -> System.arraycopy(w, row * inputs, to, 0, inputs), outputs, inputs, columns.get(name), 1, 256,
                        Parallel.NOT));
            });
            Product integers = (x, name) -> {
                Int8Linear linear = packed.get(name);
                int rows = (int) x.size(0);
                float[] out = new float[rows * linear.outputs()];
                try (var a = new Int8Activations(rows, linear.inputs())) {
                    a.set(x.toFloats(), 0, rows, linear.inputs(), columns.get(name), Parallel.NOT);
                    linear.multiply(a, out, 0, Parallel.NOT);
                }
                return Tensor.of(out, rows, linear.outputs());
            };

            double divergence = 0;
            double expectedLoss = 0;
            double foundLoss = 0;
            int vocabulary = spec.vocabSize();
            for (int w = 0; w < WINDOWS; w++) {
                int[] text = window(ids, 8 + w);
                float[] expected = logProbabilities(text, plain);
                float[] found = logProbabilities(text, integers);
                for (int t = 0; t < WINDOW - 1; t++) {
                    expectedLoss -= expected[t * vocabulary + text[t + 1]];
                    foundLoss -= found[t * vocabulary + text[t + 1]];
                    for (int i = t * vocabulary; i < (t + 1) * vocabulary; i++) {
                        divergence += Math.exp(expected[i]) * (expected[i] - found[i]);
                    }
                }
            }
            packed.values().forEach(Int8Linear::close);
            int tokens = WINDOWS * (WINDOW - 1);
            System.out.printf("int8 projections: KL to F32 %.5f nats a token, perplexity %.4f, of F32 %.4f%n", divergence / tokens,
                    Math.exp(foundLoss / tokens), Math.exp(expectedLoss / tokens));
            assertThat(divergence / tokens).isBetween(1e-5, 0.0028);
            assertThat(Math.exp((foundLoss - expectedLoss) / tokens)).isBetween(0.995, 1.005);
        }
    }

    private static int[] window(int[] ids, int index) {
        int[] window = new int[WINDOW];
        window[0] = 1;
        System.arraycopy(ids, index * (WINDOW - 1), window, 1, WINDOW - 1);
        return window;
    }

    private Tensor norm(Tensor x, String name) {
        return x.mul(x.square().mean(-1, true).add(spec.normEpsilon()).rsqrt()).mul(weights.get(name + ".weight"));
    }

    /** [tokens, vocabulary] */
    private float[] logProbabilities(int[] ids, Product product) {
        int t = ids.length;
        int half = spec.headDim() / 2;
        float[] cosines = new float[t * half];
        float[] sines = new float[t * half];
        for (int i = 0; i < t * half; i++) {
            double angle = i / half * Math.pow(spec.rope().theta(), -(double) (i % half) / half);
            cosines[i] = (float) Math.cos(angle);
            sines[i] = (float) Math.sin(angle);
        }
        try (var scope = TensorScope.open()) {
            Tensor cos = Tensor.of(cosines, t, 1, half);
            Tensor sin = Tensor.of(sines, t, 1, half);
            Tensor x = weights.get("model.embed_tokens.weight").embedding(Tensor.of(ids, t));
            for (int l = 0; l < spec.layers(); l++) {
                String at = "model.layers." + l + ".";
                Tensor h = norm(x, at + "input_layernorm");
                List<Tensor> qkv = new ArrayList<>();
                for (String name : List.of("q", "k", "v")) {
                    Tensor heads = product.apply(h, at + "self_attn." + name + "_proj.weight").view(t, -1, spec.headDim());
                    qkv.add((name.equals("v") ? heads : rotated(heads, cos, sin)).transpose(0, 1).unsqueeze(0));
                }
                Tensor attended = Tensor.attention(qkv.get(0), qkv.get(1), qkv.get(2), null, true).squeeze(0).transpose(0, 1).reshape(t, -1);
                x = x.add(product.apply(attended, at + "self_attn.o_proj.weight"));
                h = norm(x, at + "post_attention_layernorm");
                Tensor gated = product.apply(h, at + "mlp.gate_proj.weight").silu().mul(product.apply(h, at + "mlp.up_proj.weight"));
                x = x.add(product.apply(gated, at + "mlp.down_proj.weight"));
            }
            return norm(x, "model.norm").linear(weights.get("model.embed_tokens.weight"), null).logSoftmax(-1).toFloats();
        }
    }

    private static Tensor rotated(Tensor x, Tensor cos, Tensor sin) {
        long half = cos.size(2);
        Tensor a = x.narrow(2, 0, half);
        Tensor b = x.narrow(2, half, half);
        return Tensor.cat(2, a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin)));
    }
}
