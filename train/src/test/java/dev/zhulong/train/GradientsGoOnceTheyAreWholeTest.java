package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.PairBatch;
import dev.zhulong.data.pack.PairBatch.Pair;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Trap 7 of many ranks: what is sent while backward goes on is what is there when it has ended, to the bit. */
class GradientsGoOnceTheyAreWholeTest {
    @TempDir
    Path temporary;

    private static PairBatch pairs(int number) {
        var random = new SplittableRandom(number);
        return PairBatch.of(IntStream.of(7, 11, 9).mapToObj(n -> new Pair(random.ints(n, 2, Tiny.VOCAB).toArray(), random.ints(15 - n, 2, Tiny.VOCAB).toArray())).toList(), 1);
    }

    /** Keeps what each group's gradients were when it was told of them. */
    private static final class Told extends Alone {
        private List<List<Tensor>> groups;
        private final List<Integer> order = new ArrayList<>();
        private final Map<Tensor, float[]> sent = new IdentityHashMap<>();
        private int missing;

        @Override
        public void expect(List<List<Tensor>> weights) {
            groups = weights;
        }

        @Override
        public void there(int group) {
            if (order.isEmpty()) {
                missing = (int) groups.stream().flatMap(List::stream).filter(w -> w.grad() == null).count();
            }
            order.add(group);
            for (Tensor weight : groups.get(group)) {
                sent.put(weight, weight.grad() == null ? new float[0] : weight.grad().toFloats());
            }
        }

        @Override
        public int size() {
            return 2;
        }
    }

    private static <B> Told told(Network model, Objective<B> objective, int accumulation, boolean recompute, java.util.function.IntFunction<B> batches) {
        model.requiresGrad(true);
        var ranks = new Told();
        var parts = new PartGradients(model, ranks, accumulation);
        for (int i = 0; i < accumulation; i++) {
            B batch = batches.apply(i);
            if (i < accumulation - 1) {
                objective.accumulate(batch, recompute);
            } else {
                parts.during(() -> objective.accumulate(batch, recompute));
            }
        }
        ranks.sent.forEach((weight, values) -> assertThat(values).isEqualTo(weight.grad() == null ? new float[0] : weight.grad().toFloats()));
        assertThat(ranks.groups.stream().flatMap(List::stream)).as("each weight goes once").containsExactlyInAnyOrderElementsOf(model.trainable().values());
        assertThat(ranks.order).as("the last part first").isEqualTo(IntStream.range(0, ranks.order.size()).boxed().toList());
        // nothing more is told of later passes
        int told = ranks.order.size();
        objective.accumulate(batches.apply(accumulation), recompute);
        assertThat(ranks.order).hasSize(told);
        return ranks;
    }

    @ParameterizedTest
    @CsvSource({"true,1,false", "true,2,false", "false,1,false", "false,3,false", "true,1,true", "false,2,true"})
    void ofADecoder(boolean tied, int accumulation, boolean recompute) {
        try (Decoder model = Tiny.decoder(Family.of("llama"), tied)) {
            Told told = told(model, new NextToken(model), accumulation, recompute, Tiny::batch);
            // two blocks and the norm behind them; run a part at a time, the embedding too
            assertThat(told.order).hasSize(recompute ? 4 : 3);
            assertThat(told.sent).containsKey(model.parameters().get("model.layers.0.mlp.up_proj.weight"));
            assertThat(told.missing).as("gradients that are not there yet when the first go").isGreaterThan(accumulation == 1 ? 10 : -1);
            Tensor head = model.head().weight();
            assertThat(told.sent.containsKey(head)).as("the head").isEqualTo(accumulation == 1 && (recompute || !tied));
        }
    }

    @Test
    void ofAMixture() {
        try (Decoder model = Tiny.decoder(Tiny.mixture(0.1))) {
            Told told = told(model, new NextToken(model), 1, false, Tiny::batch);
            assertThat(told.sent.keySet()).hasSize(model.trainable().size() - 1);
        }
    }

    /** Adapters on every projection: those of the first block, below which nothing is learnt, go at the end. */
    @ParameterizedTest
    @CsvSource({"1", "2"})
    void ofAnAdapter(int accumulation) {
        try (Decoder model = Tiny.decoder(Family.of("llama"), true); LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(3, 5, LoraConfig.ALL_LINEAR), 2)) {
            model.attach(adapter);
            Told told = told(model, new NextToken(model), accumulation, false, Tiny::batch);
            assertThat(told.sent.keySet()).hasSize(accumulation == 1 ? adapter.parameters().size() / 2 : 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,false", "2,false", "1,true"})
    void ofAnEncoderAndDecoder(int accumulation, boolean recompute) throws Exception {
        Path config = Files.writeString(temporary.resolve("config.json"), """
                {"model_type": "t5", "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 3, "decoder_start_token_id": 0, "vocab_size": 29,
                "relative_attention_num_buckets": 8, "relative_attention_max_distance": 9, "feed_forward_proj": "gated-gelu"}""");
        try (EncoderDecoder model = EncoderDecoder.random((EncoderDecoderSpec) HfConfig.network(config), 7)) {
            Told told = told(model, new SequenceToSequence(model, 0), accumulation, recompute, GradientsGoOnceTheyAreWholeTest::pairs);
            assertThat(told.order.size()).isGreaterThan(4);
        }
    }
}
