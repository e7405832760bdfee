package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.text.HuggingFaceTokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class GoldenTextIsReproducedTest {
    static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();

    @Test
    void greedyTextIsTheGoldenOne() throws Exception {
        assumeTrue(Files.isDirectory(SHARED.resolve("assets")), "../shared is absent: golden text not compared");
        for (String name : List.of("stories260K", "stories15M")) {
            String json = Files.readString(SHARED.resolve("golden/" + name + ".json"));
            String golden = new com.fasterxml.jackson.databind.ObjectMapper().readTree(json).get("greedy_text").asText();
            try (LanguageModel model = TorchEngine.load(SHARED.resolve("assets/" + name));
                    var tokenizer = HuggingFaceTokenizer.load(SHARED.resolve("assets/" + name))) {
                Generator generator = new Generator(model, tokenizer);
                Generation g = generator.generate(generator.sequence(""), GenerateOptions.of(60, SamplerOptions.GREEDY), s -> { });
                assertThat(g.text().strip()).isEqualTo(golden.strip());
                assertThat(g.ids()).hasSize(60);
            }
        }
    }

    @Test
    void decodingByStepAgreesWithTheWholePrefill() {
        assumeTrue(Files.isDirectory(SHARED.resolve("assets")), "../shared is absent");
        try (LanguageModel model = TorchEngine.load(SHARED.resolve("assets/stories260K"));
                var a = model.newCache(32);
                var b = model.newCache(32)) {
            int[] ids = {1, 403, 407, 261, 378, 432, 383};
            float[] whole = model.forward(List.of(new LanguageModel.Span(a, ids)), false).getFirst();
            float[] last = null;
            for (int id : ids) {
                last = model.forward(List.of(new LanguageModel.Span(b, new int[] {id})), false).getFirst();
            }
            for (int i = 0; i < whole.length; i++) {
                assertThat(last[i]).isCloseTo(whole[i], org.assertj.core.api.Assertions.within(1e-4f));
            }
        }
    }
}
