package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class SegmentsAreSharedWithoutCopiesTest {
    @Test
    void aViewSeesWhatIsWrittenToItsSegmentAndBack() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(6 * 4, 64);
            Tensor t = Tensor.view(memory, DType.F32, 2, 3);
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, 4, 7f);
            assertThat(t.toFloats()).containsExactly(0, 0, 0, 0, 7, 0);
            t.mul_(2);
            assertThat(memory.getAtIndex(ValueLayout.JAVA_FLOAT, 4)).isEqualTo(14f);
            t.close();
        }
    }

    @Test
    void aSegmentOfTheWrongSizeOrOnTheHeapIsRefused() {
        try (Arena arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> Tensor.view(arena.allocate(20), DType.F32, 2, 3)).hasMessageContaining("needs 24 bytes");
        }
        assertThatThrownBy(() -> Tensor.view(MemorySegment.ofArray(new float[6]), DType.F32, 2, 3)).hasMessageContaining("heap");
    }

    @Test
    void halfPrecisionBitsKeepTheirMeaning() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(4, 64);
            memory.setAtIndex(ValueLayout.JAVA_SHORT, 0, Float.floatToFloat16(1.5f));
            memory.setAtIndex(ValueLayout.JAVA_SHORT, 1, Float.floatToFloat16(-0.25f));
            assertThat(Tensor.view(memory, DType.F16, 2).to(DType.F32).toFloats()).containsExactly(1.5f, -0.25f);
        }
    }
}
