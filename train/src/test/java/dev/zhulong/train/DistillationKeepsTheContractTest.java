package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DistillationKeepsTheContractTest extends ObjectiveContract<Distillation, Batch> {
    private final Decoder student = Tiny.decoder(Family.of("llama"), true);
    private final Decoder teacher = Tiny.decoder(Family.of("gpt2"), false);
    private Divergence divergence = new Divergence.JensenShannon(0.3);
    private double temperature = 2;

    DistillationKeepsTheContractTest() {
        student.requiresGrad(true);
    }

    @AfterEach
    void close() {
        student.close();
        teacher.close();
    }

    @Override
    Distillation objective() {
        return of(teacher);
    }

    private Distillation of(Decoder from) {
        return new Distillation(student, TokenTeacher.of(from), divergence, temperature);
    }

    @Override
    Map<String, Tensor> weights() {
        return student.parameters();
    }

    @Override
    List<Batch> batches() {
        return List.of(Tiny.rows(8, Tiny.document(6, 1), Tiny.document(8, 2)), Tiny.packed(Tiny.document(9, 5), Tiny.document(3, 6)));
    }

    @Override
    long supervised(Batch batch) {
        return Arrays.stream(batch.targets()).filter(target -> target != Batch.NO_TARGET).count();
    }

    @Override
    Unit unit() {
        return Unit.NATS_A_TOKEN;
    }

    @ParameterizedTest
    @ValueSource(strings = {"forward", "reverse", "jsd"})
    void aStudentThatIsItsTeacherHasNothingToLearn(String name) {
        divergence = named(name);
        try (Decoder same = Tiny.decoder(Family.of("llama"), true)) {
            for (Batch batch : batches()) {
                Loss loss = of(same).accumulate(batch, false);
                assertThat(loss.sum()).isCloseTo(0, within(1e-5));
                student.parameters().forEach((weight, tensor) -> {
                    for (float g : tensor.grad().toFloats()) {
                        assertThat(g).as(weight).isCloseTo(0, within(2e-5f));
                    }
                    tensor.clearGrad();
                });
                assertThat(of(teacher).evaluate(batch).mean()).isGreaterThan(0.01);
            }
        }
    }

    static Divergence named(String name) {
        return switch (name) {
            case "forward" -> new Divergence.Forward();
            case "reverse" -> new Divergence.Reverse();
            default -> new Divergence.JensenShannon(0.3);
        };
    }

    /** Rows of a batch one at a time: what autograd has no part in must not depend on how a step is cut. */
    @ParameterizedTest
    @ValueSource(strings = {"forward", "reverse", "jsd"})
    void microBatchesChangeNothing(String name) {
        divergence = named(name);
        int[][] documents = {Tiny.document(8, 1), Tiny.document(5, 2), Tiny.document(7, 3)};
        Loss whole = objective().accumulate(Tiny.rows(8, documents), false);
        Map<String, float[]> expected = taken();
        Loss sum = Loss.NONE;
        for (int[] document : documents) {
            sum = sum.plus(objective().accumulate(Tiny.rows(8, document), false));
        }
        assertThat(sum.count()).isEqualTo(whole.count());
        assertThat(sum.sum()).isCloseTo(whole.sum(), within(1e-6 * whole.sum()));
        taken().forEach((weight, found) -> {
            float largest = 0;
            for (float g : expected.get(weight)) {
                largest = Math.max(largest, Math.abs(g));
            }
            assertThat(found).as(weight).containsExactly(expected.get(weight), within(1e-6f * largest));
        });
    }

    private Map<String, float[]> taken() {
        Map<String, float[]> all = new LinkedHashMap<>();
        student.parameters().forEach((name, weight) -> {
            all.put(name, weight.grad().toFloats());
            weight.clearGrad();
        });
        return all;
    }

    @Test
    void ofPaddedVocabulariesTheCommonRowsAreCompared() {
        try (Decoder padded = Decoder.random(new DecoderSpec(student.spec().family(), student.spec().stack(), Tiny.VOCAB + 3, true, -1, List.of()), 1)) {
            padded.parameters().forEach((name, to) -> {
                Tensor from = student.parameters().get(name);
                to.zero_();
                (to.size(0) == from.size(0) ? to : to.narrow(0, 0, from.size(0))).copy_(from.detach());
            });
            assertThat(of(padded).evaluate(batches().getFirst()).sum()).isCloseTo(0, within(1e-5));
            padded.requiresGrad(true);
            Loss loss = new Distillation(padded, TokenTeacher.of(teacher), divergence, 1).accumulate(batches().getFirst(), false);
            assertThat(loss.sum()).isPositive();
        }
    }
}
