package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a real model, stories15M, which knows none of these. */
class TenTasksShareOneAdapterTest {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root")).resolveSibling("shared");
    private static final List<String> WORDS = List.of("cat", "dog", "sun", "tree", "boat", "ball", "bird", "hat", "cake", "book");

    @TempDir
    Path temporary;

    private static List<String> words(SplittableRandom random, int count) {
        return random.ints(count, 0, WORDS.size()).mapToObj(WORDS::get).toList();
    }

    private static String[] pair(String prompt, String completion) {
        return new String[] {prompt, completion};
    }

    private static Map<String, Function<SplittableRandom, String[]>> tasks() {
        Map<String, Function<SplittableRandom, String[]>> tasks = new LinkedHashMap<>();
        tasks.put("copy", r -> {
            String text = String.join(" ", words(r, 3));
            return pair("copy: " + text + " =", " " + text);
        });
        tasks.put("reverse", r -> {
            List<String> w = words(r, 3);
            return pair("reverse: " + String.join(" ", w) + " =", " " + String.join(" ", w.reversed()));
        });
        tasks.put("sort", r -> {
            List<String> w = words(r, 3);
            return pair("sort: " + String.join(" ", w) + " =", " " + w.stream().sorted().collect(Collectors.joining(" ")));
        });
        tasks.put("add", r -> {
            int a = r.nextInt(10);
            int b = r.nextInt(10);
            return pair("add: " + a + " " + b + " =", " " + (a + b));
        });
        tasks.put("larger", r -> {
            int a = r.nextInt(100);
            int b = r.nextInt(100);
            return pair("larger: " + a + " " + b + " =", " " + Math.max(a, b));
        });
        tasks.put("count", r -> {
            int n = r.nextInt(1, 6);
            return pair("count: " + "dog ".repeat(n) + "=", " " + n);
        });
        tasks.put("first", r -> {
            List<String> w = words(r, 3);
            return pair("first: " + String.join(" ", w) + " =", " " + w.getFirst());
        });
        tasks.put("last", r -> {
            List<String> w = words(r, 3);
            return pair("last: " + String.join(" ", w) + " =", " " + w.getLast());
        });
        tasks.put("class", r -> {
            String word = WORDS.get(r.nextInt(WORDS.size()));
            return pair("class: the " + word + " is here =", List.of("cat", "dog", "bird").contains(word) ? " animal" : " thing");
        });
        tasks.put("extract", r -> {
            int age = r.nextInt(3, 99);
            return pair("extract: Tom is " + age + " and has a " + WORDS.get(r.nextInt(WORDS.size())) + " =", " " + age);
        });
        return tasks;
    }

    private Path rows(String name, Function<SplittableRandom, String[]> task, int count) throws IOException {
        var random = new SplittableRandom(name.hashCode());
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String[] pair = task.apply(random);
            lines.add(new ObjectMapper().writeValueAsString(Map.of("prompt", pair[0], "completion", pair[1])));
        }
        return Files.write(temporary.resolve(name + ".jsonl"), lines);
    }

    private String run(Path out, String... overrides) {
        var all = new ArrayList<>(List.of("model.from=" + SHARED.resolve("assets/stories15M")));
        all.addAll(Arrays.asList(overrides));
        var printed = new ByteArrayOutputStream();
        try (var line = ProgressLine.on(new PrintStream(printed, true, StandardCharsets.UTF_8))) {
            new FinetuneJob(RecipeReader.defaults(FinetuneRecipe.class, all)).run(out, line, 4L << 30);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }

    @Test
    void eachWithItsScoreBesideThatOfAnAdapterOfItsOwn() throws IOException {
        assumeTrue(Files.isDirectory(SHARED.resolve("assets/stories15M")), "needs ../shared/assets/stories15M");
        List<String> sources = new ArrayList<>();
        for (var task : tasks().entrySet()) {
            sources.add("{path: \"" + rows(task.getKey(), task.getValue(), 60) + "\"}");
        }
        Path out = temporary.resolve("run");
        String printed = run(out, "data.sources=[" + String.join(", ", sources) + "]", "data.alone=true", "data.held_out_fraction=0.2",
                "train.steps=60", "train.batch=4", "train.seq=64", "train.lr=3e-3");
        System.out.println(printed.substring(printed.indexOf("held out, nats")));
        JsonNode scores = new ObjectMapper().readTree(out.resolve(FinetuneEvaluation.FILE).toFile()).path("sources");
        assertThat(scores.properties()).hasSize(10).allSatisfy(entry -> {
            double before = entry.getValue().path("before").path("loss").doubleValue();
            assertThat(entry.getValue().path("after").path("loss").doubleValue()).as(entry.getKey()).isLessThan(0.75 * before);
            assertThat(entry.getValue().path("alone").path("loss").doubleValue()).as(entry.getKey() + " alone").isLessThan(before);
        });
        assertThat(printed).contains("task", "before", "after", "alone", "reverse", "extract");
    }

    @Test
    void wordProblemsAreLearnt() throws IOException {
        Path data = SHARED.resolve("assets/data");
        assumeTrue(Files.isDirectory(SHARED.resolve("assets/stories15M")), "needs ../shared/assets/stories15M");
        Path train = Files.write(temporary.resolve("train.jsonl"), Files.readAllLines(data.resolve("gsm8k.train.jsonl")).subList(0, 200));
        Path out = temporary.resolve("run");
        run(out, "data.sources=[{path: \"" + train + "\", held_out: \"" + data.resolve("gsm8k.test.jsonl") + "\"}]", "data.held_out_rows=20",
                "train.steps=12", "train.batch=4", "train.seq=192", "train.lr=2e-3");
        var evaluation = FinetuneEvaluation.read(out).orElseThrow();
        assertThat(evaluation.after().loss()).isLessThan(evaluation.before().loss() - 0.5);
        assertThat(MergeJob.run(SHARED.resolve("assets/stories15M"), out, temporary.resolve("merged"), StorageType.F32).merged())
                .isLessThan(1e-4);
    }
}
