package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.PairBatch;
import dev.zhulong.data.pack.PairBatch.Pair;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class SequenceToSequenceKeepsTheContractTest {
    @Nested
    class OfT5 extends Over {
        OfT5() {
            super("""
                    "model_type": "t5", "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 3, "decoder_start_token_id": 0,
                    "relative_attention_num_buckets": 8, "relative_attention_max_distance": 9, "feed_forward_proj": "gated-gelu\"""", 0, 1);
        }
    }

    @Nested
    class OfBartWithSmoothedLabels extends Over {
        OfBartWithSmoothedLabels() {
            super(BART.formatted("bart"), 0.1, 8);
        }
    }

    @Nested
    class OfMBart extends Over {
        OfMBart() {
            super(BART.formatted("mbart"), 0, 8);
        }
    }

    /** On every projection of both stacks, those that read the encoder's output included. */
    @Nested
    class OfAnAdapter extends Over {
        private final LoraAdapter adapter;

        OfAnAdapter() {
            super(BART.formatted("m2m_100"), 0, 8);
            adapter = LoraAdapter.create(model(), LoraConfig.of(3, 6, LoraConfig.ALL_LINEAR), 5);
            model().attach(adapter);
            // B begins as zeros, and A then has no gradient
            adapter.parameters().values().forEach(p -> p.add_(Tensor.zeros(DType.F32, p.shape()).fill_(0.05)));
            model().requiresGrad(true);
        }

        @Test
        void eachProjectionHasOne() {
            assertThat(adapter.parameters()).hasSize(2 * (2 * 6 + 10));
        }

        @AfterEach
        void closeAdapter() {
            adapter.close();
        }
    }

    /** Which values are dropped is one function of the weights like any other: its gradient, recomputed parts and repeated passes follow the same masks. */
    @Nested
    class OfMarianThatDrops extends Over {
        OfMarianThatDrops() {
            super(BART.formatted("marian"), 0.1, 8);
            model().dropout(0.25);
            model().drop(11);
        }

        @Test
        void anotherSeedDropsOtherValuesAndWithoutOneNothingIsDropped() {
            PairBatch batch = batches().getFirst();
            double dropped = objective().evaluate(batch).sum();
            model().drop(12);
            assertThat(objective().evaluate(batch).sum()).isNotEqualTo(dropped);
            model().drop(11);
            assertThat(objective().evaluate(batch).sum()).isEqualTo(dropped);
            model().dropNothing();
            double plain = objective().evaluate(batch).sum();
            assertThat(plain).isNotEqualTo(dropped);
            model().dropout(0);
            model().drop(11);
            assertThat(objective().evaluate(batch).sum()).isEqualTo(plain);
        }

        /** A value is scaled up where it is kept, so that it is on average what it was. */
        @Test
        void whatIsLeftIsScaledUp() {
            PairBatch batch = batches().getFirst();
            Tensor mean = Tensor.zeros(DType.F32, states(batch).shape());
            model().dropout(0.05);
            int seeds = 300;
            for (int seed = 0; seed < seeds; seed++) {
                model().drop(seed);
                mean.add_(states(batch));
            }
            model().dropNothing();
            float[] plain = states(batch).toFloats();
            float[] averaged = mean.toFloats();
            double difference = 0;
            double size = 0;
            for (int i = 0; i < plain.length; i++) {
                difference += Math.pow(averaged[i] / seeds - plain[i], 2);
                size += Math.pow(plain[i], 2);
            }
            assertThat(Math.sqrt(difference / size)).isLessThan(0.2);
        }

        private Tensor states(PairBatch batch) {
            try (var off = NoGrad.open()) {
                return objective().states(batch);
            }
        }
    }

    private static final String BART = """
            "model_type": "%s", "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 4, "decoder_attention_heads": 2,
            "encoder_ffn_dim": 24, "decoder_ffn_dim": 20, "max_position_embeddings": 20, "pad_token_id": 1, "scale_embedding": true""";

    private abstract static class Over extends ObjectiveContract<SequenceToSequence, PairBatch> {
        private final EncoderDecoder model;
        private final double smoothing;

        /** @param larger than at initialisation, so that gradients are far from zero everywhere */
        Over(String config, double smoothing, double larger) {
            this.smoothing = smoothing;
            model = EncoderDecoder.random(spec(config), 7);
            model.parameters().values().forEach(p -> {
                if (p.dim() > 1) {
                    p.mul_(larger);
                }
            });
            model.requiresGrad(true);
        }

        private static EncoderDecoderSpec spec(String config) {
            try {
                Path file = Files.createTempFile("config", ".json");
                try {
                    Files.writeString(file, "{" + config + ", \"vocab_size\": " + Tiny.VOCAB + "}");
                    return (EncoderDecoderSpec) HfConfig.network(file);
                } finally {
                    Files.delete(file);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        final EncoderDecoder model() {
            return model;
        }

        @AfterEach
        void close() {
            model.close();
        }

        @Override
        SequenceToSequence objective() {
            return new SequenceToSequence(model, smoothing);
        }

        @Override
        Map<String, Tensor> weights() {
            return model.trainable();
        }

        /** Rows that are filled up, and rows that are not. */
        @Override
        List<PairBatch> batches() {
            var random = new SplittableRandom(3);
            return List.of(batch(random, 7, 11, 9), batch(random, 8, 8));
        }

        private static PairBatch batch(SplittableRandom random, int... lengths) {
            return PairBatch.of(Arrays.stream(lengths).mapToObj(n -> new Pair(random.ints(n, 2, Tiny.VOCAB).toArray(), random.ints(15 - n, 2, Tiny.VOCAB).toArray()))
                    .toList(), 1);
        }

        @Override
        long supervised(PairBatch batch) {
            return Arrays.stream(batch.labels()).filter(label -> label != Batch.NO_TARGET).count();
        }

        @Override
        Unit unit() {
            return Unit.NATS_A_TOKEN;
        }
    }
}
