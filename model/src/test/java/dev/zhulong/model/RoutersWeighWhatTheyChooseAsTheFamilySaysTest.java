package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trap 81: which experts a token is given and by what their results are multiplied, by family, against the published formulas in float64. */
class RoutersWeighWhatTheyChooseAsTheFamilySaysTest {
    private static final int EXPERTS = 8;
    private static final int ROWS = 40;
    private static final String PLAIN = "'vocab_size':29,'hidden_size':16,'intermediate_size':24,'num_hidden_layers':2,'num_attention_heads':4,'num_key_value_heads':2,"
            + "'max_position_embeddings':32,'moe_intermediate_size':8,'num_experts_per_tok':3,'num_experts':8,'num_local_experts':8";
    private static final String DEEPSEEK = "'vocab_size':29,'hidden_size':16,'intermediate_size':24,'num_hidden_layers':2,'num_attention_heads':2,'q_lora_rank':null,"
            + "'kv_lora_rank':8,'qk_rope_head_dim':4,'qk_nope_head_dim':4,'v_head_dim':8,'moe_intermediate_size':8,'n_routed_experts':8,'n_shared_experts':1,"
            + "'num_experts_per_tok':3,'n_group':4,'topk_group':2,'first_k_dense_replace':1,'max_position_embeddings':32,'routed_scaling_factor':2.5";

    @TempDir
    Path directory;

    /** What a router is given and what it makes of it: logits and correction to the weight of each expert, 0 for those that are not chosen. */
    private interface Formula {
        double[] weights(double[] logits, double[] correction);
    }

    private static double[] softmax(double[] logits) {
        double most = Arrays.stream(logits).max().orElseThrow();
        double sum = Arrays.stream(logits).map(l -> Math.exp(l - most)).sum();
        return Arrays.stream(logits).map(l -> Math.exp(l - most) / sum).toArray();
    }

    private static double[] sigmoid(double[] logits) {
        return Arrays.stream(logits).map(l -> 1 / (1 + Math.exp(-l))).toArray();
    }

    /** The highest three of those allowed. */
    private static List<Integer> best(double[] scores, List<Integer> of) {
        return of.stream().sorted(Comparator.comparingDouble(i -> -scores[i])).limit(3).toList();
    }

    /** Experts of the two groups of two that have the highest sum of so many scores. */
    private static List<Integer> inBestGroups(double[] scores, int rated) {
        List<Integer> groups = IntStream.range(0, 4).boxed().sorted(Comparator.comparingDouble((Integer g) -> -Arrays.stream(scores, 2 * g, 2 * g + 2)
                .boxed().sorted(Comparator.reverseOrder()).limit(rated).mapToDouble(s -> s).sum())).limit(2).toList();
        return groups.stream().flatMap(g -> java.util.stream.Stream.of(2 * g, 2 * g + 1)).toList();
    }

    private static final List<Integer> ALL = IntStream.range(0, EXPERTS).boxed().toList();

    private static double[] only(List<Integer> chosen, UnaryOperator<Double> scaled, double[] scores) {
        double[] weights = new double[EXPERTS];
        chosen.forEach(i -> weights[i] = scaled.apply(scores[i]));
        return weights;
    }

    private static double sum(List<Integer> chosen, double[] scores) {
        return chosen.stream().mapToDouble(i -> scores[i]).sum();
    }

    /** Mixtral: the softmax of the chosen logits alone. */
    private static double[] overTheChosen(double[] logits, double[] correction) {
        List<Integer> chosen = best(logits, ALL);
        double sum = chosen.stream().mapToDouble(i -> Math.exp(logits[i])).sum();
        return only(chosen, l -> Math.exp(l) / sum, logits);
    }

    /** Qwen2-MoE: the softmax of all, and of it what the chosen have; their sum stays below one. */
    private static double[] ofAll(double[] logits, double[] correction) {
        double[] scores = softmax(logits);
        return only(best(scores, ALL), s -> s, scores);
    }

    private static double[] deepSeekV2(double[] logits, double[] correction) {
        double[] scores = softmax(logits);
        return only(best(scores, inBestGroups(scores, 1)), s -> 2.5 * s, scores);
    }

    /** The correction has a say in the choice, and none in the weights. */
    private static double[] deepSeekV3(double[] logits, double[] correction) {
        double[] scores = sigmoid(logits);
        double[] rated = IntStream.range(0, EXPERTS).mapToDouble(i -> scores[i] + correction[i]).toArray();
        List<Integer> chosen = best(rated, inBestGroups(rated, 2));
        return only(chosen, s -> 2.5 * s / sum(chosen, scores), scores);
    }

