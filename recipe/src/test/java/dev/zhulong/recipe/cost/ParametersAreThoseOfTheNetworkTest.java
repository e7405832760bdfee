package dev.zhulong.recipe.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.recipe.plan.Shapes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A plan counts the parameters that a network has, from its configuration alone. */
class ParametersAreThoseOfTheNetworkTest {
    private static final Path ARCHITECTURES = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/golden/arch").normalize();

    /** Of every family with a golden model: what is loaded has as many, to the last one. */
    @Test
    void ofEveryGoldenFamily() throws IOException {
        assumeTrue(Files.isDirectory(ARCHITECTURES), "../shared is absent: golden networks not counted");
        List<Path> directories;
        try (Stream<Path> all = Files.list(ARCHITECTURES)) {
            directories = all.filter(d -> Files.exists(d.resolve("model.safetensors"))).sorted().toList();
        }
        assertThat(directories).hasSizeGreaterThan(30);
        for (Path directory : directories) {
            NetworkSpec spec = HfConfig.network(directory.resolve("config.json"));
            try (Network network = NetworkFiles.load(directory)) {
                assertThat(Parameters.of(spec).count()).as(directory.toString()).isEqualTo(network.count());
                assertThat(Formulas.active(spec)).as(directory.toString()).isPositive().isLessThanOrEqualTo(network.count());
            }
        }
    }

    /** As the published files have them (the sums that their indexes or model cards state). */
    @ParameterizedTest
    @CsvSource({
        "gpt2, 124439808", "llama-7b, 6738415616", "llama-65b, 65285660672", "llama-2-7b, 6738415616", "llama-2-13b, 13015864320", "llama-2-70b, 68976648192", "llama-3-8b, 8030261248",
        "llama-3-70b, 70553706496", "llama-3.1-405b, 405853388800", "mistral-7b, 7241732096", "mixtral-8x7b, 46702792704", "qwen2.5-7b, 7615616512", "smollm-135m, 134515008",
        "t5-base, 222903552"})
    void ofPublishedModels(String name, long count) {
        assertThat(Parameters.of(Shapes.read(name).spec()).count()).isEqualTo(count);
    }

    /** BLOOM's norm of the embeddings, weight and bias, is the one thing that no family here has. */
    @Test
    void ofBloomButForOneNorm() {
        assertThat(Parameters.of(Shapes.read("bloom-176b").spec()).count() + 2L * 14336).isEqualTo(176_247_271_424L);
    }

    /** What the papers say of a token's share of a mixture (Jiang et al. 2024: 13 of 47 billion; DeepSeek-AI 2024: 37 of 671 billion). */
    @Test
    void aTokenMeetsTheExpertsThatItIsGivenTo() {
        assertThat(Formulas.active(Shapes.read("mixtral-8x7b").spec())).isCloseTo(12.9e9, within(0.2e9));
        NetworkSpec deepSeek = Shapes.read("deepseek-v3").spec();
        assertThat((double) Parameters.of(deepSeek).count()).isCloseTo(671e9, within(1e9));
        // they count the embedding, 0.9 billion, as well
        assertThat(Formulas.active(deepSeek) + 129280.0 * 7168).isCloseTo(37e9, within(1e9));
    }

    /** A tied head multiplies, a table does not. */
    @Test
    void aTiedEmbeddingIsTheHeadAndAnUntiedOneIsLookedUp() {
        String sizes = "layers=2,hidden=64,heads=4,kv-heads=2,ffn=96,vocab=1000,context=128";
        double tied = Formulas.active(Shapes.read(sizes + ",tied=true").spec());
        double untied = Formulas.active(Shapes.read(sizes + ",tied=false").spec());
        double blocks = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96 + 2 * 64) + 64;
        assertThat(tied).isEqualTo(blocks + 64_000);
        assertThat(untied).isEqualTo(tied);
    }

    /** T5's encoder sees the source and its decoder the target: a token of either meets about half. */
    @Test
    void aTokenOfAnEncoderDecoderMeetsItsHalf() {
        NetworkSpec t5 = Shapes.read("t5-base").spec();
        assertThat(Formulas.flopsPerToken(t5, 0)).isEqualTo(3 * Formulas.active(t5));
        // attention: 12 layers of the encoder, 12 of the decoder, 12 to the encoder, each 12 operations for each of 768 dimensions and positions
        assertThat(Formulas.flopsPerToken(t5, 512) - Formulas.flopsPerToken(t5, 0)).isEqualTo(0.5 * 36 * 12 * 768 * 512);
    }
}
