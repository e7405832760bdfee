package dev.zhulong.compress.ladder;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.compress.Precision;
import dev.zhulong.compress.SmallModels;
import dev.zhulong.compress.ladder.Goal.Of;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class NoFileMissesItsFloorTest {
    private static final List<String> TEXTS = IntStream.range(0, 40).mapToObj(SmallModels::text).toList();

    @TempDir
    Path temporary;
    private Path model;
    private Path out;

    @BeforeEach
    void writeModel() throws IOException {
        model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 64, 96, true));
        out = temporary.resolve("small.gguf");
    }

    private Outcome run(double smaller, double floor, double faster, boolean bestEffort) {
        try (var ladder = new Ladder(model, TEXTS, new Goal(smaller, Of.F32, floor, faster, Duration.ofMinutes(5)), out, bestEffort, 2, Progress.SILENT)) {
            return ladder.run();
        }
    }

    @Test
    void whatIsWrittenIsWhatWasJudgedAndIsAllThatWasAskedFor() throws IOException {
        Outcome outcome = run(0.5, 0.05, 0, false);
        assertThat(outcome.reached()).isTrue();
        Attempt chosen = outcome.chosen().orElseThrow();
        assertThat(Files.size(out)).isEqualTo(chosen.bytes()).isLessThanOrEqualTo(outcome.goal().bytes(outcome.before()));
        assertThat(ContentHash.ofFile(out).sha256()).isEqualTo(chosen.sha256());
        assertThat(chosen.fidelity().quality()).isBetween(0.0, 0.05);
        assertThat(chosen.fidelity().kl().value()).isPositive();
        theRecordAloneMakesTheSameFileAgain(outcome);
    }

    private void theRecordAloneMakesTheSameFileAgain(Outcome first) throws IOException {
        Path again = temporary.resolve("again.gguf");
        Ladder.repeat(Ladder.directory(out).resolve(Ledger.FILE), again);
        try (var ladder = new Ladder(model, TEXTS, first.goal(), again, false, 2, Progress.SILENT)) {
            assertThat(ladder.isNew()).isFalse();
            assertThat(ladder.run().attempts()).isEqualTo(first.attempts());
        }
        assertThat(Files.mismatch(again, out)).isEqualTo(-1);
    }

    /** In one test, as judging takes a second or two. */
    @Test
    void belowTheFloorNothingIsWrittenAndTheSameCallGoesOnFromWhatWasTried() throws IOException {
        Outcome first = run(0.7, 0.0001, 0, false);
        assertThat(first.reached()).isFalse();
        assertThat(first.chosen()).isEmpty();
        assertThat(out).doesNotExist();
        assertThat(first.attempts()).isNotEmpty();
        assertThat(first.nearest().getFirst()).startsWith("small enough: ");
        try (var files = Files.list(Ladder.directory(out))) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactly(Ledger.FILE);
        }
        Path record = Ladder.directory(out).resolve(Ledger.FILE);
        var time = Files.getLastModifiedTime(record);
        assertThat(run(0.7, 0.0001, 0, false).attempts()).isEqualTo(first.attempts());
        assertThat(Files.getLastModifiedTime(record)).isEqualTo(time);

        // what was judged before is written where that is asked for, without another judgement, in the same bytes
        Outcome effort = run(0.7, 0.0001, 0, true);
        assertThat(effort.attempts()).isEqualTo(first.attempts());
        assertThat(effort.reached()).isFalse();
        assertThat(out).hasSize(effort.chosen().orElseThrow().bytes());
        assertThat(ContentHash.ofFile(out).sha256()).isEqualTo(effort.chosen().orElseThrow().sha256());

        // other texts, other attempts
        try (var ladder = new Ladder(model, TEXTS.subList(0, 36), new Goal(0.7, Of.F32, 0.0001, 0, Duration.ofNanos(1)), out, false, 2, Progress.SILENT)) {
            Outcome outcome = ladder.run();
            assertThat(outcome.attempts()).isEmpty();
            assertThat(outcome.notes()).anyMatch(note -> note.startsWith("time was over"));
        }

        // what an earlier call trained is the answer where it reaches the floor; it is made again, and other bytes than were judged are not written
        addTrained(record);
        assertThatIllegalArgumentException().isThrownBy(() -> run(0.7, 0.0001, 0, false)).withMessageStartingWith("q4_0 by importance, trained rounded for 4 steps has other bytes")
                .withMessageContaining("remove " + Ladder.directory(out));
        assertThat(ContentHash.ofFile(out).sha256()).isEqualTo(effort.chosen().orElseThrow().sha256());

        Files.writeString(record, Files.readString(record).substring(0, 200));
        assertThatIllegalArgumentException().isThrownBy(() -> run(0.7, 0.0001, 0, false)).withMessageContaining(record + " is damaged").withMessageContaining("remove it");
    }

    /** Its vocabulary, and its training, would be taken for those of these texts. */
    @Test
    void whatAStoppedCallLeftOfOtherTextsIsNotUsed() throws IOException {
        Path left = Files.createDirectories(Ladder.directory(out).resolve("work-0123456789ab/trimmed"));
        Files.writeString(left.resolve("config.json"), "{}");
        Goal goal = new Goal(0.5, Of.F32, 0.05, 0, Duration.ofMinutes(5));
        new Ladder(model, TEXTS, goal, out, false, 2, Progress.SILENT);
        assertThat(left).doesNotExist();
        List<Path> own = work();
        assertThat(own).hasSize(1);
        // as if it had been killed: the same call finds it again, and one about fewer texts does not
        Files.writeString(own.getFirst().resolve("left"), "");
        new Ladder(model, TEXTS, goal, out, false, 2, Progress.SILENT);
        assertThat(own.getFirst().resolve("left")).exists();
        try (var ladder = new Ladder(model, TEXTS.subList(0, 36), goal, out, false, 2, Progress.SILENT)) {
            assertThat(own.getFirst()).doesNotExist();
        }
        assertThat(Ladder.directory(out)).doesNotExist();
    }

    /** Four layers take more than 8 % in any bits. */
    @Test
    void layersGoWhereBitsAloneAreNotSmallEnough() throws IOException {
        model = SmallModels.write(temporary.resolve("deep"), SmallModels.spec(Family.of("llama"), 64, 128, 4, 2, 1, 300, true), (name, values) -> {
            for (int i = 0; !name.contains("norm") && i < values.length; i++) {
                values[i] *= 0.4f;
            }
        });
        Outcome outcome = run(0.92, 9, 0, false);
        Attempt chosen = outcome.chosen().orElseThrow();
        assertThat(chosen.recipe().toString()).startsWith("2 layers distilled for ");
        assertThat(Files.size(out)).isLessThanOrEqualTo(outcome.goal().bytes(outcome.before()));
        assertThat(Recipe.of(chosen.recipe().json())).isEqualTo(chosen.recipe());
    }

    /** The whole model's would be of other layers and widths. */
    @Test
    void aStudentIsRoundedByItsOwnImportance() {
        Recipe recipe = new Recipe(new Recipe.Base(false, 1, 0.5, 2), Recipe.Fit.IMPORTANCE, Precision.Q4_0);
        try (var workshop = new Workshop(model, TEXTS, temporary.resolve("workshop"), ContentHash.ofBytes(new byte[] {1}), 1, Progress.SILENT)) {
            assertThat(workshop.isBegun(recipe.base())).isFalse();
            Path file = workshop.make(recipe);
            assertThat(workshop.isBegun(recipe.base())).isTrue();
            try (GgufModel student = GgufModel.open(file)) {
                DecoderSpec spec = student.spec();
                assertThat(spec.layers()).isEqualTo(1);
                assertThat(spec.layer(0).mlp().width()).isLessThan(96);
                assertThat(student.file().metadata().values().get("quantize.imatrix.entries_count")).isNotNull();
            }
        }
    }

    /** A number of texts that the clock decides about would have a second call be about others. */
    @Test
    void textsThatTheModelWritesAreTheSameAgain() {
        List<String> texts = OwnTexts.of(model, List.of(), 20, 2, Progress.SILENT);
        assertThat(OwnTexts.of(model, List.of(), 20, 1, Progress.SILENT)).isEqualTo(texts).hasSize(20);
        assertThat(OwnTexts.of(model, List.of(TEXTS.getFirst()), 2, 2, Progress.SILENT)).allSatisfy(text -> assertThat(text).startsWith(TEXTS.getFirst().substring(0, 8))).doesNotHaveDuplicates();
        assertThat(OwnTexts.count(15_000_000)).isEqualTo(128);
        assertThat(OwnTexts.count(1_100_000_000)).isEqualTo(32);
    }

    @Test
    void aRecipeIsReadBackAsItWas() {
        var recipe = new Recipe(Recipe.Base.TRIMMED, Recipe.Fit.FEEDBACK, Precision.Q4_K_S, new Recipe.Types(123_456, List.of("^token_embd\\.weight$=q5_0")), 64);
        assertThat(Recipe.of(recipe.json())).isEqualTo(recipe);
        assertThat(Recipe.of(recipe.untrained().json())).isEqualTo(recipe.untrained());
        assertThat(Recipe.of(new Recipe(Recipe.Base.GIVEN, Recipe.Fit.PLAIN, Precision.F16).json())).isEqualTo(new Recipe(Recipe.Base.GIVEN, Recipe.Fit.PLAIN, Precision.F16));
    }

    private List<Path> work() throws IOException {
        try (var files = Files.list(Ladder.directory(out))) {
            return files.filter(Files::isDirectory).toList();
        }
    }

    /** Has the record of attempts say that one that was trained reaches any floor, in bytes that it cannot have. */
    private static void addTrained(Path record) throws IOException {
        var json = new ObjectMapper();
        var all = (ObjectNode) json.readTree(record.toFile());
        ObjectNode trained = all.path("attempts").get(0).deepCopy();
        trained.putObject("recipe").put("base", "given").put("fit", "importance").put("precision", "q4_0").put("steps", 4);
        trained.put("bytes", 1).put("sha256", "0".repeat(64)).set("written", trained.get("written_before"));
        trained.putObject("kl").put("value", 0);
        trained.putObject("loss_rise").put("value", 0);
        ((ArrayNode) all.path("attempts")).add(trained);
        json.writeValue(record.toFile(), all);
    }

    @Test
    void aSpeedThatIsOutOfReachIsNotReached() {
        Outcome outcome = run(0.75, 9, 1e6, true);
        assertThat(outcome.reached()).isFalse();
        assertThat(outcome.attempts()).as("fewer bits are tried for the sake of speed").hasSizeGreaterThan(1);
    }

    @Test
    void whatNoTypeIsSmallEnoughForIsSaid() {
        Outcome outcome = run(0.99, 0.05, 0, true);
        assertThat(outcome.chosen()).isEmpty();
        assertThat(outcome.notes()).anyMatch(note -> note.startsWith("all of the model would still take "));
    }
}
