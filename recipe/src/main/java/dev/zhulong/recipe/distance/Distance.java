package dev.zhulong.recipe.distance;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.data.label.DistantAnswers;
import dev.zhulong.evaluate.text.AnswerMatch;
import dev.zhulong.evaluate.text.Segment;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.LabelJob;
import dev.zhulong.recipe.LabelRecipe;
import dev.zhulong.recipe.RunDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Trains encoders of several sizes and patterns of attention, from nothing and on the same rows, to answer {@link DistantAnswers}, and measures how often they are right by how
 * far the evidence lies from the question. They learn what is asked for from short texts first, in which evidence is never far, and then go on with texts of all lengths: among
 * the sentences of a long text alone, a small model does not find out what a question has to do with any of them.
 *
 * <p>It lives in a directory: {@code plan.yaml}, {@code data/} (rows, and the models before training), {@code runs/}, and in the end {@code curves.json} and {@code report.html}.
 * Started again it goes on with the model it was at, in the middle of its training.
 */
public final class Distance {
    private static final String PLAN = "plan.yaml";
    private static final String CURVES = "curves.json";
    private static final String NEAR = "near.jsonl";
    private static final String FAR = "train.jsonl";
    private static final String HELD_OUT = "held-out.jsonl";
    /** Sentences of the longest text of the first steps. */
    private static final int NEAR_SENTENCES = 6;
    /** Steps whose time is taken, behind as many that are not. */
    private static final int TIMED = 6;
    private static final long FEWEST_STEPS = 20;
    /** Part of the time that steps take; the rest goes to measuring and to reading the rows. */
    private static final double STEPPING = 0.85;

    /**
     * What came of it.
     *
     * @param plan   with the steps that were made
     * @param curves one of each model, in the order of sizes
     */
    public record Result(Plan plan, List<Curve> curves) {}

    private Distance() {}

    /**
     * Trains what is not trained yet, and measures.
     *
     * @param plan      its steps are the most that are made
     * @param minutes   that all of it may take; 0 for any. Fewer steps are made where it would take longer, the same number in every model
     * @param available bytes of memory a run may take
     * @throws IllegalArgumentException where the directory is of another plan, or something does not fit; says what to do
     */
    public static Result run(Plan plan, double minutes, Path directory, Progress progress, long available) {
        List<Model> models = plan.models();
        try (var held = RunDirectory.hold(directory, PLAN)) {
            Path data = directory.resolve("data");
            var answers = new DistantAnswers(plan.seed());
            DistantAnswers.write(data.resolve(NEAR), answers.training(plan.rows() / 2, Math.min(NEAR_SENTENCES, plan.sentences())));
            DistantAnswers.write(data.resolve(FAR), answers.training(plan.rows(), plan.sentences()));
            DistantAnswers.write(data.resolve(HELD_OUT), answers.heldOut(plan.heldOut(), plan.sentences(), plan.distances()));
            for (Model model : models) {
                if (!Files.exists(base(directory, model))) {
                    model.write(base(directory, model), plan);
                }
            }
            Plan fitted = fitted(plan, minutes, models, directory, progress, available);
            held.claim(PLAN, RecipeReader.toYaml(fitted));
            List<Curve> curves = new ArrayList<>();
            for (Model model : models) {
                progress.message(String.format(Locale.ROOT, "model %d of %d: %s wide and deep, attention %s, %,d steps", curves.size() + 1, models.size(), model.size(), model.attention(),
                        fitted.steps()));
                Path runs = directory.resolve("runs");
                Path near = runs.resolve(model + "-near");
                Path run = runs.resolve(model.toString());
                job(fitted, fitted.near(), base(directory, model), data.resolve(NEAR), Optional.empty(), "constant").run(near, onlySteps(progress), available);
                job(fitted, fitted.steps() - fitted.near(), near, data.resolve(FAR), Optional.of(data.resolve(HELD_OUT)), "wsd").run(run, onlySteps(progress), available);
                curves.add(curve(model, fitted, run));
                progress.message(Report.line(curves.getLast()));
            }
            JsonFile.write(directory.resolve(CURVES), curves);
            return new Result(fitted, List.copyOf(curves));
        }
    }

