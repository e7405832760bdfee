package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Network;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A mixture of experts, of which a batch may use some alone, and encoders with each head: stopped and gone on with they end in the same bits. */
class EveryNetworkGoesOnWhereItStoppedTest {
    private static final int ROWS = 3;
    private static final int WIDTH = 7;

    @TempDir
    Path directory;

    private static JsonFields fields(String json) {
        try {
            return new JsonFields(Path.of("config.json"), "", (ObjectNode) new ObjectMapper().readTree(json));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static DecoderSpec mixtral() {
        return (DecoderSpec) Family.of("mixtral").read(fields("""
                {"vocab_size": %d, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 8,
                 "num_local_experts": 24, "num_experts_per_tok": 2, "router_aux_loss_coef": 0.02, "max_position_embeddings": 32}""".formatted(Tiny.VOCAB)));
    }

    private static EncoderSpec encoder(String head) {
        var bare = (EncoderSpec) Family.of("roberta").read(fields("""
                {"vocab_size": %d, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
                 "max_position_embeddings": 34, "type_vocab_size": 1, "pad_token_id": 1}""".formatted(Tiny.VOCAB)));
        return switch (head) {
            case "tokens" -> bare.withMaskedTokens();
            case "classes" -> bare.withClasses(List.of("a", "b", "c"), Problem.SINGLE_LABEL);
            case "several classes" -> bare.withClasses(List.of("a", "b", "c"), Problem.MULTI_LABEL);
            case "tags" -> bare.withTags(List.of("O", "B-X", "I-X"));
            default -> bare.withSpans();
        };
    }

    @Test
    void aMixture() {
        assertGoesOn(() -> Decoder.random(mixtral(), 3), Tiny::nextToken, Tiny.data());
    }

    @Test
    void theAdapterOfAMixture() {
        assertGoesOn(() -> adapted(Decoder.random(mixtral(), 3)), Tiny::nextToken, Tiny.data());
    }

    @ParameterizedTest
    @ValueSource(strings = {"tokens", "classes", "several classes", "tags", "spans"})
    void anEncoder(String head) {
        EncoderSpec spec = encoder(head);
        var data = new TrainData<>(number -> batch(spec, head, number), List.of(batch(spec, head, 1_000_000)));
        assertGoesOn(() -> Encoder.random(spec, 3), HeadOfEncoder::new, data);
    }

    /** The head is a part of the adapter. */
    @ParameterizedTest
    @ValueSource(strings = {"classes", "tags", "spans"})
    void theAdapterOfAnEncoder(String head) {
        EncoderSpec spec = encoder(head);
        var data = new TrainData<>(number -> batch(spec, head, number), List.of(batch(spec, head, 1_000_000)));
        assertGoesOn(() -> {
            Encoder model = Encoder.random(spec, 3);
            model.attach(LoraAdapter.create(model, LoraConfig.of(3, 5, LoraConfig.ALL_LINEAR).withDropout(0.2), 2));
            return model;
        }, HeadOfEncoder::new, data);
    }

    /** What the routers did is no part of what preferences minimise. */
    @ParameterizedTest(name = "recompute {0}")
    @ValueSource(booleans = {false, true})
    void aMixtureLearnsPreferences(boolean recompute) {
        try (Decoder model = adapted(Decoder.random(mixtral(), 3))) {
            model.requiresGrad(true);
            Batch pairs = Tiny.rows(12, Tiny.document(12, 1), Tiny.document(12, 2));
            assertThat(new Dpo(model, 0.1, 0).accumulate(pairs, recompute).mean()).isCloseTo(Math.log(2), within(1e-6));
            assertThat(model.trainable().values()).anySatisfy(t -> assertThat(t.grad()).isNotNull());
        }
    }

    private static Decoder adapted(Decoder model) {
        model.attach(LoraAdapter.create(model, LoraConfig.of(3, 5, LoraConfig.ALL_LINEAR), 2));
        return model;
    }

    private static EncoderBatch batch(EncoderSpec spec, String head, long number) {
        var random = new SplittableRandom(number);
        int[] ids = random.ints(ROWS * WIDTH, 4, Tiny.VOCAB).toArray();
        int[] lengths = random.ints(ROWS, 2, WIDTH + 1).toArray();
        boolean perToken = head.equals("tokens") || head.equals("tags");
        int[] labels = switch (head) {
            case "classes" -> random.ints(ROWS, 0, 3).toArray();
            case "several classes" -> random.ints(3 * ROWS, 0, 2).toArray();
            case "spans" -> random.ints(2 * ROWS, 0, 2).toArray();
            default -> random.ints(ROWS * WIDTH, 0, spec.outputs()).toArray();
        };
        for (int i = 0; i < ids.length; i++) {
            if (i % WIDTH >= lengths[i / WIDTH]) {
                ids[i] = spec.padId();
                if (perToken) {
                    labels[i] = Batch.NO_TARGET;
                }
            }
        }
        return new EncoderBatch(ROWS, WIDTH, ids, new int[ids.length], lengths, labels);
    }

    private <N extends Network, B> void assertGoesOn(Supplier<N> made, Function<N, Objective<B>> objective, TrainData<B> data) {
        Map<String, float[]> unbroken = train(made, objective, data, directory.resolve("unbroken"), Long.MAX_VALUE);
        train(made, objective, data, directory.resolve("stopped"), 6);
        Map<String, float[]> stopped = train(made, objective, data, directory.resolve("stopped"), Long.MAX_VALUE);
        assertThat(stopped.keySet()).isEqualTo(unbroken.keySet());
        stopped.forEach((name, values) -> assertThat(values).as(name).isEqualTo(unbroken.get(name)));
    }

    private static final class Stop extends RuntimeException {}

    private static <N extends Network, B> Map<String, float[]> train(Supplier<N> made, Function<N, Objective<B>> objective, TrainData<B> data, Path run, long after) {
        try (N model = made.get()) {
            try {
                new Trainer<>(model, objective.apply(model), data, Tiny.options(10, 2, 1), run, new TrainListener() {
                    @Override
                    public void step(Step step) {
                        if (step.step() == after) {
                            throw new Stop();
                        }
                    }
                }).train();
            } catch (Stop e) {
                assertThat(after).isLessThan(Long.MAX_VALUE);
            }
            var weights = new HashMap<String, float[]>();
            model.trainable().forEach((name, t) -> weights.put(name, Arrays.copyOf(t.toFloats(), (int) t.elements())));
            model.adapter().ifPresent(LoraAdapter::close);
            return weights;
        }
    }
}
