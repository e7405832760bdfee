package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.JsonFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What an adapter made of the model: {@code comparison.json}, whole, and in the report with fewer answers.
 *
 * @param trainPairs   methods learnt from, once for each task
 * @param heldOutPairs methods compared with
 * @param steps        optimizer steps
 * @param rank         of the adapter
 * @param tasks        each with its scores
 */
record Finetuning(int trainPairs, int heldOutPairs, long steps, int rank, List<Result> tasks) {
    private static final String FILE = "comparison.json";
    private static final int SHOWN = 4;

    /**
     * One task.
     *
     * @param task       its name
     * @param what       in words
     * @param lossBefore nats a token of the held-out completions, of the model alone
     * @param lossAfter  the same with the adapter
     * @param tokens     of the held-out completions
     * @param metrics    of what was written for the held-out prompts
     * @param answers    what that was
     */
    record Result(String task, String what, double lossBefore, double lossAfter, long tokens, List<Metric> metrics, List<Answer> answers) {}

    /**
     * One number before and after; the standard errors are null where they are unknown.
     *
     * @param percent whether the scale is 0 to 100 and not 0 to 1
     */
    record Metric(String name, double before, Double errorBefore, double after, Double errorAfter, boolean percent, String signature) {
        String before(String format) {
            return text(format, before, errorBefore);
        }

        String after(String format) {
            return text(format, after, errorAfter);
        }

        /** @param format of a value and its error, both already texts */
        private String text(String format, double value, Double error) {
            String digits = percent ? "%.2f" : "%.4f";
            String number = String.format(Locale.ROOT, digits, value);
            return error == null ? number : String.format(Locale.ROOT, format, number, String.format(Locale.ROOT, digits, error));
        }
    }

    /** What was asked, what was meant, and what the model wrote without and with the adapter. */
    record Answer(String prompt, String reference, String before, String after) {}

    /** The same with the first few answers of each task. */
    Finetuning shortened() {
        return new Finetuning(trainPairs, heldOutPairs, steps, rank, tasks.stream().map(t -> new Result(t.task(), t.what(), t.lossBefore(),
                t.lossAfter(), t.tokens(), t.metrics(), t.answers().subList(0, Math.min(SHOWN, t.answers().size())))).toList());
    }

    /** A table for the terminal. */
    List<String> lines() {
        var lines = new ArrayList<String>();
        lines.add(String.format(Locale.ROOT, "fine-tuned on %,d methods: an adapter of rank %d, %,d steps; compared on %,d held-out methods",
                trainPairs, rank, steps, heldOutPairs));
        for (Result task : tasks) {
            lines.add("");
            lines.add(String.format(Locale.ROOT, "  %-30s %22s %22s", task.what(), "model alone", "with the adapter"));
            lines.add(String.format(Locale.ROOT, "  %-30s %22.4f %22.4f", "loss (nats a token)", task.lossBefore(), task.lossAfter()));
            for (Metric metric : task.metrics()) {
                lines.add(String.format(Locale.ROOT, "  %-30s %22s %22s", metric.name() + (metric.errorAfter() == null ? "" : " (standard error)"),
                        metric.before("%s (%s)"), metric.after("%s (%s)")));
            }
        }
        tasks.stream().flatMap(task -> task.metrics().stream()).map(Metric::signature).distinct().forEach(s -> lines.add("  " + s));
        return lines;
    }

    void write(Path directory) {
        JsonFile.write(directory.resolve(FILE), this);
    }

    static Finetuning read(Path directory) {
        return JsonFile.read(directory.resolve(FILE), Finetuning.class);
    }
}
