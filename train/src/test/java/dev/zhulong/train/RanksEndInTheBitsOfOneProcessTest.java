package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.model.Decoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Gradients of a batch are whole before they are added, and are added in the order of the ranks: it does not matter whether the next batch is another rank's or one's own. */
class RanksEndInTheBitsOfOneProcessTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);
    private static final int STEPS = 6;

    @TempDir
    Path directory;

    private record Run(List<Double> losses, List<Double> norms, Map<String, float[]> weights) {
        boolean hasTheBitsOf(Run other) {
            return losses.equals(other.losses) && norms.equals(other.norms) && weights.keySet().equals(other.weights.keySet())
                    && weights.entrySet().stream().allMatch(e -> java.util.Arrays.equals(e.getValue(), other.weights.get(e.getKey())));
        }
    }

    /** What is trained, and for what. */
    private record Trained(Supplier<Decoder> model, Function<Decoder, Objective<Batch>> objective) {
        static Trained llama(boolean tied) {
            return new Trained(() -> Tiny.decoder(Family.of("llama"), tied), Tiny::nextToken);
        }
    }

    /** Some batches have more targets than others, and every seventh has none. */
    private static Batch batch(long number) {
        return number % 7 == 3 ? Tiny.rows(12, new int[] {1}) : Tiny.rows(12, Tiny.document(4 + (int) (number * 5 % 9), 2 * number), Tiny.document(9, 2 * number + 1));
    }

    @ParameterizedTest
    @CsvSource({"2,1,true,false", "3,1,true,false", "4,1,true,false", "3,1,false,false", "3,1,true,true", "2,1,false,true"})
    void ofAsManyBatches(int size, int accumulation, boolean tied, boolean recompute) throws Exception {
        Run alone = run("alone", Ranks.ALONE, size * accumulation, Trained.llama(tied), recompute, RanksEndInTheBitsOfOneProcessTest::batch);
        for (Run rank : together(size, accumulation, Trained.llama(tied), recompute)) {
            assertThat(rank.hasTheBitsOf(alone)).as("%s%n%s", rank.losses, alone.losses).isTrue();
        }
    }

    /** Corrections move by the choices of all ranks, and the loss that balances experts is a batch's. */
    @Test
    void aMixtureWhoseExpertsAreCorrected() throws Exception {
        Files.writeString(directory.resolve("config.json"), """
                {"model_type":"deepseek_v3","vocab_size":48,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":2,"q_lora_rank":null,
                "kv_lora_rank":8,"qk_rope_head_dim":4,"qk_nope_head_dim":4,"v_head_dim":8,"moe_intermediate_size":8,"n_routed_experts":4,"n_shared_experts":1,
                "num_experts_per_tok":2,"n_group":1,"topk_group":1,"first_k_dense_replace":1,"max_position_embeddings":32}""");
        var spec = (DecoderSpec) HfConfig.network(directory.resolve("config.json"));
        var balancing = new Balancing(Balance.Over.LAYER, 0.1, 0.01, 0.01, 0);
        Trained mixture = new Trained(() -> Tiny.decoder(spec), model -> new NextToken(model, new int[48], balancing));
        Run alone = run("alone", Ranks.ALONE, 3, mixture, false, RanksEndInTheBitsOfOneProcessTest::batch);
        for (Run rank : together(3, 1, mixture, false)) {
            assertThat(rank.hasTheBitsOf(alone)).as("%s%n%s", rank.losses, alone.losses).isTrue();
        }
        assertThat(alone.weights.get("model.layers.1.mlp.gate.e_score_correction_bias")).isNotEqualTo(new float[4]);
    }

    /** With several batches each, sums are taken in another order; the ranks agree with one another all the same. */
    @Test
    void withSeveralBatchesEachTheyAgreeWithOneAnother() throws Exception {
        Run alone = run("alone", Ranks.ALONE, 4, Trained.llama(true), false, RanksEndInTheBitsOfOneProcessTest::batch);
        List<Run> ranks = together(2, 2, Trained.llama(true), false);
        assertThat(ranks.get(1).hasTheBitsOf(ranks.get(0))).isTrue();
        for (int i = 0; i < STEPS; i++) {
            assertThat(ranks.get(0).losses.get(i)).isCloseTo(alone.losses.get(i), org.assertj.core.api.Assertions.within(1e-5));
        }
    }

    private List<Run> together(int size, int accumulation, Trained trained, boolean recompute) throws Exception {
        try (var threads = Executors.newFixedThreadPool(size); var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, refused -> {})) {
            int port = rendezvous.port();
            List<Future<Run>> runs = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                int rank = i;
                runs.add(threads.submit(() -> {
                    var group = new Group(rank, size, 0, "127.0.0.1", port, "127.0.0.1", KEY, Duration.ofSeconds(10));
                    try (var ranks = new DataParallel(Collectives.join(group, refused -> {}))) {
                        return run("together", ranks, accumulation, trained, recompute, number -> batch(number * size + rank));
                    }
                }));
            }
            List<Run> results = new ArrayList<>();
            for (Future<Run> run : runs) {
                results.add(run.get(2, TimeUnit.MINUTES));
            }
            return results;
        }
    }

    private Run run(String name, Ranks ranks, int accumulation, Trained trained, boolean recompute, LongFunction<Batch> batches) {
        List<Double> losses = new ArrayList<>();
        List<Double> norms = new ArrayList<>();
        TrainOptions o = Tiny.options(STEPS, accumulation, 1);
        var options = new TrainOptions(o.steps(), o.accumulation(), o.schedule(), o.clip(), o.optimizer(), recompute, o.seed(), 0, 0, 3, 2);
        try (Decoder model = trained.model.get()) {
            new Trainer<>(model, trained.objective.apply(model), new TrainData<>(batches, List.of()), ranks, options, directory.resolve(name), new TrainListener() {
                @Override
                public void step(Step step) {
                    losses.add(step.loss());
                    norms.add(step.gradNorm());
                }
            }).train();
            Map<String, float[]> weights = new LinkedHashMap<>();
            model.parameters().forEach((weight, tensor) -> weights.put(weight, tensor.toFloats()));
            return new Run(losses, norms, weights);
        }
    }
}
