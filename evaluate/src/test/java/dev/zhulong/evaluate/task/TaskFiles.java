package dev.zhulong.evaluate.task;

import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Tasks and rows of tests, in one directory. */
record TaskFiles(Path directory) {
    TaskFiles rows(String name, String... lines) throws IOException {
        Path file = directory.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, String.join("\n", lines) + "\n");
        return this;
    }

    Tasks.Found task(String yaml) {
        return new Tasks.Found(RecipeReader.read(yaml, "task.yaml", TaskSpec.class, List.of()), Optional.of(directory));
    }

    TaskRun.Options options() {
        return new TaskRun.Options(Optional.empty(), OptionalInt.empty(), OptionalInt.empty(), new Bootstrap(100, 1), directory.resolve("samples"));
    }

    TaskResult run(String yaml, Subject subject) {
        return TaskRun.run(task(yaml), subject, options(), Progress.SILENT);
    }

    static double score(List<MetricValue> values, String name) {
        return values.stream().filter(value -> value.name().equals(name)).findFirst().orElseThrow().estimate().value();
    }
}
