package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class DoctorTellsWhatItMeasuredTest {
    @TempDir
    Path temporary;

    /** About two seconds of work. */
    @Test
    @Timeout(120)
    void everyNumberIsThereAndPossible() throws IOException {
        Libtorch.load();
        Cli result = Cli.run("doctor", "--json").done();
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
    }

    @Test
    void ofAModelItTellsWhatRunsItAndWhatItTakes() throws IOException {
        Path gguf = temporary.resolve("tiny.gguf");
        Rehearsal.write(gguf);
        JsonNode json = new ObjectMapper().readTree(Cli.run("doctor", "--json", "--model", gguf, "--context", 100).done().out());
        assertThat(json.get("model_engine").asText()).isEqualTo("cpu q8_0");
        assertThat(json.get("model_weights_bytes").asLong()).isBetween(Files.size(gguf) / 2, 4 * Files.size(gguf));
        // one layer, keys and values of 2 heads of 32 in f16, and what a page of 64 has at its ends
        assertThat(json.get("model_cache_bytes_a_token").asLong()).isBetween(2L * 2 * 32 * 2, 2L * 2 * 32 * 2 + 4);
        assertThat(json.get("model_context_that_fits").asLong()).isEqualTo(100);
        assertThat(json.get("vector_bits").asInt()).isIn(128, 256, 512);
        assertThat(Cli.run("doctor", "--threads", 2).code()).isEqualTo(2);
    }

    /** Of each kind what it is, what is done with it as it is, and how it is taught; and of a task that is not its own, whose it is. */
    @Test
    void ofAModelAndATaskItTellsTheWay() throws IOException {
        Path encoder = TinyEncoder.write(temporary.resolve("encoder"), "a", "b");
        Path scores = TinyEncoder.scoring(temporary.resolve("scores"), "a", "b");
        Path decoder = TinyModel.write(temporary.resolve("decoder"));
        assertThat(task(encoder, "classify")).contains("an encoder (bert, ", "no head", "zhulong embed", "cpu or torch", "--task classify needs ",
                "classify: zhulong finetune --task classify --model " + encoder);
        assertThat(task(encoder, "embed")).contains("embed: as it is, with zhulong embed or serve; on your own rows: zhulong finetune --task embed");
        assertThat(task(encoder, "translate")).contains("translate: not with this model; an encoder writes no text");
        assertThat(task(scores, "rerank")).contains("a score of a pair of texts", "rerank: as it is, with zhulong rerank or serve");
        assertThat(task(decoder, "classify")).contains("a decoder (", "--method qlora needs ", "classify: by prompts with their answers; on your own rows: zhulong finetune --method full");
        assertThat(task(decoder, "embed")).contains("not with a decoder");
        assertThat(Cli.run("doctor", "--task", "embed").code()).isEqualTo(2);
    }

    private static String task(Path model, String task) {
        return Cli.run("doctor", "--model", model, "--task", task).done().out();
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
}
