package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DoctorTellsWhatItMeasuredTest {
    @Test
    void everyNumberIsThereAndPossible() throws IOException {
        Libtorch.load();
        long start = System.nanoTime();
        Cli result = Cli.run("doctor", "--json").done();
        double seconds = (System.nanoTime() - start) * 1e-9;
        JsonNode json = new ObjectMapper().readTree(result.out());
        assertThat(json.get("cores").asInt()).isEqualTo(Runtime.getRuntime().availableProcessors());
        // between a machine of twenty years ago and the largest of today
        assertThat(json.get("matrix_gflops").asDouble()).isBetween(1.0, 50_000.0);
        assertThat(json.get("read_gbps").asDouble()).isBetween(0.5, 3_000.0);
        assertThat(json.get("memory_bytes").asLong()).isGreaterThanOrEqualTo(json.get("memory_available_bytes").asLong()).isGreaterThan(1L << 28);
        assertThat(json.get("disk_free_bytes").asLong()).isPositive();
        assertThat(json.get("blas").asText()).isIn("MKL", "OpenBLAS");
        assertThat(json.get("libtorch").asText()).startsWith("2.");
        assertThat(json.get("hints").isArray()).isTrue();
        assertThat(seconds).as("about two seconds, more on a busy machine").isLessThan(15);
    }

    @Test
    void peopleReadTheSame() {
        assertThat(Cli.run("doctor").done().out()).contains("GFLOP/s").contains("GB/s").contains("libtorch").contains("cores");
    }

    @Test
    void intelsOpenMpCountsOnlyWhereMklUsesIt() {
        assertThat(DoctorVerb.openMpInUse(Set.of("libgomp.so.1", "libiomp5.so", "libmkl_rt.so.2", "libmkl_gnu_thread.so.2")))
                .containsExactly("libgomp.so.1");
        assertThat(DoctorVerb.openMpInUse(Set.of("libgomp.so.1", "libiomp5.so", "libmkl_rt.so.2", "libmkl_intel_thread.so.2")))
                .containsExactly("libgomp.so.1", "libiomp5.so");
        assertThat(DoctorVerb.openMpInUse(Set.of("libgomp.so.1", "libgomp-a34b3233.so.1", "libopenblas.so.0"))).hasSize(2);
    }

    @Test
    void theWidestVectorsAreNamed() {
        assertThat(Machine.simd("amd64", List.of("sse4_2", "avx", "avx2"))).startsWith("AVX2");
        assertThat(Machine.simd("amd64", List.of("avx2", "avx512f", "avx512_bf16"))).startsWith("AVX-512").contains("bf16");
        assertThat(Machine.simd("aarch64", List.of("fp", "asimd"))).startsWith("NEON");
        assertThat(Machine.simd("amd64", List.of(""))).isEqualTo("unknown");
    }
}
