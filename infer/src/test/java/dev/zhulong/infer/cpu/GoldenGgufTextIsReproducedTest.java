package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.text.HuggingFaceTokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class GoldenGgufTextIsReproducedTest {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();

    @Test
    void eightBitsWriteWhatTheyWriteElsewhere() throws Exception {
        assumeTrue(Files.isDirectory(SHARED.resolve("assets")), "../shared is absent: golden text not compared");
        JsonNode golden = new ObjectMapper().readTree(SHARED.resolve("golden/stories15M.gguf.json").toFile());
        try (GgufModel file = GgufModel.open(SHARED.resolve("assets/stories15M/stories15M.Q8_0.gguf"));
                CpuEngine model = CpuEngine.load(file, CpuOptions.of(2));
                var tokenizer = HuggingFaceTokenizer.load(SHARED.resolve("assets/stories15M"))) {
            var generator = new Generator(model, tokenizer);
            String prompt = golden.get("prompt").asText();
            Generation written = generator.generate(generator.sequence(prompt), GenerateOptions.of(golden.get("max_new_tokens").asInt(),
                    SamplerOptions.GREEDY), _ -> { });
            assertThat((prompt + written.text()).strip()).isEqualTo(golden.get("f16_and_Q8_0").asText().strip());
        }
    }

    @Test
    void fourBitsBeginWithWhatTheyWriteElsewhere() throws Exception {
        assumeTrue(Files.isDirectory(SHARED.resolve("assets")), "../shared is absent: golden text not compared");
        JsonNode golden = new ObjectMapper().readTree(SHARED.resolve("golden/stories15M.gguf.json").toFile());
        try (GgufModel file = GgufModel.open(SHARED.resolve("assets/stories15M/stories15M.Q4_0.gguf"));
                CpuEngine model = CpuEngine.load(file, CpuOptions.of(2));
                var tokenizer = HuggingFaceTokenizer.load(SHARED.resolve("assets/stories15M"))) {
            var generator = new Generator(model, tokenizer);
            String prompt = golden.get("prompt").asText();
            Generation written = generator.generate(generator.sequence(prompt), GenerateOptions.of(20, SamplerOptions.GREEDY), _ -> { });
            // activations are rounded otherwise there, so that the last words may differ
            assertThat(golden.get("Q4_0").asText()).startsWith((prompt + written.text()).substring(0, prompt.length() + 40));
        }
    }
}
