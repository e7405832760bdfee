package dev.zhulong.cli;

import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.GroupVariables;
import dev.zhulong.distribute.WorkClient;
import dev.zhulong.distribute.WorkServer;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.recipe.EmbedRecipe;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.recipe.Job;
import dev.zhulong.recipe.LabelRecipe;
import dev.zhulong.recipe.Outcome;
import dev.zhulong.recipe.PretrainRecipe;
import dev.zhulong.recipe.RewriteRecipe;
import dev.zhulong.recipe.jobs.Jobs;
import dev.zhulong.train.DataParallel;
import dev.zhulong.train.ParameterServer;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.Worker;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** A verb that reads a recipe and runs its job in a directory. */
abstract class JobVerb extends Verb {
    /** Which rank a job in this process is, where the process's variables do not say it in our way. */
    static final ScopedValue<Group> MEMBER = ScopedValue.newInstance();

    @Option(names = "--recipe", paramLabel = "FILE", description = "Recipe in YAML for all other settings (default: the default value of "
            + "every field).")
    Path recipe;

    @Option(names = "--device", paramLabel = "DEVICE", description = "Device to compute on: cpu, cuda (the first GPU) or cuda:N (default: the recipe's, which is cpu unless it says otherwise). "
            + "A GPU needs a build for CUDA; 'zhulong doctor' shows what there is.")
    String device;

    @Option(names = "--memory", paramLabel = "SIZE", description = "Most memory that the process may have, the JVM included, such as 2g or 900m: what does not fit is streamed from the run's directory "
            + "(default: whatever the training needs). For pretraining and for fine-tuning all weights of a decoder.")
    String memory;

    @Option(names = "--precision", paramLabel = "TYPE", description = "Type that projections are multiplied in: fp32, bf16, fp16 (slow on processors), or auto to measure here which of "
            + "fp32 and bf16 is faster (default: the recipe's train.precision, which is fp32 unless it says otherwise). Weights, gradients and checkpoints are fp32 in any of them.")
    String precision;

    @Option(names = "--compress", paramLabel = "HOW", description = "How gradients travel among ranks: none (fp32), bf16, int8, or topk:0.01 for the largest hundredth "
            + "(default: the recipe's train.compress, which is none unless it says otherwise). What does not go with one step goes with later ones.")
    String compress;

    @Option(names = "--set", paramLabel = "FIELD=VALUE", description = "Field of the recipe to override, such as train.steps=100; may "
            + "be repeated.")
    List<String> set = List.of();

    @Option(names = "--out", paramLabel = "RUN", description = "Directory to create for this run, or the directory of an earlier run "
            + "with the same recipe, which then continues.")
    Path out;

    void requireOut() {
        if (out == null) {
            throw wrongUsage("missing --out RUN: the directory to create for this run");
        }
    }

    /**
     * The recipe of {@code --recipe}, or the defaults, with fields set.
     *
     * @param kind of the verb's jobs
     */
    <R extends Record> R read(String kind, Class<R> type, List<String> overrides) {
        // a recipe that does not say what it is for is for the verb that it is given to
        String found = recipe == null ? "" : RecipeReader.fields(recipe).getOrDefault("kind", "");
        if (!found.equals(kind) && Jobs.kinds().contains(found)) {
            throw new IllegalArgumentException(recipe + " is a recipe of kind '" + found + "', not '" + kind + "': give it to zhulong "
                    // heads, writers of another text, and vectors are taught by the verb that teaches models
                    + (List.of(LabelRecipe.KIND, RewriteRecipe.KIND, EmbedRecipe.KIND).contains(found) ? FinetuneRecipe.KIND : found));
        }
        List<String> all = new ArrayList<>(overrides);
        if (device != null) {
            all.addFirst("device=" + device);
        }
        if (memory != null) {
            all.addFirst("train.memory=" + memory);
        }
        if (precision != null) {
            all.addFirst("train.precision=" + precision);
        }
        if (compress != null) {
            all.addFirst("train.compress=" + compress);
        }
        return recipe == null ? RecipeReader.defaults(type, all) : RecipeReader.read(recipe, type, all);
    }

    void run(Job job, Path directory) {
        run(this, job, directory);
    }

    /** Runs a job, and says what may come next. */
    static void run(Verb verb, Job job, Path directory) {
        Optional<Group> group = MEMBER.isBound() ? Optional.of(MEMBER.get()) : GroupVariables.read(System.getenv());
        if (group.isPresent()) {
            among(group.get(), verb, job, directory);
            return;
        }
        try (var line = ProgressLine.on(verb.err())) {
            Outcome outcome = job.run(directory, line, Machine.availableMemory());
            if (!outcome.next().isEmpty()) {
                line.message(outcome.next());
            }
        }
        verb.out().println(directory);
    }

    /** As one of the ranks that {@link TrainClusterVerb} starts, of which the first speaks for all. */
    private static void among(Group group, Verb verb, Job job, Path directory) {
        boolean first = group.rank() == 0;
        RankProcesses.begin();
        try (var line = ProgressLine.on(verb.err());
                var ranks = ranks(group, job, line)) {
            Outcome outcome = job.among(ranks).run(directory, first ? line : Progress.SILENT, Machine.availableMemory() / group.size());
            if (first && !outcome.next().isEmpty()) {
                line.message(outcome.next());
            }
        }
        if (first) {
            verb.out().println(directory);
        }
    }

    private static Ranks ranks(Group group, Job job, Progress line) {
        if (group.staleness() == null) {
            return new DataParallel(Collectives.join(group, line::message));
        }
        if (!List.of(PretrainRecipe.KIND, FinetuneRecipe.KIND).contains(job.kind())) {
            throw new IllegalArgumentException("a parameter server is for pretraining and fine-tuning decoders, not for a job of kind '" + job.kind() + "': leave --staleness out");
        }
        return group.rank() == 0 ? new ParameterServer(WorkServer.open(group, line::message), group.staleness(), group.timeout()) : new Worker(WorkClient.join(group));
    }
}
