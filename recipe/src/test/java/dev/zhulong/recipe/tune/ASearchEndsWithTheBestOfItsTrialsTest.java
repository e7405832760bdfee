package dev.zhulong.recipe.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.PretrainRecipe;
import dev.zhulong.recipe.TinyRun;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ASearchEndsWithTheBestOfItsTrialsTest {
    private static final String RATES = "factor: 2\nrounds: 2\ntrials: 4\nfields:\n  train.lr: {from: 1e-5, to: 2e-2, log: true}\n";

    @TempDir
    Path temporary;

    private PretrainRecipe recipe;

    @BeforeEach
    void texts() throws IOException {
        recipe = TinyRun.recipe(TinyRun.texts(temporary.resolve("texts"), 20, 1), "train.lr=1e-4");
    }

    private static Space space(String yaml) {
        return RecipeReader.read(yaml, "space", Space.class, List.of());
    }

    private List<String> run(PretrainRecipe recipe, String space, Budget budget, Path directory) {
        try (var line = ProgressLine.on(new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8))) {
            return Tune.run(new PretrainJob(recipe), space(space), budget, directory, line, Long.MAX_VALUE);
        }
    }

    /** Trials by the name of their directory. */
    private static Map<String, Trial> trials(Path directory) throws IOException {
        try (Stream<Path> places = Files.list(directory.resolve("trials"))) {
            return places.filter(p -> Trial.read(p).isPresent())
                    .collect(Collectors.toMap(p -> p.getFileName().toString(), p -> Trial.read(p).orElseThrow(), (a, b) -> a, TreeMap::new));
        }
    }

    private static Map<String, Double> scores(Path directory) throws IOException {
        return trials(directory).entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, e -> e.getValue().score()));
    }

    @Test
    void theBestHalfGoesOnAndTheWinnerIsWrittenAsARecipe() throws IOException {
        Path search = temporary.resolve("search");
        List<String> best = run(recipe, RATES, Budget.NONE, search);
        Map<String, Trial> trials = trials(search);
        assertThat(trials).hasSize(6);
        List<Integer> ranked = trials.values().stream().filter(t -> t.round() == 0)
                .sorted((a, b) -> Double.compare(a.score(), b.score())).map(Trial::candidate).toList();
        List<Trial> last = trials.values().stream().filter(t -> t.round() == 1).toList();
        assertThat(last).extracting(Trial::candidate).containsExactlyInAnyOrderElementsOf(ranked.subList(0, 2));
        assertThat(last).allMatch(t -> t.steps() == 12);
        Trial winner = last.stream().min((a, b) -> Double.compare(a.score(), b.score())).orElseThrow();
        assertThat(best).isEqualTo(winner.overrides()).isNotEmpty();

        PretrainRecipe written = RecipeReader.read(search.resolve(Tune.BEST), PretrainRecipe.class, List.of());
        assertThat(best).containsExactly("train.lr=" + written.train().lr());
        assertThat(written.data()).isEqualTo(recipe.absolute().data());
        assertThat(search.resolve(Tune.REPORT)).content().contains("<svg", "train.lr=" + written.train().lr());
        assertThat(search.resolve("trials/000-0/run")).doesNotExist();
    }

    @Test
    void stoppedAndStartedAgainItFindsTheSame() throws IOException {
        Path whole = temporary.resolve("whole");
        run(recipe, RATES, Budget.NONE, whole);
        Path parts = temporary.resolve("parts");
        // 6 steps of 64 tokens a trial: the first round's half of the budget has room for two
        run(recipe, RATES, new Budget(0, 2 * 2 * 6 * 64), parts);
        assertThat(trials(parts).keySet()).contains("000-0", "001-0").doesNotContain("002-0");
        // as after a kill: a trial that was begun but has no result
        Files.createDirectories(parts.resolve("trials/002-0"));
        run(recipe, RATES, Budget.NONE, parts);
        assertThat(scores(parts)).containsAllEntriesOf(scores(whole));
        assertThat(parts.resolve(Tune.BEST)).hasSameTextualContentAs(whole.resolve(Tune.BEST));
    }

    @Test
    void tokensAreNeverPassed() throws IOException {
        Path search = temporary.resolve("search");
        long budget = 3500;
        run(recipe, RATES, new Budget(0, budget), search);
        assertThat(trials(search).values().stream().mapToLong(Trial::tokens).sum()).isBetween(1L, budget);
        assertThatThrownBy(() -> run(recipe, RATES, new Budget(0, 100), temporary.resolve("none")))
                .hasMessageContaining("too small for a single trial").hasMessageContaining("384");
    }

    @Test
    void aCandidateThatFailsIsRecordedAndTheSearchGoesOn() throws IOException {
        Path search = temporary.resolve("search");
        run(recipe, "method: random\ntrials: 3\nfields:\n  train.lr: {of: [1e-3, 1e30]}\n", Budget.NONE, search);
        assertThat(trials(search).values()).anyMatch(Trial::failed).anyMatch(t -> !t.failed());
        assertThat(search.resolve(Tune.BEST)).content().doesNotContain("1.0E30", "1e+30");
    }

    @Test
    void combinationsTheRecipeRefusesAreDrawnAgain() throws IOException {
        Path search = temporary.resolve("search");
        // 16 is no multiple of 3 or 5
        run(recipe, "method: random\ntrials: 3\nfields:\n  model.heads: {of: [2, 3, 4, 5]}\n", Budget.NONE, search);
        assertThat(trials(search).values()).noneMatch(Trial::failed)
                .allMatch(t -> t.overrides().isEmpty() || t.overrides().equals(List.of("model.heads=4")) || t.overrides().equals(List.of("model.heads=2")));
    }

    @Test
    void fieldsOfTheDataMayBeSearchedToo() throws IOException {
        Path search = temporary.resolve("search");
        run(recipe, "method: random\ntrials: 2\nfields:\n  data.tokenizer.vocab_size: {of: [280]}\n", Budget.NONE, search);
        assertThat(trials(search).values()).hasSize(2).noneMatch(Trial::failed);
        assertThat(scores(search).values().stream().distinct()).hasSize(2);
    }

    @Test
    void whatDoesNotGoTogetherIsSaidBeforeAnythingIsTrained() {
        Path search = temporary.resolve("search");
        assertThatThrownBy(() -> run(recipe, "trials: 2\n", Budget.NONE, search)).hasMessageContaining("no fields");
        assertThatThrownBy(() -> run(recipe, "fields:\n  train.lrr: {of: [1]}\n", Budget.NONE, search)).hasMessageContaining("did you mean lr?");
        assertThatThrownBy(() -> run(recipe, "fields:\n  train.batch: {from: 1, to: 2}\n", Budget.NONE, search)).hasMessageContaining("whole number");
        assertThat(search).doesNotExist();
        run(recipe, "method: random\ntrials: 1\nfields:\n  train.lr: {of: [1e-3]}\n", Budget.NONE, search);
        assertThatThrownBy(() -> run(recipe, RATES, Budget.NONE, search)).hasMessageContaining("another space");
    }
}
