package dev.zhulong.infer.open;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class TheMachineIsDescribedAsItIsTest {
    @Test
    void memoryThatAContainersFilesHoldIsAvailable() {
        assertThat(Machine.fileCache(List.of("anon 700", "file 350", "shmem 50", "inactive_file 100", "active_file 200", "unevictable 9"))).isEqualTo(300);
        assertThat(Machine.fileCache(List.of("inactive_file 1", "active_file 2", "total_inactive_file 30", "total_active_file 40"))).isEqualTo(70);
        assertThat(Machine.fileCache(List.of("anon 700", "active_file many"))).isZero();
        assertThat(Machine.memoryStatistics(List.of("0::/user.slice/a.scope"))).containsExactly(Path.of("/sys/fs/cgroup/user.slice/a.scope/memory.stat"),
                Path.of("/sys/fs/cgroup/memory.stat"));
        assertThat(Machine.memoryStatistics(List.of("3:cpuset:/x", "4:memory,hugetlb:/docker/b", "damaged"))).containsExactly(
                Path.of("/sys/fs/cgroup/memory/docker/b/memory.stat"), Path.of("/sys/fs/cgroup/memory/memory.stat"));
        assertThat(Machine.memoryStatistics(List.of("0::/"))).containsExactly(Path.of("/sys/fs/cgroup/memory.stat"));
        assertThat(Machine.availableMemory()).isPositive().isLessThanOrEqualTo(Machine.totalMemory());
    }

    @Test
    void theWidestVectorsAreNamed() {
        assertThat(Machine.simd("amd64", List.of("sse4_2", "avx", "avx2"))).startsWith("AVX2");
        assertThat(Machine.simd("amd64", List.of("avx2", "avx512f", "avx512_bf16"))).startsWith("AVX-512").contains("bf16");
        assertThat(Machine.simd("aarch64", List.of("fp", "asimd"))).startsWith("NEON");
        assertThat(Machine.simd("amd64", List.of("avx512f", "avx512_vnni"))).contains("VNNI");
        assertThat(Machine.simd("amd64", List.of(""))).isEqualTo("unknown");
    }
}
