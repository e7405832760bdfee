package dev.zhulong.recipe;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.Companions;
import dev.zhulong.train.Unit;
import dev.zhulong.train.log.LossChart;
import dev.zhulong.train.log.LossCurve;
import dev.zhulong.train.log.MetricsLog;
import dev.zhulong.train.log.RouterChart;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** Writes a trained model as a Hugging Face directory, or its adapter as PEFT does, its provenance last: where that lies, everything else is whole. */
final class FinishedModel {
    private FinishedModel() {}

    static void write(Decoder model, PreparedData data, PretrainRecipe recipe, Path run, Optional<FinalEvaluation> evaluation,
            Progress progress) {
        List<Integer> ends = data.tokenizer().eos().stream().boxed().toList();
        weights(model, recipe.model().from(), data.tokenizerDirectory(), ends, run);
        chart(run, Unit.NATS_A_TOKEN, progress);
        evaluation.ifPresent(e -> e.write(run.resolve(FinalEvaluation.FILE)));
        provenance(data, recipe).write(run);
    }

    /**
     * The model, or its adapter if it has one, with what belongs to it.
     *
     * @param base      the model it was made from
     * @param tokenizer directory of the tokenizer's files
     * @param ends      ids that end what it was trained on
     */
    static void weights(Decoder model, Optional<Path> base, Path tokenizer, Collection<Integer> ends, Path run) {
        try {
            if (base.isPresent()) {
                Companions.copy(base.get(), run);
            }
            Companions.copy(tokenizer, run);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        GenerationFile.write(base, model.spec(), ends, run);
        if (model.adapter().isPresent()) {
            model.adapter().get().save(run, StorageType.F32);
        } else {
            NetworkFiles.save(model, run, StorageType.F32);
        }
    }

    /**
     * Draws the losses, and of a mixture what its routers did.
     *
     * @param unit of the losses
     */
    static void chart(Path run, Unit unit, Progress progress) {
        var lines = MetricsLog.read(run.resolve("metrics.jsonl"));
        String title = run.toAbsolutePath().normalize().getFileName().toString();
        var chart = new LossChart(title, "loss (" + unit + ")", LossCurve.of(lines, "loss"), LossCurve.of(lines, "validation_loss"));
        draw(run.resolve("loss.png"), chart::png, progress);
        RouterChart.of(title, lines).ifPresent(routers -> {
            draw(run.resolve("experts.png"), routers::png, progress);
            progress.message(routers.summary());
        });
    }

    private static void draw(Path file, Supplier<byte[]> png, Progress progress) {
        try {
            AtomicFile.writeBytes(file, png.get());
        } catch (IllegalStateException e) {
            progress.message("no " + file.getFileName() + ": " + e.getMessage());
        }
    }

    private static Provenance provenance(PreparedData data, PretrainRecipe recipe) {
        List<Provenance.Input> inputs = new ArrayList<>();
        data.inputs().forEach((name, hash) -> inputs.add(new Provenance.Input(name, new ContentHash(hash))));
        List<Provenance> parents = new ArrayList<>();
        recipe.model().from().ifPresent(from -> base(from, inputs, parents));
        String stage = recipe.model().from().isPresent() ? "continue" : "pretrain";
        return Provenance.of(stage, inputs, RunDirectory.tree(recipe), recipe.seed()).withParents(parents);
    }

    /** The files of the model that was gone on from, and its own origin; of a GGUF file the file. */
    static void base(Path from, List<Provenance.Input> inputs, List<Provenance> parents) {
        if (Files.isRegularFile(from)) {
            inputs.add(Provenance.Input.of(from));
            return;
        }
        for (String name : List.of("config.json", "model.safetensors", "model.safetensors.index.json")) {
            if (Files.isRegularFile(from.resolve(name))) {
                inputs.add(Provenance.Input.of(from.resolve(name)));
            }
        }
        if (Files.isRegularFile(from.resolve(Provenance.FILE))) {
            parents.add(Provenance.read(from));
        }
    }
}
