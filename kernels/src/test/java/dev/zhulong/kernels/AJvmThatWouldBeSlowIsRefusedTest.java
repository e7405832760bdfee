package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AJvmThatWouldBeSlowIsRefusedTest {
    @Test
    void oneLineSaysWhatToAdd() {
        assertThat(VectorUnit.lacking(false, List.of())).get().asString().contains("--add-modules jdk.incubator.vector").hasLineCount(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:TieredStopAtLevel=1", "-XX:TieredStopAtLevel=3", "-XX:-UseCompiler"})
    void oneLineSaysWhatToTakeAway(String flag) {
        assertThat(VectorUnit.lacking(true, List.of("-Xmx1g", flag))).get().asString().contains(flag).hasLineCount(1);
    }

    @Test
    void thisOneServes() {
        assertThat(VectorUnit.lacking(true, List.of("-Xmx1g", "-XX:TieredStopAtLevel=4"))).isEmpty();
        assertThatCode(VectorUnit::require).doesNotThrowAnyException();
    }
}
