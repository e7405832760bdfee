package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.infer.Generation.Finish;
import dev.zhulong.text.ByteTokenizer;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class AShorterContextIsKeptToTest {
    @Test
    void generationEndsWhereItIsFull() {
        try (LanguageModel model = new TorchEngine(TinyDecoder.random(Family.of("llama"), 3));
                LanguageModel shorter = LimitedContext.of(model, 10)) {
            var options = new GenerateOptions(50, SamplerOptions.GREEDY, List.of(), java.util.List.of(), true);
            int[] prompt = {5, 6, 7, 8};
            Generation all = new Generator(model, new ByteTokenizer(false, false)).generate(prompt, options, _ -> { });
            Generation cut = new Generator(shorter, new ByteTokenizer(false, false)).generate(prompt, options, _ -> { });
            assertThat(cut.finish()).isEqualTo(Finish.LENGTH);
            assertThat(cut.ids()).hasSize(6).isEqualTo(Arrays.copyOf(all.ids(), 6));
            assertThat(cut.notice()).contains("context of 10");
            assertThatThrownBy(() -> new Generator(shorter, new ByteTokenizer(false, false)).generate(new int[10], options, _ -> { })).hasMessageContaining("10");
        }
    }

    @Test
    void itCannotBeLongerThanTheModels() {
        try (LanguageModel model = new TorchEngine(TinyDecoder.random(Family.of("llama"), 3))) {
            int most = model.spec().contextLength();
            assertThat(LimitedContext.of(model, most)).isSameAs(model);
            assertThatThrownBy(() -> LimitedContext.of(model, most + 1)).hasMessageContaining("between 1 and the model's " + most);
            assertThatThrownBy(() -> LimitedContext.of(model, 0)).hasMessageContaining("found 0");
        }
    }
}
