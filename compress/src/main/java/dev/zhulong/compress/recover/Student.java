package dev.zhulong.compress.recover;

import dev.zhulong.compress.WholeDirectory;
import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.Companions;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.BestWeights;
import dev.zhulong.train.Distillation;
import dev.zhulong.train.Divergence;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.Objective;
import dev.zhulong.train.TokenTeacher;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainListener;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import dev.zhulong.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.List;

/**
 * Has a model that parts were taken out of learn the probabilities of the whole one, and the same model learn the text alone for as many steps: what a teacher is worth is seen only beside that.
 */
public final class Student {
    /** Where layers are gone much is to be learnt anew. */
    private static final double RATE = 5e-4;
    private static final long EVALUATIONS = 4;
    private static final String CONTROL = "control";

    private final Path teacher;
    private final Path start;
    private final Progress progress;

    /**
     * What came of it, in nats a token from the teacher on what was held out.
     *
     * @param before  it learned anything
     * @param after   of what was written
     * @param control of the same model that learned the text alone
     */
    public record Result(double before, double after, double control) {}

    /**
     * Prepares it.
     *
     * @param teacher directory of the whole model
     * @param start   directory of what is left of it, with the same tokenizer
     */
    public Student(Path teacher, Path start, Progress progress) {
        this.teacher = teacher;
        this.start = start;
        this.progress = progress;
    }

    /**
     * Trains and writes.
     *
     * @param texts to learn from; a part is held out and chooses what is kept
     * @param more  to learn from as well
     * @param steps of as many tokens as a {@link Recovery}'s
     * @param run   directory for checkpoints; the same call goes on from them
     * @param out   directory in Hugging Face's layout, which appears when it is whole
     */
    public Result run(List<String> texts, List<String> more, long steps, Path run, Path out) {
        try (Decoder whole = DecoderFiles.load(teacher); Tokenizer tokenizer = HuggingFaceTokenizer.load(start)) {
            var rows = new TextRows(texts, more, tokenizer, Math.min(Recovery.SEQ, whole.spec().contextLength()), Recovery.BATCH, Recovery.SEED);
            double control;
            try (Decoder alone = DecoderFiles.load(start)) {
                fit(alone, new NextToken(alone), rows, steps, run.resolve(CONTROL), "training the student's control");
                control = distance(alone, whole, rows);
            }
            try (Decoder student = DecoderFiles.load(start)) {
                double before = distance(student, whole, rows);
                fit(student, new Distillation(student, TokenTeacher.of(whole), new Divergence.Forward(), 1), rows, steps, run, "training a student");
                WholeDirectory.write(out, directory -> {
                    Companions.copy(start, directory);
                    NetworkFiles.save(student, directory, StorageType.F32);
                });
                return new Result(before, distance(student, whole, rows), control);
            }
        }
    }

    private static double distance(Decoder model, Decoder teacher, TextRows rows) {
        return new Distillation(model, TokenTeacher.of(teacher), new Divergence.Forward(), 1).evaluateAll(rows.heldOut()).mean();
    }

    /** Leaves the weights of the best evaluation in the model, those that it begins with among them. */
    private void fit(Decoder model, Objective<Batch> objective, TextRows rows, long steps, Path run, String what) {
        var best = new BestWeights(run, model);
        List<Batch> heldOut = rows.heldOut();
        if (best.isEmpty()) {
            best.offer(0, -objective.evaluateAll(heldOut).mean());
        }
        long every = Math.max(1, steps / EVALUATIONS);
        var options = new TrainOptions(steps, 1, Schedule.of(Schedule.Kind.LINEAR, RATE, RATE / 10, Math.max(1, steps / 20), 0, steps), 1, new AdamW.Settings(0.9, 0.999, 1e-8, 0), false,
                Recovery.SEED, every, 0, every, 1);
        new Trainer<>(model, objective, new TrainData<>(rows::step, heldOut), options, run, new TrainListener() {
            @Override
            public void step(Step done) {
                progress.at(what, done.step(), done.total(), "steps");
            }

            @Override
            public void evaluated(Evaluation evaluation) {
                best.offer(evaluation.step(), -evaluation.loss());
            }
        }).train();
        best.restore();
    }
}
