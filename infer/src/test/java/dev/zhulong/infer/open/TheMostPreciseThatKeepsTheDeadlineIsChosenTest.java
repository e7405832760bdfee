package dev.zhulong.infer.open;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.open.DeadlineChoice.Tried;
import dev.zhulong.kernels.WeightType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TheMostPreciseThatKeepsTheDeadlineIsChosenTest {
    private static final Optional<WeightType> FULL = Optional.empty();
    private static final Optional<WeightType> INT8 = Optional.of(WeightType.Q8_0);
    private static final Optional<WeightType> INT4 = Optional.of(WeightType.INT4);

    private final List<Optional<WeightType>> measured = new ArrayList<>();

    private DeadlineChoice choice(double deadline, double full, double int8, double int4) {
        measured.clear();
        var times = Map.of(FULL, full, INT8, int8, INT4, int4);
        return DeadlineChoice.of(deadline, List.of(FULL, INT8, INT4), weights -> {
            measured.add(weights);
            return times.get(weights);
        });
    }

    @Test
    void theFirstInTimeIsTakenAndNoneAfterItIsMeasured() {
        assertThat(choice(8, 8, 3, 2).taken()).isEqualTo(new Tried(FULL, 8));
        assertThat(measured).containsExactly(FULL);
        DeadlineChoice int8 = choice(7.9, 8, 3, 2);
        assertThat(int8.taken()).isEqualTo(new Tried(INT8, 3));
        assertThat(measured).containsExactly(FULL, INT8);
        assertThat(int8.line("f32", false)).isEqualTo("a token within 7.90 ms: int8 takes 3.00 ms; not full (f32): 8.00 ms");
        assertThat(choice(2.5, 8, 3, 2).taken().weights()).isEqualTo(INT4);
    }

    @Test
    void whereNoneIsInTimeItIsTheFastest() {
        assertThat(choice(1, 8, 3, 2).line("bf16", false))
                .isEqualTo("nothing writes a token within 1.00 ms: int4, the fastest, takes 2.00 ms; not full (bf16): 8.00 ms; not int8: 3.00 ms");
        DeadlineChoice middle = choice(1, 8, 2, 12.34);
        assertThat(middle.kept()).isFalse();
        assertThat(middle.taken()).isEqualTo(new Tried(INT8, 2));
        assertThat(middle.line("f16", false)).contains("int8, the fastest, takes 2.00 ms").endsWith("; not int4: 12.3 ms");
    }

    @Test
    void whatDoesNotFitIntoMemoryIsNotTaken() {
        DeadlineChoice int4 = choice(1, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY, 2);
        assertThat(int4.taken().weights()).isEqualTo(INT4);
        assertThat(int4.line("f32", false)).contains("; not full (f32): does not fit into memory; not int8: does not fit into memory");
    }

    @Test
    void aModelOfOnePrecisionSaysWhetherItIsInTime() {
        DeadlineChoice only = DeadlineChoice.of(5, List.of(FULL), weights -> 3);
        assertThat(only.line("q4_0", true)).isEqualTo("a token within 5.00 ms: q4_0, the model's own precision, takes 3.00 ms");
        assertThat(DeadlineChoice.of(2, List.of(FULL), weights -> 3).line("q4_0", true)).startsWith("nothing writes a token within 2.00 ms: q4_0, ");
    }
}
