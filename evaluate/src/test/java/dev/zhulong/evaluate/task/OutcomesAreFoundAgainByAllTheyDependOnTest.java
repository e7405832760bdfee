package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trap 74. */
class OutcomesAreFoundAgainByAllTheyDependOnTest {
    private static final String TASK = """
            name: t
            data: {files: [rows.jsonl]}
            choice: {context: "{{ q }}", choices: [y, n], answer: "{{ a }}"}
            """;

    @TempDir
    Path directory;

    private TaskFiles files;

    @BeforeEach
    void files() throws IOException {
        files = new TaskFiles(directory).rows("rows.jsonl", "{\"q\": \"one\", \"a\": \"y\"}", "{\"q\": \"two\", \"a\": \"n\"}",
                "{\"q\": \"three\", \"a\": \"y\"}");
    }

    private static Subject subject(ByteModel model, String field, String value) {
        Subject plain = model.subject("m");
        var identity = new TreeMap<>(plain.identity());
        identity.put(field, value);
        return new Subject("m", model, plain.tokenizer(), plain.chat(), identity);
    }

    @Test
    void whatIsDoneIsNotDoneAgain() {
        TaskResult first = files.run(TASK, ByteModel.hashed(64).subject("m"));
        ByteModel again = ByteModel.hashed(64);
        TaskResult second = files.run(TASK, again.subject("m"));
        assertThat(again.forwards).isZero();
        assertThat(second.metrics()).isEqualTo(first.metrics());
        assertThat(second.notices()).containsExactly("3 of 3 rows were done before and taken from the samples");
    }

    @Test
    void anotherModelAdapterTemplateTaskOrRowIsAnotherKey() throws IOException {
        var keys = new HashSet<String>();
        keys.add(files.run(TASK, subject(ByteModel.hashed(64), "adapter", "a")).key());
        for (var changed : List.of(subject(ByteModel.hashed(64), "adapter", "b"), subject(ByteModel.hashed(64), "template", "c"))) {
            var model = (ByteModel) changed.model();
            assertThat(keys.add(files.run(TASK, changed).key())).isTrue();
            assertThat(model.forwards).isPositive();
        }
        Subject same = subject(ByteModel.hashed(64), "adapter", "a");
        assertThat(keys.add(files.run(TASK.replace("{{ q }}", "{{ q }}?"), same).key())).isTrue();
        assertThat(keys.add(TaskRun.run(files.task(TASK), same, new TaskRun.Options(Optional.empty(), OptionalInt.empty(),
                OptionalInt.of(1), files.options().bootstrap(), files.options().samples()), Progress.SILENT).key())).isTrue();
        files.rows("rows.jsonl", "{\"q\": \"one\", \"a\": \"n\"}", "{\"q\": \"two\", \"a\": \"n\"}", "{\"q\": \"three\", \"a\": \"y\"}");
        assertThat(keys.add(files.run(TASK, same).key())).isTrue();
    }

    @Test
    void aLineThatWasBeingWrittenIsDoneAgain() throws IOException {
        TaskResult whole = files.run(TASK, ByteModel.hashed(64).subject("m"));
        byte[] log = Files.readAllBytes(whole.samples());
        for (int length = 0; length < log.length; length += 7) {
            Files.write(whole.samples(), Arrays.copyOf(log, length));
            TaskResult again = files.run(TASK, ByteModel.hashed(64).subject("m"));
            assertThat(again.metrics()).isEqualTo(whole.metrics());
            assertThat(Files.readAllBytes(whole.samples())).isEqualTo(log);
        }
    }
}
