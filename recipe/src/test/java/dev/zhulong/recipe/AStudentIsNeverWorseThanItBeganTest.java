package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.compress.Precision;
import dev.zhulong.compress.Quantization;
import dev.zhulong.compress.prune.DecoderPrune;
import dev.zhulong.compress.prune.Staying;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.progress.Event;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.recipe.jobs.Jobs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AStudentIsNeverWorseThanItBeganTest {
    @TempDir
    static Path temporary;

    private static Path texts;
    private static Path teacher;

    @BeforeAll
    static void teach() throws IOException {
        texts = TinyRun.texts(temporary.resolve("texts"), 20, 1);
        teacher = temporary.resolve("teacher");
        TinyRun.run(TinyRun.recipe(texts, "model.layers=3", "train.steps=60", "train.sample_every=0"), teacher);
    }

    private static DistilRecipe recipe(String... overrides) {
        List<String> all = new ArrayList<>(List.of("data.inputs=[\"" + texts + "\"]", "data.validation_fraction=0.2", "teacher=" + teacher, "train.batch=2", "train.seq=32", "train.steps=24",
                "train.lr=3e-3", "train.evaluate_every=6", "train.evaluate_rows=6", "train.checkpoint_every=5", "train.warmup=2"));
        all.addAll(List.of(overrides));
        return RecipeReader.defaults(DistilRecipe.class, all);
    }

    private static JsonFields run(DistilRecipe recipe, Path directory) {
        new DistilJob(recipe).run(directory, Progress.SILENT);
        return JsonFields.read(directory.resolve(FinalEvaluation.FILE));
    }

    @Test
    void itComesNearerToItsTeacherAndItsControlIsMeasured() {
        Path out = temporary.resolve("nearer");
        JsonFields found = run(recipe("student.layers=2", "control=true"), out);
        assertThat(found.number("divergence")).isLessThan(found.number("divergence_before"));
        assertThat(found.number("control_perplexity")).isPositive();
        assertThat(found.number("teacher_perplexity")).isPositive();
        assertThat(found.text("text").orElseThrow()).contains("control without the teacher");
        assertThat(Provenance.read(out).stage()).isEqualTo("distil");
        try (Decoder student = DecoderFiles.load(out)) {
            assertThat(student.spec().layers()).isEqualTo(2);
        }
        assertThat(new DistilJob(recipe("student.layers=2", "control=true")).run(out, Progress.SILENT).score().orElseThrow()).as("of a finished run")
                .isCloseTo(found.number("divergence"), within(1e-12));
    }

    /** At such a rate every step makes it worse. */
    @Test
    void whatTrainingMakesWorseIsNotKept() {
        Path out = temporary.resolve("worse");
        JsonFields found = run(recipe("student.layer_list=[0, 2]", "train.lr=3", "train.final_lr=3", "train.warmup=0", "train.clip=0"), out);
        assertThat(found.number("divergence")).isEqualTo(found.number("divergence_before"));
        assertThat(found.number("perplexity")).isEqualTo(found.number("perplexity_before"));
        try (Decoder whole = DecoderFiles.load(teacher); Decoder start = DecoderPrune.of(whole, Staying.choose(whole.spec(), Staying.Wanted.layers(List.of(0, 2)), null));
                Decoder kept = DecoderFiles.load(out)) {
            kept.parameters().forEach((name, weight) -> assertThat(weight.toFloats()).as(name).isEqualTo(start.parameters().get(name).toFloats()));
        }
        assertThat(out.resolve("best.json")).doesNotExist();
    }

    @Test
    void oneThatIsStoppedEndsInTheSameBits() throws IOException {
        String[] how = {"student.layers=2", "objective.divergence=jsd", "objective.temperature=2", "objective.hidden=1", "control=true"};
        Path whole = temporary.resolve("whole");
        run(recipe(how), whole);
        for (int[] stop : new int[][] {{8, 1}, {13, 1}, {9, 2}}) {
            Path out = temporary.resolve("stopped-" + stop[0] + "-" + stop[1]);
            int[] seen = {0};
            Progress stopping = event -> {
                // the second training is the control's
                if (event.stage().equals("train") && event.done() == stop[0] && event.values().containsKey(Event.LOSS) && ++seen[0] == stop[1]) {
                    throw new IllegalStateException("stopped");
                }
            };
            assertThatThrownBy(() -> new DistilJob(recipe(how)).run(out, stopping)).hasMessageContaining("stopped");
            Jobs.in(out, List.of()).run(out, Progress.SILENT);
            assertThat(out.resolve("model.safetensors")).hasSameBinaryContentAs(whole.resolve("model.safetensors"));
            assertThat(out.resolve(FinalEvaluation.FILE)).hasSameBinaryContentAs(whole.resolve(FinalEvaluation.FILE));
        }
    }

    /** A student of another width too; a file's layers cannot be seen. */
    @Test
    void statesOfLayersAreLearntBesides() {
        List<String> said = new ArrayList<>();
        DistilRecipe how = recipe("student.layer_list=[0, 2]", "objective.hidden=2", "objective.hidden_layers=[0]");
        new DistilJob(how).run(temporary.resolve("hidden"), event -> said.add(event.note()));
        assertThat(said).anyMatch(note -> note != null && note.endsWith("with the teacher's: 0 with 1"));
        JsonFields found = JsonFields.read(temporary.resolve("hidden").resolve(FinalEvaluation.FILE));
        assertThat(found.number("divergence")).isLessThan(found.number("divergence_before"));
        Path narrow = temporary.resolve("narrow");
        TinyRun.run(TinyRun.recipe(texts, "model.layers=2", "model.hidden_size=24", "train.steps=2", "train.sample_every=0", "data.tokenizer.path=" + teacher), narrow);
        found = run(recipe("student.from=" + narrow, "objective.hidden=1"), temporary.resolve("narrower"));
        assertThat(found.number("divergence")).isLessThan(found.number("divergence_before"));
        assertThatThrownBy(() -> run(recipe("student.layers=2", "objective.hidden=1", "objective.hidden_layers=[2]"), temporary.resolve("beyond"))).hasMessageContaining("layer 2");
        assertThatThrownBy(() -> recipe("student.layers=2", "objective.hidden_layers=[0]")).hasMessageContaining("objective.hidden");
    }

    /** Two epochs; the teacher reads each row once, whether a run is stopped or another one has drawn before. */
    @Test
    void fromDrawsItComesNearerAndEndsInTheSameBitsAsWell() throws IOException {
        Path draws = temporary.resolve("draws");
        // measured on all that is held out, as the student is so near its teacher already that a few rows say something else
        String[] how = {"student.layers=2", "objective.draws=20", "train.steps=0", "train.epochs=2", "train.batch=32", "train.warmup=1", "train.evaluate_rows=0", "train.evaluate_every=20"};
        Path whole = temporary.resolve("drawn");
        JsonFields found = run(recipe(how), whole);
        assertThat(found.number("divergence")).isLessThanOrEqualTo(found.number("divergence_before"));
        Path out = temporary.resolve("drawn-stopped");
        assertThatThrownBy(() -> new DistilJob(recipe(how)).run(out, event -> {
            if (event.stage().equals("train") && event.done() == 7 && event.values().containsKey(Event.LOSS)) {
                throw new IllegalStateException("stopped");
            }
        })).hasMessageContaining("stopped");
        Jobs.in(out, List.of()).run(out, Progress.SILENT);
        assertThat(out.resolve("model.safetensors")).hasSameBinaryContentAs(whole.resolve("model.safetensors"));

        List<String> said = new ArrayList<>();
        for (String name : List.of("first", "second")) {
            List<String> all = new ArrayList<>(List.of(how));
            all.add("objective.draws_in=" + draws);
            new DistilJob(recipe(all.toArray(String[]::new))).run(temporary.resolve("drawn-" + name), event -> {
                if (event.note().contains("are there already")) {
                    said.add(event.note());
                }
            });
            assertThat(temporary.resolve("drawn-" + name + "/model.safetensors")).hasSameBinaryContentAs(whole.resolve("model.safetensors"));
        }
        assertThat(said.getFirst()).contains("; 0 rows");
        assertThat(said.getLast()).doesNotContain("; 0 rows");
        assertThatThrownBy(() -> recipe("student.layers=2", "objective.draws=50", "objective.divergence=jsd")).hasMessageContaining("leave draws out");
        assertThatThrownBy(() -> recipe("student.layers=2", "objective.draws=256")).hasMessageContaining("0 to 255");
    }

    @Test
    void aStudentOfItsOwnHasTheTeachersTokenizer() throws IOException {
        Path student = temporary.resolve("student");
        try (Decoder whole = DecoderFiles.load(teacher)) {
            DecoderPrune.write(teacher, whole, Staying.choose(whole.spec(), Staying.Wanted.layers(List.of(1)), null), student);
        }
        JsonFields found = run(recipe("student.from=" + student, "train.steps=6", "train.warmup=1"), temporary.resolve("own"));
        assertThat(found.number("divergence")).isLessThanOrEqualTo(found.number("divergence_before"));
        Path other = temporary.resolve("other");
        TinyRun.run(TinyRun.recipe(TinyRun.texts(temporary.resolve("other-texts"), 20, 9), "train.steps=2", "train.sample_every=0"), other);
        assertThatThrownBy(() -> run(recipe("student.from=" + other), temporary.resolve("none"))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("different tokenizers").hasMessageContaining("--layers");
        assertThat(temporary.resolve("none")).doesNotExist();
    }

    /** The file's documents are sequences of an engine, the directory's are told apart by a mask. */
    @Test
    void aFileTeachesWhatItsDirectoryDoes() throws IOException {
        Path student = temporary.resolve("pruned");
        Path file = temporary.resolve("teacher.gguf");
        try (Decoder whole = DecoderFiles.load(teacher)) {
            DecoderPrune.write(teacher, whole, Staying.choose(whole.spec(), Staying.Wanted.layers(List.of(0, 2)), null), student);
        }
        new Quantization(teacher, Precision.F32, file, false, 1, Progress.SILENT).run();
        String[] how = {"student.from=" + student, "train.steps=8", "train.warmup=1"};
        JsonFields expected = run(recipe(how), temporary.resolve("by-directory"));
        List<String> all = new ArrayList<>(List.of(how));
        all.add("teacher=" + file);
        JsonFields found = run(recipe(all.toArray(String[]::new)), temporary.resolve("by-file"));
        for (String name : List.of("teacher_perplexity", "perplexity_before", "divergence_before", "perplexity", "divergence")) {
            assertThat(found.number(name)).as(name).isCloseTo(expected.number(name), within(1e-3 * expected.number(name)));
        }
        assertThat(Provenance.read(temporary.resolve("by-file")).inputs()).anyMatch(input -> input.name().endsWith("teacher.gguf"));
        assertThatThrownBy(() -> run(recipe("teacher=" + file, "student.layers=2"), temporary.resolve("none-4"))).hasMessageContaining("no student is cut").hasMessageContaining("--student");
    }

    @Test
    void whatIsMissingIsNamed() {
        assertThatThrownBy(() -> run(recipe(), temporary.resolve("none-1"))).hasMessageContaining("--student").hasMessageContaining("--layers");
        assertThatThrownBy(() -> run(recipe("student.layers=4"), temporary.resolve("none-2"))).hasMessageContaining("1 to 3");
        assertThatThrownBy(() -> recipe("student.layers=1", "student.layer_list=[0]")).hasMessageContaining("one of student.from");
        assertThatThrownBy(() -> recipe("objective.temperature=0")).hasMessageContaining("temperature");
        assertThatThrownBy(() -> run(recipe("student.layers=2", "data.validation_fraction=0"), temporary.resolve("none-3"))).hasMessageContaining("held out");
        assertThat(Jobs.kindOf(Optional.empty(), List.of("kind=distil"))).isEqualTo(DistilRecipe.KIND);
    }
}
