package dev.zhulong.compress.prune;

import dev.zhulong.compress.SmallModels;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import static org.assertj.core.api.Assertions.assertThat;

class LikelyTokensHaveAlmostAllProbabilityTest {
    @TempDir
    Path temporary;

    @Test
    void noFewerWouldDo() {
        double[] expected = {0.5, 0.04, 0.3, 0.01, 0.15};
        assertThat(LikelyTokens.likeliest(expected, 0.25)).containsExactlyInAnyOrder(0, 2);
        assertThat(LikelyTokens.likeliest(expected, 0.06)).containsExactlyInAnyOrder(0, 2, 4);
        assertThat(LikelyTokens.likeliest(expected, 0.02)).containsExactlyInAnyOrder(0, 2, 4, 1);
        assertThat(LikelyTokens.likeliest(expected, 1)).isEmpty();
        assertThat(LikelyTokens.likeliest(expected, 0)).hasSizeGreaterThanOrEqualTo(4);
    }

    @Test
    void itIsTheModelsOwnWhereItReadsTheTexts() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 64, 96, true));
        try (ModelFiles files = ModelFiles.open(model, EngineChoice.DEFAULT.withEngine(Engine.CPU)); LoadedModel loaded = files.load(64)) {
            List<String> texts = List.of("The lamp was lit.", "The harbour could see 12 boats.");
            double[] expected = new double[loaded.tokenizer().vocabSize()];
            for (String text : texts) {
                int[] ids = loaded.generator().sequence(loaded.tokenizer().encode(text));
                try (var cache = loaded.model().newCache(ids.length)) {
                    float[] logits = loaded.model().forward(List.of(new Span(cache, ids)), true).getFirst();
                    for (int row = 0; row < ids.length; row++) {
                        int at = row * loaded.model().spec().vocabSize();
                        double sum = IntStream.range(0, expected.length).mapToDouble(id -> Math.exp(logits[at + id])).sum();
                        for (int id = 0; id < expected.length; id++) {
                            expected[id] += Math.exp(logits[at + id]) / sum;
                        }
                    }
                }
            }
            Set<Integer> likely = LikelyTokens.of(loaded.model(), loaded.tokenizer(), texts, 0.1, Progress.SILENT);
            assertThat(likely).isEqualTo(LikelyTokens.likeliest(expected, 0.1)).hasSizeBetween(2, 290);
            var trim = VocabularyTrim.of(model, texts, likely, Progress.SILENT);
            assertThat(IntStream.of(trim.oldIds()).boxed().toList()).containsAll(likely);
        }
    }
}
