package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DpoKeepsTheContractTest extends ObjectiveContract<Dpo, Batch> {
    private final Decoder model = Tiny.decoder(Family.of("llama"), true);
    private final LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(3, 5, LoraConfig.ALL_LINEAR), 2);

    DpoKeepsTheContractTest() {
        var random = new SplittableRandom(9);
        // B is zero at the start, where A has no gradient to test
        adapter.parameters().forEach((name, t) -> {
            if (name.contains("lora_B")) {
                for (int i = 0; i < t.elements(); i++) {
                    t.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-0.2, 0.2));
                }
            }
        });
        model.attach(adapter);
        model.requiresGrad(true);
    }

    @AfterEach
    void close() {
        adapter.close();
        model.close();
    }

    @Override
    Dpo objective() {
        return new Dpo(model, 0.3, 0.1);
    }

    @Override
    Map<String, Tensor> weights() {
        return adapter.parameters();
    }

    @Override
    List<Batch> batches() {
        return List.of(Tiny.rows(8, Tiny.document(6, 1), Tiny.document(5, 2), Tiny.document(4, 3), Tiny.document(7, 4)),
                Tiny.rows(9, Tiny.document(9, 5), Tiny.document(3, 6)));
    }

    @Override
    long supervised(Batch batch) {
        return batch.batch() / 2;
    }

    @Override
    Unit unit() {
        return new Unit("nats", "pair");
    }

    @Test
    void pairsAreNoText() {
        assertThat(objective().evaluate(batches().getFirst()).bitsPerByte()).isNaN();
    }
}
