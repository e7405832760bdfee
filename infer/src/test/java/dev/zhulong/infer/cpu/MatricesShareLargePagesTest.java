package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;

class MatricesShareLargePagesTest {
    private static final int LARGE_PAGE = 2 << 20;

    /** An arena that notes what is taken from it. */
    private record Noted(Arena arena, List<MemorySegment> taken) implements Arena {
        @Override
        public MemorySegment allocate(long bytes, long alignment) {
            MemorySegment segment = arena.allocate(bytes, alignment);
            taken.add(segment);
            return segment;
        }

        @Override
        public MemorySegment.Scope scope() {
            return arena.scope();
        }

        @Override
        public void close() {
            arena.close();
        }
    }

    @Test
    void neverOverlappingAndHardlyMoreThanTheyNeed() {
        List<MemorySegment> taken = new ArrayList<>();
        List<MemorySegment> matrices = new ArrayList<>();
        MemorySegment.Scope scope;
        try (var arena = new WeightArena(new Noted(Arena.ofShared(), taken))) {
            for (int i = 0; i < 60; i++) {
                matrices.add(arena.allocate(1_500_003 + i, 64));
            }
            MemorySegment large = arena.allocate(40 << 20, 64);
            assertThat(large.address() % LARGE_PAGE).isZero();
            matrices.add(large);
            assertThat(arena.allocate(0, 64).byteSize()).isZero();
            for (int i = 0; i < matrices.size(); i++) {
                assertThat(matrices.get(i).address() % 64).isZero();
                assertThat(matrices.get(i).byteSize()).isEqualTo(i < 60 ? 1_500_003 + i : 40 << 20);
                assertThat(matrices.get(i).mismatch(MemorySegment.ofArray(new byte[(int) matrices.get(i).byteSize()]))).isEqualTo(-1);
            }
            matrices.sort(Comparator.comparingLong(MemorySegment::address));
            for (int i = 1; i < matrices.size(); i++) {
                assertThat(matrices.get(i - 1).address() + matrices.get(i - 1).byteSize()).isLessThanOrEqualTo(matrices.get(i).address());
            }
            assertThat(taken).hasSizeLessThan(40);
            long needed = matrices.stream().mapToLong(MemorySegment::byteSize).sum();
            assertThat(taken.stream().mapToLong(MemorySegment::byteSize).sum()).isBetween(needed, needed + needed / 4);
            scope = arena.scope();
        }
        assertThat(scope.isAlive()).isFalse();
    }
}
