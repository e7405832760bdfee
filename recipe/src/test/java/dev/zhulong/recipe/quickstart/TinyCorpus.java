package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SplittableRandom;

/** Small Java-like files from a generator, and a plan small enough for a test. */
final class TinyCorpus {
    private static final String[] NOUNS = {"account", "ledger", "branch", "patient", "course", "room", "ticket", "parcel", "meter", "route",
        "invoice", "reading", "sample", "notice", "member", "lesson"};
    private static final String[] VERBS = {"count", "close", "merge", "check", "order", "print", "store", "find", "weigh", "trace"};

    private TinyCorpus() {}

    static Path write(Path directory) throws IOException {
        Files.createDirectories(directory);
        var random = new SplittableRandom(42);
        for (int file = 0; file < 60; file++) {
            String noun = NOUNS[random.nextInt(NOUNS.length)];
            String type = noun.substring(0, 1).toUpperCase(java.util.Locale.ROOT) + noun.substring(1) + file;
            var text = new StringBuilder("package example." + noun + ";\n\n/** Keeps what is known of one " + noun + ". */\npublic final class "
                    + type + " {\n");
            int methods = random.nextInt(4, 9);
            for (int m = 0; m < methods; m++) {
                String verb = VERBS[random.nextInt(VERBS.length)];
                String other = NOUNS[random.nextInt(NOUNS.length)];
                int number = random.nextInt(1000);
                text.append("    private int ").append(other).append(number).append(" = ").append(random.nextInt(100)).append(";\n\n")
                        .append("    /** Returns the ").append(other).append(" after ").append(verb).append(" number ").append(number)
                        .append(". */\n    int ").append(verb).append(number).append("(int ").append(noun).append(") {\n        if (")
                        .append(noun).append(" > ").append(random.nextInt(50)).append(") {\n            return ").append(other)
                        .append(number).append(" + ").append(noun).append(";\n        }\n        return ").append(other).append(number)
                        .append(" * ").append(random.nextInt(9)).append(";\n    }\n\n")
                        .append("    /** Gives the ").append(other).append(' ').append(number).append(" back. */\n    int ").append(other)
                        .append(number).append("() {\n        return ").append(other).append(number).append(";\n    }\n\n");
            }
            Files.writeString(directory.resolve(type + ".java"), text.append("}\n"));
        }
        return directory;
    }

    /** A plan of {@code steps} steps over {@code corpus} that saves a checkpoint every second step. */
    static Path plan(Path file, Path corpus, long steps) throws IOException {
        var plan = new Plan(1, 0.05, corpus.toString(), 7, new Plan.Shape(600, 32, 2, 2, 64, 64, 4), steps, 2, 4e-3, 0.3,
                new Plan.Tuning(steps, 4, 2e-2, 12), new Plan.Measured(50, 5, 2));
        plan.write(file.getParent());
        return file.getParent().resolve(Plan.FILE);
    }

    static String run(Path out, Path plan, Progress watch) {
        var printed = new ByteArrayOutputStream();
        try (var line = ProgressLine.on(new PrintStream(printed, true, StandardCharsets.UTF_8))) {
            Quickstart.run(new QuickstartOptions(0.05, out, Optional.empty(), 0, Optional.of(plan)), event -> {
                line.event(event);
                watch.event(event);
            }, Long.MAX_VALUE);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }
}