    private void check(String config, Formula formula, Formula... mistakes) throws IOException {
        var spec = (DecoderSpec) HfConfig.network(Files.writeString(directory.resolve("config.json"), "{" + config.replace('\'', '"') + "}"));
        var random = new SplittableRandom(3);
        try (Decoder model = Decoder.random(spec, 3);
                var scope = TensorScope.open();
                var off = NoGrad.open()) {
            double[] correction = new double[EXPERTS];
            model.table().find(Role.CORRECTION, 1).ifPresent(p -> {
                Arrays.setAll(correction, i -> (float) random.nextGaussian(0, 0.3));
                model.parameters().get(p.name()).copy_(of(correction));
            });
            Tensor weight = model.weight(Role.ROUTER, 1).tensor();
            weight.mul_(40);
            double[] bias = new double[EXPERTS];
            Weight biased = model.bias(Role.ROUTER, 1);
            if (biased != null) {
                Arrays.setAll(bias, i -> (float) random.nextGaussian());
                biased.tensor().copy_(of(bias));
            }
            float[] rows = new float[ROWS * 16];
            for (int i = 0; i < rows.length; i++) {
                rows[i] = (float) random.nextGaussian();
            }
            Router.Choice choice = new Router(model, (Mlp.Experts) spec.stack().layers().get(1).mlp(), 1).choose(Tensor.of(rows, ROWS, 16));
            float[] w = weight.toFloats();
            long[] experts = choice.experts().toLongs();
            float[] weights = choice.weights().toFloats();
            boolean[] shown = new boolean[mistakes.length];
            for (int row = 0; row < ROWS; row++) {
                double[] logits = new double[EXPERTS];
                for (int expert = 0; expert < EXPERTS; expert++) {
                    logits[expert] = bias[expert];
                    for (int i = 0; i < 16; i++) {
                        logits[expert] += (double) w[expert * 16 + i] * rows[row * 16 + i];
                    }
                }
                double[] ours = new double[EXPERTS];
                for (int rank = 0; rank < 3; rank++) {
                    ours[(int) experts[row * 3 + rank]] = weights[row * 3 + rank];
                }
                assertThat(ours).as("row " + row).containsExactly(formula.weights(logits, correction), within(2e-5));
                for (int m = 0; m < mistakes.length; m++) {
                    double[] wrong = mistakes[m].weights(logits, correction);
                    shown[m] |= IntStream.range(0, EXPERTS).anyMatch(i -> Math.abs(wrong[i] - ours[i]) > 1e-2);
                }
            }
            // the rows tell the formulas apart, so that the comparison says something
            assertThat(shown).doesNotContain(false);
        }
    }

    private static Tensor of(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return Tensor.of(floats, floats.length);
    }

    @Test
    void mixtralAndGptOssTakeTheSoftmaxOfTheChosen() throws IOException {
        check("'model_type':'mixtral'," + PLAIN, RoutersWeighWhatTheyChooseAsTheFamilySaysTest::overTheChosen, RoutersWeighWhatTheyChooseAsTheFamilySaysTest::ofAll);
        check("'model_type':'gpt_oss','head_dim':4," + PLAIN, RoutersWeighWhatTheyChooseAsTheFamilySaysTest::overTheChosen,
                RoutersWeighWhatTheyChooseAsTheFamilySaysTest::ofAll);
    }

    @Test
    void qwenLeavesTheSoftmaxOfAllAsItIsUnlessToldOtherwise() throws IOException {
        check("'model_type':'qwen2_moe','shared_expert_intermediate_size':12," + PLAIN, RoutersWeighWhatTheyChooseAsTheFamilySaysTest::ofAll,
                RoutersWeighWhatTheyChooseAsTheFamilySaysTest::overTheChosen);
        check("'model_type':'qwen3_moe','head_dim':4,'norm_topk_prob':true," + PLAIN, RoutersWeighWhatTheyChooseAsTheFamilySaysTest::overTheChosen,
                RoutersWeighWhatTheyChooseAsTheFamilySaysTest::ofAll);
    }

    @Test
    void deepSeekRatesGroupsByTheirBestAndCorrectsTheChoiceAlone() throws IOException {
        check("'model_type':'deepseek_v2','topk_method':'group_limited_greedy'," + DEEPSEEK, RoutersWeighWhatTheyChooseAsTheFamilySaysTest::deepSeekV2,
                RoutersWeighWhatTheyChooseAsTheFamilySaysTest::ofAll, RoutersWeighWhatTheyChooseAsTheFamilySaysTest::deepSeekV3);
        check("'model_type':'deepseek_v3'," + DEEPSEEK, RoutersWeighWhatTheyChooseAsTheFamilySaysTest::deepSeekV3,
                RoutersWeighWhatTheyChooseAsTheFamilySaysTest::deepSeekV2, (logits, correction) -> {
                    // the mistake of weights with the correction in them
                    double[] rated = sigmoid(logits);
                    Arrays.setAll(rated, i -> rated[i] + correction[i]);
                    List<Integer> chosen = best(rated, inBestGroups(rated, 2));
                    return only(chosen, s -> 2.5 * s / sum(chosen, rated), rated);
                });
    }
}
