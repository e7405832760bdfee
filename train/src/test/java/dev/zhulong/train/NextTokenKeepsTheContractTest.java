package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class NextTokenKeepsTheContractTest {
    @Nested
    class OverATiedLlama extends Over {
        OverATiedLlama() {
            super(Family.of("llama"), true);
        }
    }

    @Nested
    class OverAnUntiedLlama extends Over {
        OverAnUntiedLlama() {
            super(Family.of("llama"), false);
        }
    }

    @Nested
    class OverAGpt2 extends Over {
        OverAGpt2() {
            super(Family.of("gpt2"), true);
        }
    }

    private abstract static class Over extends ObjectiveContract<NextToken, Batch> {
        private final Decoder model;

        Over(Family family, boolean tied) {
            model = Tiny.decoder(family, tied);
            model.requiresGrad(true);
        }

        @AfterEach
        void close() {
            model.close();
        }

        @Override
        NextToken objective() {
            return Tiny.nextToken(model);
        }

        @Override
        Map<String, Tensor> weights() {
            return model.trainable();
        }

        /** Rows that are filled up, and documents that share one. */
        @Override
        List<Batch> batches() {
            return List.of(Tiny.batch(1), Tiny.packed(Tiny.document(7, 1), Tiny.document(11, 2)));
        }

        @Override
        long supervised(Batch batch) {
            return Arrays.stream(batch.targets()).filter(target -> target != Batch.NO_TARGET).count();
        }

        @Override
        Unit unit() {
            return Unit.NATS_A_TOKEN;
        }

        @Test
        void bytesAreThoseOfTheSupervisedTargets() {
            for (Batch batch : batches()) {
                Loss loss = objective().evaluate(batch);
                assertThat(loss.bytes()).isEqualTo(2 * supervised(batch));
                assertThat(loss.bitsPerByte()).isCloseTo(loss.sum() / Math.log(2) / loss.bytes(), within(1e-12));
                assertThat(new NextToken(model).evaluate(batch).bitsPerByte()).as("of tokens without text").isNaN();
            }
        }
    }
}
