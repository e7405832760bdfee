package dev.zhulong.recipe;

import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.tensor.Device;
import dev.zhulong.train.Divergence;
import dev.zhulong.train.DrawnTargets;
import dev.zhulong.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** A smaller model that learns what a larger one says of text. */
public record DistilRecipe(
        @Doc("what the recipe is for: distil") String kind,
        @Doc("random seed of the split and the order of documents") long seed,
        @Doc("where both models are computed: cpu, cuda (the first GPU) or cuda:N; may differ from one start of a run to the next") String device,
        @Doc("the text; its tokenizer is the teacher's") PretrainRecipe.Data data,
        @Doc("Hugging Face directory of the model to learn from, computed in F32, or a GGUF file, computed by the CPU engine as it is stored") Optional<Path> teacher,
        @Doc("the model that learns") Student student,
        @Doc("what is minimised") Objective objective,
        @Doc("train the same student on the same text without the teacher besides, and report both") boolean control,
        @Doc("optimization") Train train) implements RunRecipe {

    /** Of its jobs. */
    public static final String KIND = "distil";

    private static final Train TRAIN = new Train(0, 400, 4, 256, true, 1, 5e-4, Optional.empty(), Schedule.Kind.COSINE, 10, 100, 1, 0.01, 0.9, 0.95,
            1e-8, false, Optional.empty(), 0, TrainPrecision.FP32, "none", 50, 64, 0, 100, 2, "", 100);

    /** Divergences. */
    public enum Kind { FORWARD, REVERSE, JSD }

    /** The model that learns. */
    public record Student(
            @Doc("Hugging Face directory of the student, with the teacher's tokenizer") Optional<Path> from,
            @Doc("instead: how many of the teacher's layers it has, the first and the last among them; 0 where layer_list says which") int layers,
            @Doc("instead: numbers, from 0, of the teacher's layers that it has") List<Integer> layerList) {
        public Student {
            if (layers < 0) {
                throw new IllegalArgumentException("student.layers must be at least 0, found " + layers);
            }
            if ((from.isPresent() ? 1 : 0) + (layers > 0 ? 1 : 0) + (layerList.isEmpty() ? 0 : 1) > 1) {
                throw new IllegalArgumentException("give one of student.from, student.layers and student.layer_list");
            }
        }
    }

    /** What is minimised. */
    public record Objective(
            @Doc("forward: KL of the teacher to the student; reverse: of the student to the teacher; jsd: a mixture of both (GKD)") Kind divergence,
            @Doc("what both models' logits are divided by; the loss is multiplied by its square") double temperature,
            @Doc("share of the teacher in jsd's mixture, in (0, 1)") double beta,
            @Doc("tokens drawn from each of the teacher's distributions, once and for all epochs, in place of the whole of it each time; with forward only; 0 for the whole") int draws,
            @Doc("directory of the files that draws are kept in, for runs to share; null for the run's own") Optional<Path> drawsIn,
            @Doc("weight of what states of layers cost, beside the divergence: 1 less their cosine to the teacher's; of a student of another width, squared differences of its tokens' cosines to one another; 0 for none") double hidden,
            @Doc("numbers, from 0, of the student's layers whose states are compared; empty for all") List<Integer> hiddenLayers) {
        public Objective {
            if (!(hidden >= 0) || Double.isInfinite(hidden)) {
                throw new IllegalArgumentException("objective.hidden must be 0 or above, found " + hidden);
            }
            if (hidden == 0 && !hiddenLayers.isEmpty()) {
                throw new IllegalArgumentException("objective.hidden_layers says whose states are compared, and objective.hidden, their weight, is 0: give it too");
            }
            if (!(temperature > 0) || Double.isInfinite(temperature)) {
                throw new IllegalArgumentException("objective.temperature must be above 0, found " + temperature);
            }
            new Divergence.JensenShannon(beta);
            if (draws < 0 || draws > DrawnTargets.MOST) {
                throw new IllegalArgumentException("objective.draws must be from 0 to " + DrawnTargets.MOST + ", found " + draws);
            }
            if (draws > 0 && divergence != Kind.FORWARD) {
                throw new IllegalArgumentException("objective.draws stand for the teacher's distribution in the forward divergence; reverse and jsd need the whole of it: leave draws out");
            }
        }

        Divergence choice() {
            return switch (divergence) {
                case FORWARD -> new Divergence.Forward();
                case REVERSE -> new Divergence.Reverse();
                case JSD -> new Divergence.JensenShannon(beta);
            };
        }
    }

    public DistilRecipe {
        Kinds.require(KIND, kind);
        Device.parse(device);
        if (!(train.lr() > 0)) {
            throw new IllegalArgumentException("train.lr must be above 0, found " + train.lr());
        }
        if (data.fim().rate() > 0) {
            throw new IllegalArgumentException("data.fim is for pretraining: leave it out");
        }
        TrainingBudget.refuse(train, "a distillation");
    }

    static DistilRecipe defaults() {
        return new DistilRecipe(KIND, 1, "cpu", PretrainRecipe.Data.defaults(), Optional.empty(), new Student(Optional.empty(), 0, List.of()), new Objective(Kind.FORWARD, 1, 0.5, 0, Optional.empty(), 0, List.of()), false,
                TRAIN);
    }

    /** The directory whose tokenizer the text is read with; a file's tokenizer is the student's. */
    Optional<Path> described() {
        return teacher.filter(path -> !GgufFile.isOne(path)).or(student::from);
    }

    /** The pretraining of the teacher on the same text, whose data are this recipe's. */
    PretrainRecipe pretraining() {
        PretrainRecipe.Model m = PretrainRecipe.defaults().model();
        return new PretrainRecipe(PretrainRecipe.KIND, seed, device, data, new PretrainRecipe.Model(described(), m.family(), m.hiddenSize(), m.layers(), m.heads(), m.kvHeads(), m.intermediateSize(),
                m.contextLength(), m.tiedEmbeddings(), m.ropeTheta(), m.slidingWindow(), m.experts(), m.expertsPerToken(), m.balance(), m.balanceOver(), m.routerZLoss(), m.correctionRate(),
                m.capacity(), m.attention()), Optional.empty(), Optional.empty(), train);
    }

    /** The same with absolute paths, so that the run can be resumed from anywhere. */
    DistilRecipe absolute() {
        return new DistilRecipe(kind, seed, device, pretraining().absolute().data(), teacher.map(DistilRecipe::absolute),
                new Student(student.from.map(DistilRecipe::absolute), student.layers, student.layerList),
                new Objective(objective.divergence, objective.temperature, objective.beta, objective.draws, objective.drawsIn.map(DistilRecipe::absolute), objective.hidden, objective.hiddenLayers), control, train);
    }

    private static Path absolute(Path path) {
        return path.toAbsolutePath().normalize();
    }
}
