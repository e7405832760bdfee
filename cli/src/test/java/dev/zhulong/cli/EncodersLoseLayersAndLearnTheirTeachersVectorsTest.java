package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.NoGrad;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** From a whole encoder by {@code prune --layers} and {@code finetune --teacher} to one whose vectors are nearly the same. */
class EncodersLoseLayersAndLearnTheirTeachersVectorsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String[] WORDS = "ka ke ki ko ku ma me mi mo mu ra re ri ro ru".split(" ");

    @TempDir
    Path directory;

    private Path at(String name) {
        return directory.resolve(name);
    }

    private static List<String> texts(int count, long seed) {
        var random = new Random(seed);
        return random.ints(count, 2, 6).mapToObj(length -> random.ints(length, 0, WORDS.length).mapToObj(i -> WORDS[i]).collect(Collectors.joining(" "))).toList();
    }

    private static List<double[]> vectors(Path model, List<String> texts) throws IOException {
        List<Object> words = new ArrayList<>(List.of("embed", "--model", model));
        texts.forEach(text -> words.addAll(List.of("--text", text)));
        List<double[]> vectors = new ArrayList<>();
        for (String line : Cli.run(words.toArray()).done().out().lines().toList()) {
            vectors.add(JSON.readValue(line, double[].class));
        }
        return vectors;
    }

    /** A mean of 1 less the cosine. */
    private static double distance(List<double[]> some, List<double[]> others) {
        double sum = 0;
        for (int i = 0; i < some.size(); i++) {
            sum += 1 - dot(some.get(i), others.get(i)) / Math.sqrt(dot(some.get(i), some.get(i)) * dot(others.get(i), others.get(i)));
        }
        return sum / some.size();
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** Two layers, of which one adds nothing to what it is given; behind it stands a norm of what the norm before gave, which changes nothing. */
    private Path idle(String family, int layer) throws IOException {
        Path model = TinyEncoder.of(at("whole"), family, WORDS);
        try (Encoder encoder = EncoderFiles.load(model); var off = NoGrad.open()) {
            for (Parameter p : encoder.table()) {
                if (p.layer() == layer && (p.role() == Role.OUT || p.role() == Role.DOWN)) {
                    encoder.parameters().get(p.name()).zero_();
                }
            }
            NetworkFiles.save(encoder, model, StorageType.F32);
        }
        return model;
    }

    @ParameterizedTest
    @ValueSource(strings = {"bert", "roberta", "distilbert", "modernbert", "deberta-v2"})
    void withoutALayerThatDoesNothingItsVectorsAreTheSame(String family) throws IOException {
        Path whole = idle(family, 1);
        String done = Cli.run("prune", "--model", whole, "--layers", "0-0", "--out", at("student")).done().out();
        assertThat(done).contains("layers 0 stay", "finetune --task embed --teacher");
        List<String> texts = texts(5, 3);
        List<double[]> expected = vectors(whole, texts);
        List<double[]> found = vectors(at("student"), texts);
        for (int i = 0; i < texts.size(); i++) {
            assertThat(found.get(i)).containsExactly(expected.get(i), within(1e-5));
        }
        assertThat(Files.size(at("student/model.safetensors"))).isLessThan(Files.size(whole.resolve("model.safetensors")));
        assertThat(Provenance.read(at("student")).stage()).isEqualTo("prune");
        // the other one is what did something
        Path turned = idle(family, 0);
        Cli.run("prune", "--model", turned, "--layers", "0,", "--out", at("nothing")).done();
        assertThat(distance(vectors(at("nothing"), texts), vectors(turned, texts))).isGreaterThan(1e-6);
    }

    @Test
    void aStudentLearnsOnTextsThatNeedNotBelongTogether() throws IOException {
        Path bare = TinyEncoder.write(at("bare"), WORDS);
        // the network in a folder of its own, as sentence-transformers has it
        Path teacher = Files.createDirectories(at("teacher"));
        Files.move(bare, teacher.resolve("0_Transformer"));
        Files.writeString(teacher.resolve("modules.json"), """
                [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
                 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                 {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]""");
        Files.writeString(Files.createDirectory(teacher.resolve("1_Pooling")).resolve("config.json"), "{\"word_embedding_dimension\": 32, \"pooling_mode_cls_token\": false, \"pooling_mode_mean_tokens\": true}");
        Path student = at("student");
        Cli.run("prune", "--model", teacher, "--layers", "0-0", "--out", student).done();
        assertThat(student.resolve("0_Transformer/model.safetensors")).exists();

        Path run = at("run");
        Cli done = Cli.run("finetune", "--task", "embed", "--teacher", teacher, "--model", student, "--data", rows("rows.csv", 200, 1), "--held-out", rows("held.csv", 30, 2), "--out", run,
                "--epochs", "6", "--lr", "4e-3", "--batch", "32").done();
        assertThat(done.err()).contains("learns the vectors of", "best loss on what is held out");
        List<String> unseen = texts(20, 9);
        List<double[]> wanted = vectors(teacher, unseen);
        double before = distance(vectors(student, unseen), wanted);
        assertThat(distance(vectors(run, unseen), wanted)).as(done.err()).isLessThan(0.7 * before);
        assertThat(JSON.readTree(run.resolve("evaluation.json").toFile()).path("loss_unit").asText()).contains("distance");
    }

    /** As it is stored, so that the two runs differ by roundings alone. */
    @Test
    void aFileTeachesWhatItsDirectoryDoes() throws IOException {
        Path teacher = TinyEncoder.write(at("teacher"), WORDS);
        Cli.run("quantize", "--model", teacher, "--to", "f32", "--out", at("teacher.gguf")).done();
        Cli.run("prune", "--model", teacher, "--layers", "0-0", "--out", at("student")).done();
        Path rows = rows("rows.csv", 60, 1);
        for (String from : List.of("teacher", "teacher.gguf")) {
            Cli.run("finetune", "--task", "embed", "--teacher", at(from), "--model", at("student"), "--data", rows, "--out", at("by-" + from), "--epochs", "2", "--batch", "16", "--lr", "4e-3").done();
        }
        List<String> unseen = texts(10, 9);
        double moved = distance(vectors(at("by-teacher"), unseen), vectors(at("student"), unseen));
        assertThat(moved).isGreaterThan(1e-3);
        assertThat(distance(vectors(at("by-teacher"), unseen), vectors(at("by-teacher.gguf"), unseen))).isLessThan(1e-3 * moved);
    }

    private Path rows(String name, int count, long seed) throws IOException {
        List<String> texts = texts(2 * count, seed);
        List<String> rows = new ArrayList<>(List.of("anchor,positive"));
        for (int i = 0; i < count; i++) {
            rows.add(texts.get(2 * i) + "," + texts.get(2 * i + 1));
        }
        return Files.write(at(name), rows);
    }

    @Test
    void aTeacherOfOtherTokensOrAnotherWidthIsRefused() throws IOException {
        Path student = TinyEncoder.write(at("student"), WORDS);
        Path rows = rows("rows.csv", 20, 1);
        Path other = TinyEncoder.write(at("other"), "ka", "ke");
        Cli tokens = Cli.run("finetune", "--task", "embed", "--teacher", other, "--model", student, "--data", rows, "--out", at("run"));
        assertThat(tokens.code()).isEqualTo(1);
        assertThat(tokens.err()).contains("another tokenizer", "zhulong prune");

        Path wide = TinyEncoder.write(at("wide"), WORDS);
        Files.writeString(wide.resolve("modules.json"), """
                [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]""");
        Files.writeString(Files.createDirectory(wide.resolve("1_Pooling")).resolve("config.json"),
                "{\"word_embedding_dimension\": 32, \"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true}");
        Cli width = Cli.run("finetune", "--task", "embed", "--teacher", wide, "--model", student, "--data", rows, "--out", at("run"));
        assertThat(width.code()).isEqualTo(1);
        assertThat(width.err()).contains("vectors of 64 numbers", "of 32");
    }

    @Test
    void whatCannotBeTakenIsNamed() throws IOException {
        Path bert = TinyEncoder.write(at("bert"), WORDS);
        Path modern = TinyEncoder.of(at("modern"), "modernbert", WORDS);
        refused(1, "numbered from 0 to 1, found 2", "--model", bert, "--layers", "0-2");
        refused(2, "is an encoder, of which layers are kept by their numbers", "--model", bert, "--layers", "1", "--text", bert.resolve("config.json"));
        refused(2, "is an encoder", "--model", bert, "--layers", "0-0", "--ffn", "50%", "--text", bert.resolve("config.json"));
        refused(2, "found '3-1'", "--model", bert, "--layers", "3-1");
        refused(2, "found 'first'", "--model", bert, "--layers", "first");
        refused(1, "keep layer 0", "--model", modern, "--layers", "1-1");
        Files.writeString(Files.createDirectory(at("mine")).resolve("notes.txt"), "precious");
        Cli.run("prune", "--model", bert, "--layers", "0-0", "--out", at("mine"), "--force");
        assertThat(at("mine/notes.txt")).hasContent("precious");
    }

    private void refused(int code, String message, Object... args) {
        List<Object> all = new ArrayList<>(List.of("prune", "--out", at("none")));
        all.addAll(List.of(args));
        Cli result = Cli.run(all.toArray());
        assertThat(result.err()).contains(message);
        assertThat(result.code()).isEqualTo(code);
        assertThat(at("none")).doesNotExist();
    }
}
