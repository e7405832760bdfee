package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.model.Decoder;
import dev.zhulong.train.schedule.Cosine;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Models, rows and options small enough for a test to run them many times. */
final class Tiny {
    static final int VOCAB = 29;

    private Tiny() {}

    static DecoderSpec spec(Family family, boolean tied) {
        boolean gpt2 = family == Family.of("gpt2");
        return new DecoderSpec(family, VOCAB, 16, 2, 4, gpt2 ? 4 : 2, 4, 24, 32, gpt2 ? Norm.LAYER : Norm.RMS, 1e-5,
                gpt2 ? Activation.GELU_TANH : Activation.SILU, !gpt2, gpt2 ? null : new Rope(10_000, 4, new Scaling.None()), tied,
                gpt2, gpt2, gpt2, false, List.of(0, 0), -1, List.of());
    }

    /** A Mixtral with four experts, of which a token is given two. */
    static DecoderSpec mixture(double balance) {
        DecoderSpec dense = spec(Family.of("llama"), true);
        Stack stack = dense.stack();
        var layers = stack.layers().stream().map(layer -> new Stack.Layer(layer.attention(), new Mlp.Experts(4, 2, (Mlp.Dense) layer.mlp(), balance))).toList();
        return new DecoderSpec(Family.of("mixtral"), new Stack(stack.hiddenSize(), layers, stack.norm(), stack.normEpsilon(), stack.place(), stack.positions(),
                stack.contextLength()), dense.vocabSize(), true, dense.bosId(), dense.eosIds());
    }

    /** Fresh weights, larger than at initialisation, so that gradients are far from zero everywhere. */
    static Decoder decoder(Family family, boolean tied) {
        return decoder(spec(family, tied));
    }

    static Decoder decoder(DecoderSpec spec) {
        Decoder model = Decoder.random(spec, 7);
        model.parameters().values().forEach(p -> {
            if (p.dim() > 1) {
                p.mul_(8);
            }
        });
        return model;
    }

    /** A row for each array, each a document of its own, filled up with tokens that have no target. */
    static Batch rows(int seq, int[]... documents) {
        Batch batch = new Batch(documents.length, seq);
        for (int row = 0; row < documents.length; row++) {
            for (int i = 0; i < seq; i++) {
                int at = row * seq + i;
                int[] ids = documents[row];
                batch.tokens()[at] = i < ids.length ? ids[i] : 0;
                batch.targets()[at] = i + 1 < ids.length ? ids[i + 1] : Batch.NO_TARGET;
                batch.positions()[at] = i;
            }
        }
        return batch;
    }

    /** All documents in one row. */
    static Batch packed(int[]... documents) {
        int seq = 0;
        for (int[] ids : documents) {
            seq += ids.length;
        }
        Batch batch = new Batch(1, seq);
        int at = 0;
        for (int d = 0; d < documents.length; d++) {
            int[] ids = documents[d];
            for (int i = 0; i < ids.length; i++, at++) {
                batch.tokens()[at] = ids[i];
                batch.targets()[at] = i + 1 < ids.length ? ids[i + 1] : Batch.NO_TARGET;
                batch.positions()[at] = i;
                batch.documents()[at] = d;
            }
        }
        return batch;
    }

    /** A document of random tokens. */
    static int[] document(int length, long seed) {
        return new SplittableRandom(seed).ints(length, 0, VOCAB).toArray();
    }

    /** Random rows by number, as a run reads them. */
    static Batch batch(long number) {
        return rows(12, document(12, 2 * number), document(9, 2 * number + 1));
    }

    static TrainData<Batch> data() {
        return new TrainData<>(Tiny::batch, List.of(batch(1_000_000), batch(1_000_001)));
    }

    /** Of tokens that stand for two bytes each. */
    static NextToken nextToken(Decoder model) {
        int[] bytes = new int[VOCAB];
        java.util.Arrays.fill(bytes, 2);
        return new NextToken(model, bytes);
    }

    static final AdamW.Settings ADAMW = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1);

    static TrainOptions options(long steps, int accumulation, double clip) {
        return new TrainOptions(steps, accumulation, new Cosine(1e-2, 1e-3, 2, steps), clip, ADAMW, false, 5, 4, 0, 3, 2);
    }

    /** Gradient of the summed loss over {@code batches}, by name, and the loss. */
    static Gradients gradients(Decoder model, boolean recompute, Batch... batches) {
        model.requiresGrad(true);
        Loss loss = Loss.NONE;
        for (Batch batch : batches) {
            loss = loss.plus(new NextToken(model).accumulate(batch, recompute));
        }
        Map<String, float[]> all = new LinkedHashMap<>();
        model.parameters().forEach((name, p) -> {
            all.put(name, p.grad().toFloats());
            p.clearGrad();
        });
        model.requiresGrad(false);
        return new Gradients(loss, all);
    }

    record Gradients(Loss loss, Map<String, float[]> byName) {
        /** Largest difference, as a share of the largest gradient of the same weight. */
        double differenceFrom(Gradients other) {
            List<Double> worst = new ArrayList<>(List.of(0.0));
            byName.forEach((name, g) -> {
                float[] o = other.byName.get(name);
                double largest = 0;
                double difference = 0;
                for (int i = 0; i < g.length; i++) {
                    largest = Math.max(largest, Math.abs(o[i]));
                    difference = Math.max(difference, Math.abs(g[i] - o[i]));
                }
                worst.add(largest == 0 ? difference : difference / largest);
            });
            return worst.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
        }
    }
}
