package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.Stack;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class HeadOfEncoderKeepsTheContractTest {
    private static final List<String> LABELS = List.of("a", "b", "c");

    @Nested
    class OfMaskedTokens extends Over {
        OfMaskedTokens() {
            super(bare().withMaskedTokens(), Unit.NATS_A_TOKEN);
        }

        /** Few of the tokens are to be guessed. */
        @Override
        int[] labels(int length, SplittableRandom random) {
            return IntStream.range(0, length).map(i -> i % 3 == 1 ? random.nextInt(Tiny.VOCAB) : Batch.NO_TARGET).toArray();
        }
    }

    @Nested
    class OfTags extends Over {
        OfTags() {
            super(bare().withTags(LABELS), Unit.NATS_A_TOKEN);
        }

        @Override
        int[] labels(int length, SplittableRandom random) {
            return IntStream.range(0, length).map(i -> i % 4 == 0 ? Batch.NO_TARGET : random.nextInt(3)).toArray();
        }
    }

    @Nested
    class OfClasses extends Over {
        OfClasses() {
            super(bare().withClasses(LABELS, Problem.SINGLE_LABEL), new Unit("nats", "text"));
        }

        @Override
        int[] labels(int length, SplittableRandom random) {
            return new int[] {random.nextInt(3)};
        }
    }

    @Nested
    class OfSeveralClasses extends Over {
        OfSeveralClasses() {
            super(bare().withClasses(LABELS, Problem.MULTI_LABEL), new Unit("nats", "label"));
        }

        @Override
        int[] labels(int length, SplittableRandom random) {
            return random.ints(3, 0, 2).toArray();
        }
    }

    @Nested
    class OfAnswers extends Over {
        OfAnswers() {
            super(bare().withSpans(), new Unit("nats", "question"));
        }

        @Override
        int[] labels(int length, SplittableRandom random) {
            int start = random.nextInt(length);
            return new int[] {start, random.nextInt(start, length)};
        }
    }

    /** On every projection, with the head beside it, which is trained whole: dense layer and outputs. */
    @Nested
    class OfAnAdapterWithTheHead extends OfClasses {
        private final LoraAdapter adapter;

        OfAnAdapterWithTheHead() {
            adapter = LoraAdapter.create(model(), LoraConfig.of(3, 6, LoraConfig.ALL_LINEAR), 5);
            model().requiresGrad(false);
            model().attach(adapter);
            // B begins as zeros, and A then has no gradient
            adapter.parameters().values().forEach(p -> p.add_(Tensor.zeros(DType.F32, p.shape()).fill_(0.05)));
            model().requiresGrad(true);
        }

        @Test
        void eachProjectionHasOneAndTheHeadIsWhole() {
            assertThat(adapter.parameters()).hasSize(2 * 2 * 6 + 4).containsKeys("base_model.model.bert.pooler.dense.bias", "base_model.model.classifier.weight");
        }

        @AfterEach
        void closeAdapter() {
            adapter.close();
        }
    }

    private static EncoderSpec bare() {
        var layer = new Stack.Layer(new Stack.Attention(4, 4, 4, true, true, false, 0), new Stack.Mlp.Dense(24, Activation.GELU, false, true));
        var stack = new Stack(16, Collections.nCopies(2, layer), Norm.LAYER, 1e-5, Stack.NormPlace.AFTER, new Stack.Positions.Learned(0), 32);
        return new EncoderSpec((EncoderFamily) Family.of("bert"), stack, Tiny.VOCAB, 2, 0, new Head.None());
    }

    private abstract static class Over extends ObjectiveContract<HeadOfEncoder, EncoderBatch> {
        private final Encoder model;
        private final Unit unit;

        Over(EncoderSpec spec, Unit unit) {
            this.unit = unit;
            model = Encoder.random(spec, 7);
            // larger than at initialisation, so that gradients are far from zero everywhere
            model.parameters().values().forEach(p -> {
                if (p.dim() > 1) {
                    p.mul_(8);
                }
            });
            model.requiresGrad(true);
        }

        Encoder model() {
            return model;
        }

        /** Of each token, or of the row. */
        abstract int[] labels(int length, SplittableRandom random);

        @AfterEach
        void close() {
            model.close();
        }

        @Override
        HeadOfEncoder objective() {
            return new HeadOfEncoder(model);
        }

        @Override
        Map<String, Tensor> weights() {
            return model.trainable();
        }

        /** Rows that are filled up, and rows that are not. */
        @Override
        List<EncoderBatch> batches() {
            return List.of(batch(1, 7, 11, 9), batch(2, 8, 8));
        }

        private EncoderBatch batch(long seed, int... lengths) {
            var random = new SplittableRandom(seed);
            boolean perToken = !(model.spec().head() instanceof Head.Classes || model.spec().head() instanceof Head.Spans);
            return EncoderBatch.of(Arrays.stream(lengths).mapToObj(length -> new EncoderRow(random.ints(length, 1, Tiny.VOCAB).toArray(),
                    IntStream.range(0, length).map(i -> i < length / 2 ? 0 : 1).toArray(), labels(length, random))).toList(), 0, perToken);
        }

        @Override
        long supervised(EncoderBatch batch) {
            return model.spec().head() instanceof Head.Spans ? batch.rows() : Arrays.stream(batch.labels()).filter(label -> label != Batch.NO_TARGET).count();
        }

        @Override
        Unit unit() {
            return unit;
        }
    }
}
