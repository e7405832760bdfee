package dev.zhulong.compress.recover;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.BestWeights;
import dev.zhulong.train.Distillation;
import dev.zhulong.train.Divergence;
import dev.zhulong.train.TokenTeacher;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainListener;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import dev.zhulong.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.List;

/**
 * Wins back what rounding lost: the weights of a quantised file learn the probabilities of the model that it was made from, while they stay rounded. The file has the same types afterwards, and
 * other codes and scales.
 *
 * <p>Rates follow from how far rounding took the model away: small ones where weights have only to move to a neighbour, large ones where much is to be learnt anew. What is kept is the best of what was evaluated on
 * texts held out, the start among it, so that nothing becomes worse.
 */
public final class Recovery {
    static final int SEQ = 256;
    static final int BATCH = 4;
    private static final long EVALUATIONS = 8;
    static final long SEED = 1;
    /** Bytes a weight: teacher, student, gradient, the full weight behind the rounded one, two moments. */
    private static final int BYTES = 24;
    private static final int PROBE = 1024;
    /** How far a weight may go that is pushed one way all the time, in steps between its values, where rounding took the model one nat away (docs/LOG.md). */
    private static final double WAY = 0.5;
    /** Nats beyond which nobody has looked whether the way grows still. */
    private static final double FAR = 2;
    /** Mean of a rate that falls to a tenth in a line, of what it begins with. */
    private static final double FALLING = 0.55;
    /** Of the way of a weight, in steps, the way of a scale, in shares of itself. */
    private static final double SCALES = 0.1;
    /** Of which scales learn too; with more, that won nothing. */
    private static final double FEW_BITS = 4;
    private static final String ROUNDED = "rounded.gguf";

    private final Path model;
    private final Path start;
    private final Progress progress;

    /**
     * What came of it.
     *
     * @param before divergence from the model on what was held out, nats a token
     * @param after  the same of what was written
     * @param step   that was the best; 0 for the start
     */
    public record Result(double before, double after, long step) {}

    /**
     * Prepares it.
     *
     * @param model directory that the file was made from, the teacher
     * @param start the file
     */
    public Recovery(Path model, Path start, Progress progress) {
        this.model = model;
        this.start = start;
        this.progress = progress;
    }

    /** Of a step, where a model's context is so long. */
    public static long tokens(int context) {
        return (long) BATCH * Math.min(SEQ, context);
    }

    /** Bytes that it takes for a model of so many weights. */
    public static long memory(long weights) {
        return BYTES * weights;
    }

    /** About how long a step takes for a model of so many weights: the teacher's forward, the student's, and twice as much back. */
    public static double seconds(long weights) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            Tensor probe = Tensor.zeros(DType.F32, PROBE, PROBE);
            probe.matmul(probe).sum().item();
            long from = System.nanoTime();
            probe.matmul(probe).sum().item();
            double perProduct = (System.nanoTime() - from) * 1e-9 / (2.0 * PROBE * PROBE * PROBE);
            return 8.0 * weights * SEQ * BATCH * perProduct;
        }
    }

    /**
     * Trains and writes.
     *
     * @param texts to learn from; a part is held out and chooses what is kept
     * @param more  to learn from as well
     * @param steps of {@value #BATCH} rows of at most {@value #SEQ} tokens
     * @param run   directory for checkpoints; the same call goes on from them
     */
    public Result run(List<String> texts, List<String> more, long steps, Path run, Path out) {
        RoundedWeights rounded = RoundedWeights.of(start);
        try (Decoder teacher = DecoderFiles.load(model); Decoder student = DecoderFiles.load(model); Tokenizer tokenizer = HuggingFaceTokenizer.load(model)) {
            var rows = new TextRows(texts, more, tokenizer, Math.min(SEQ, student.spec().contextLength()), BATCH, SEED);
            rounded.copyTo(student);
            if (rounded.matrices().values().stream().noneMatch(RoundedMatrix::isTrained)) {
                throw new IllegalArgumentException(start + " has no matrix in less than six bits, so there is nothing to win back");
            }
            var objective = new Distillation(student, TokenTeacher.of(teacher), new Divergence.Forward(), 1);
            List<Batch> heldOut = rows.heldOut();
            double before = objective.evaluateAll(heldOut).mean();
            var best = new BestWeights(run, kept(rounded));
            if (best.isEmpty()) {
                best.offer(0, -before);
            }
            // by how far apart the values of a weight are, and not by its own size, it is known how far it has to go to another code
            double step = rounded.step();
            double rate = step * way(before) / (FALLING * steps);
            double scales = rounded.bits() < FEW_BITS ? SCALES / step : 0;
            var options = new TrainOptions(steps, 1, Schedule.of(Schedule.Kind.LINEAR, rate, rate / 10, Math.max(1, steps / 20), 0, steps), 1,
                    new StraightThrough.Settings(new AdamW.Settings(0.9, 0.999, 1e-8, 0), rounded, teacher, scales), false, SEED, Math.max(1, steps / EVALUATIONS), 0,
                    Math.max(1, steps / EVALUATIONS), 1);
            new Trainer<>(student, objective, new TrainData<>(rows::step, heldOut), options, run, new TrainListener() {
                @Override
                public void step(Step done) {
                    progress.at("training rounded weights", done.step(), done.total(), "steps");
                }

                @Override
                public void evaluated(Evaluation evaluation) {
                    best.offer(evaluation.step(), -evaluation.loss());
                }
            }).train();
            long kept = best.restore().orElseThrow();
            rounded.write(out);
            return new Result(before, -best.value(), kept);
        }
    }

    private static BestWeights.Weights kept(RoundedWeights rounded) {
        return new BestWeights.Weights() {
            @Override
            public void save(Path directory) {
                rounded.write(directory.resolve(ROUNDED));
            }

            @Override
            public void load(Path directory) {
                rounded.take(directory.resolve(ROUNDED));
            }
        };
    }

    /** In steps. The less rounding has done, the less there is to be made good: a divergence grows with the square of an error. */
    private static double way(double divergence) {
        return WAY * Math.sqrt(Math.min(divergence, FAR));
    }
}
