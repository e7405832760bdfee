package dev.zhulong.formats.yaml;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipesAreReadByTheirTypesTest {

    enum Decay { NONE, ONE_MINUS_SQRT }

    record Train(@Doc("optimizer steps") long steps, @Doc("peak learning rate | per step") double learningRate, Decay decay,
            Optional<Double> gradClip, boolean recompute) {
        static Train defaults() {
            return new Train(1_000, 3e-4, Decay.NONE, Optional.of(1.0), false);
        }
    }

    record Source(Path path, double weight, String note) {
        static Source defaults() {
            return new Source(null, 1, "");
        }
    }

    record Recipe(String name, int seed, Train train, Optional<Train> second, List<Source> sources, List<String> stop,
            Map<String, Double> mix, Float temperature) {
        static Recipe defaults() {
            return new Recipe("run", 42, Train.defaults(), Optional.empty(), List.of(), List.of("</s>"), Map.of(), null);
        }
    }

    record Filled(List<Integer> sizes, String name, int count) {
        Filled {
            name = name == null ? "filled" : name;
            if (count < 1) {
                throw new IllegalArgumentException("count must be at least 1, found " + count);
            }
        }
    }

    @TempDir
    Path directory;

    @Test
    void aFileWithEverythingInIt() throws Exception {
        Path file = directory.resolve("recipe.yaml");
        Files.writeString(file, """
                # a comment
                name: no            # text, whatever YAML 1.1 thinks of it
                seed: 0_7
                train:
                  steps: 2e6
                  learning_rate: 1e-3
                  decay: one-minus-sqrt
                  grad_clip: null
                  recompute: true
                second:
                  steps: 5
                sources:
                  - path: a/b.txt
                    weight: 2
                  - {path: "c d", note: "烛龙: \\"yes\\""}
                stop: ["\\n\\n", 5, "null"]
                mix: {java: 0.75, 中文: 0.25}
                temperature: 0.7
                """);
        Map<String, Double> mix = new LinkedHashMap<>();
        mix.put("java", 0.75);
        mix.put("中文", 0.25);
        Recipe recipe = RecipeReader.read(file, Recipe.class, List.of());
        assertThat(recipe).isEqualTo(new Recipe("no", 7, new Train(2_000_000, 1e-3, Decay.ONE_MINUS_SQRT, Optional.empty(), true),
                Optional.of(new Train(5, 3e-4, Decay.NONE, Optional.of(1.0), false)),
                List.of(new Source(Path.of("a/b.txt"), 2, ""), new Source(Path.of("c d"), 1, "烛龙: \"yes\"")),
                List.of("\n\n", "5", "null"), mix, 0.7f));
        assertThat(recipe.mix().keySet()).containsExactly("java", "中文");
        assertThat(RecipeReader.read(RecipeReader.toYaml(recipe), "again", Recipe.class, List.of())).isEqualTo(recipe);
    }

    @Test
    void absentFieldsHaveTheirDefaults() {
        assertThat(read("")).isEqualTo(Recipe.defaults());
        assertThat(read("# nothing\n")).isEqualTo(Recipe.defaults());
        assertThat(read("\ufeff{}")).isEqualTo(Recipe.defaults());
        assertThat(read("train:\nstop:\nseed:\nname:\n")).as("nothing after the colon").isEqualTo(Recipe.defaults());
        assertThat(read("train:\n  steps: 7").train()).isEqualTo(new Train(7, 3e-4, Decay.NONE, Optional.of(1.0), false));
        assertThat(read("second: {}").second()).contains(Train.defaults());
        assertThat(read("stop: []").stop()).isEmpty();
        assertThat(RecipeReader.defaults(Filled.class, List.of("count=3"))).isEqualTo(new Filled(List.of(), "filled", 3));
    }

    @Test
    void overridesWinInTheirOrder() {
        String file = "train: {steps: 5}\nstop: [a]\n";
        Recipe recipe = read(file, "train.steps=100", "train.steps=200", "train.decay=one-minus-sqrt", "name=a=b: [c", "second.steps=9",
                "stop=[x, 'y, z']", "sources=[{path: p}]", "mix.java=0.5", "seed=3", "train.grad_clip=0.5");
        assertThat(recipe.train()).isEqualTo(new Train(200, 3e-4, Decay.ONE_MINUS_SQRT, Optional.of(0.5), false));
        assertThat(recipe.name()).as("text is taken as it is").isEqualTo("a=b: [c");
        assertThat(recipe.second()).contains(new Train(9, 3e-4, Decay.NONE, Optional.of(1.0), false));
        assertThat(recipe.stop()).containsExactly("x", "y, z");
        assertThat(recipe.sources()).containsExactly(new Source(Path.of("p"), 1, ""));
        assertThat(recipe.mix()).isEqualTo(Map.of("java", 0.5));
        assertThat(read(file, "name=").name()).isEmpty();
        assertThat(read(file, "train.steps=").train().steps()).as("back to the default").isEqualTo(1_000);
        assertThat(read(file, "train.grad_clip=null").train().gradClip()).isEmpty();
        assertThat(read(file, "train={steps: 8}", "train.recompute=true").train())
                .isEqualTo(new Train(8, 3e-4, Decay.NONE, Optional.of(1.0), true));
    }

    @Test
    void aliasesAreUnderstood() {
        Recipe recipe = read("train: &t {steps: 5}\nsecond: *t\n");
        assertThat(recipe.second()).contains(recipe.train());
    }

    @Property(seed = "11", tries = 200)
    void whatIsWrittenIsReadBack(@ForAll String name, @ForAll int seed, @ForAll long steps, @ForAll double rate, @ForAll Decay decay,
            @ForAll Optional<Double> clip, @ForAll List<String> stop, @ForAll Map<String, Double> mix, @ForAll float temperature) {
        Recipe recipe = new Recipe(clean(name), seed, new Train(steps, rate, decay, clip, true), Optional.empty(),
                List.of(new Source(Path.of("烛/x: y"), rate, clean(name))), stop.stream().map(this::clean).toList(), clean(mix),
                temperature);
        String yaml = RecipeReader.toYaml(recipe);
        assertThat(read(yaml)).isEqualTo(recipe);
        assertThat(RecipeReader.toYaml(read(yaml))).as("deterministic").isEqualTo(yaml);
    }

    @Test
    void theWrittenFormIsPlain() {
        assertThat(RecipeReader.toYaml(Recipe.defaults())).isEqualTo("""
                name: run
                seed: 42
                train:
                    steps: 1000
                    learning_rate: 3.0E-4
                    decay: none
                    grad_clip: 1.0
                    recompute: false
                second: null
                sources: []
                stop:
                  - </s>
                mix: {}
                temperature: null
                """);
    }

    @Test
    void theTableNamesEveryField() {
        String table = RecipeReader.describe(Recipe.class);
        assertThat(table.lines())
                .anySatisfy(l -> assertThat(l).matches("\\| train\\.steps +\\| a whole number \\(long\\) +\\| 1000 +\\| optimizer steps +\\|"))
                .anySatisfy(l -> assertThat(l).matches("\\| train\\.decay +\\| one of none, one-minus-sqrt +\\| none .*"))
                .anySatisfy(l -> assertThat(l).contains("peak learning rate \\| per step"))
                .anySatisfy(l -> assertThat(l).matches("\\| sources\\[\\]\\.weight .*"))
                .anySatisfy(l -> assertThat(l).matches("\\| second\\.steps .*"));
        assertThat(table.lines().map(String::length).distinct()).as("aligned").hasSize(1);
        assertThat(RecipeReader.describe(Filled.class)).contains("required");
    }

    /** YAML has no lone surrogates and, unescaped, no control characters; SnakeYAML escapes those it can. */
    private String clean(String text) {
        StringBuilder clean = new StringBuilder();
        text.codePoints().filter(c -> !Character.isISOControl(c) && Character.isDefined(c) || c == '\n')
                .filter(c -> (c < 0xd800 || c > 0xdfff) && (c < 0xfffe || c > 0xffff))
                .forEach(clean::appendCodePoint);
        return clean.toString();
    }

    private Map<String, Double> clean(Map<String, Double> mix) {
        Map<String, Double> clean = new LinkedHashMap<>();
        mix.forEach((k, v) -> clean.put(clean(k), v));
        return clean;
    }

    private static Recipe read(String text, String... overrides) {
        return RecipeReader.read(text, "recipe.yaml", Recipe.class, List.of(overrides));
    }
}
