package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.Layout;
import dev.zhulong.data.tune.Mixture;
import dev.zhulong.formats.yaml.RecipeReader;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The YAML of docs/data-formats.md. */
class MixtureFilesAreReadTest {
    @Test
    void asTheyAreDocumented() {
        Mixture mixture = RecipeReader.read("""
                sources:
                  - name: gsm8k
                    path: gsm8k.train.jsonl
                    held_out: gsm8k.test.jsonl
                    weight: 2
                    as_chat: true
                  - path: faq.csv.gz
                    weight: 1
                    layout: completion
                    mapping: {prompt: question, completion: reply}
                """, "mixture.yaml", Mixture.class, List.of());
        assertThat(mixture.in(Path.of("base")).sources()).containsExactly(
                new DataSource("gsm8k", Path.of("base/gsm8k.train.jsonl"), Optional.of(2.0), Optional.empty(), Map.of(), Optional.of(true),
                        Optional.empty(), Optional.of(Path.of("base/gsm8k.test.jsonl"))),
                new DataSource("faq", Path.of("base/faq.csv.gz"), Optional.of(1.0), Optional.of(Layout.COMPLETION),
                        Map.of("prompt", "question", "completion", "reply"), Optional.empty(), Optional.empty(), Optional.empty()));
        assertThatThrownBy(() -> RecipeReader.read("sources: [{path: a.jsonl, wieght: 1}]", "m.yaml", Mixture.class, List.of()))
                .hasMessageContaining("did you mean weight?");
        assertThatThrownBy(() -> RecipeReader.read("sources: [{name: a}]", "m.yaml", Mixture.class, List.of()))
                .hasMessageContaining("name the file that holds the rows");
    }
}