    /** What a model begins as. */
    private static Path base(Path directory, Model model) {
        return directory.resolve("data").resolve(model.toString());
    }

    private static LabelJob job(Plan plan, long steps, Path from, Path rows, Optional<Path> heldOut, String schedule) {
        LabelRecipe recipe = RecipeReader.defaults(LabelRecipe.class, List.of("task=qa", "model.from=" + from, "best=last", "seed=" + plan.seed(), "train.steps=" + steps, "train.batch=" + plan.batch(),
                "train.seq=" + plan.tokens(), String.format(Locale.ROOT, "train.lr=%.8f", plan.lr()), "train.schedule=" + schedule, "train.warmup=0.05", "train.decay=0.7", "train.beta2=0.98",
                "train.evaluate_every=" + steps, "train.evaluate_rows=" + plan.batch(), "train.checkpoint_every=100"));
        LabelRecipe.Data d = recipe.data();
        return new LabelJob(recipe.withData(new LabelRecipe.Data(List.of(rows), heldOut, 0, d.columns(), d.labels(), d.multi(), d.match(), d.overlap())));
    }

    /** What a run says of itself is in its directory. */
    private static Progress onlySteps(Progress progress) {
        return event -> {
            if (!event.isMessage()) {
                progress.event(event);
            }
        };
    }

    /** With as many steps as the minutes allow; with those of before, where it was begun before. */
    private static Plan fitted(Plan plan, double minutes, List<Model> models, Path directory, Progress progress, long available) {
        Path before = directory.resolve(PLAN);
        if (minutes == 0) {
            return plan;
        }
        if (Files.exists(before)) {
            return plan.withSteps(RecipeReader.read(before, Plan.class, List.of()).steps());
        }
        Path scratch = directory.resolve("data/pace");
        Path few = scratch.resolve("few.jsonl");
        double seconds = 0;
        for (Model model : models) {
            progress.message("timing " + model);
            FileTree.delete(scratch);
            copy(directory.resolve("data").resolve(HELD_OUT), few);
            List<Long> times = new ArrayList<>();
            job(plan, 2 * TIMED, base(directory, model), directory.resolve("data").resolve(FAR), Optional.of(few), "constant").run(scratch.resolve("run"), event -> {
                if (event.stage().equals("train")) {
                    times.add(System.nanoTime());
                }
            }, available);
            seconds += (times.getLast() - times.get(times.size() - 1 - TIMED)) / 1e9 / TIMED;
        }
        FileTree.delete(scratch);
        return plan.withSteps(Math.clamp((long) (minutes * 60 * STEPPING / seconds), FEWEST_STEPS, Math.max(FEWEST_STEPS, plan.steps())));
    }

    private static void copy(Path rows, Path few) {
        try {
            Files.createDirectories(few.getParent());
            Files.write(few, Files.readAllLines(rows).subList(0, 2));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Curve curve(Model model, Plan plan, Path run) {
        SortedMap<Integer, List<Segment>> answers = new TreeMap<>();
        try {
            for (String line : Files.readAllLines(run.resolve("predictions.jsonl"))) {
                JsonNode said = JsonFields.MAPPER.readTree(line);
                int distance = DistantAnswers.distance(said.path("id").asText());
                answers.computeIfAbsent(distance, d -> new ArrayList<>()).add(new Segment(said.path("predicted").asText(), List.of(said.path("answers").get(0).asText())));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        SortedMap<Integer, Score> scores = new TreeMap<>();
        answers.forEach((distance, all) -> scores.put(distance, new Score((int) Math.round(AnswerMatch.SQUAD.evaluate(all).exactMatch().value() * all.size()), all.size())));
        long weights = Parameters.of(model.spec(plan, WordTokenizer.size(DistantAnswers.words()))).count();
        return new Curve(model.size(), model.attention().toString(), weights, model.furthest(plan), scores);
    }
}
