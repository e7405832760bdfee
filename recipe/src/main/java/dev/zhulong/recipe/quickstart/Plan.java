package dev.zhulong.recipe.quickstart;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.train.schedule.Cosine;
import dev.zhulong.train.schedule.Schedule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;

/**
 * Everything that decides the bits of a quickstart but the corpus and the number of threads: {@code plan.json}, written whole at the first
 * start and only read from then on.
 *
 * @param format          1
 * @param minutes         asked for
 * @param corpus          the directory asked for, or null for the JDK's sources
 * @param seed            of weights, split and order
 * @param shape           of model and batches
 * @param steps           optimizer steps
 * @param warmup          of them with a rising learning rate
 * @param learningRate    at the peak; a cosine leads down to a twentieth of it
 * @param fillInTheMiddle share of documents arranged for filling gaps, 0 to 1
 * @param tuning          of the fine-tuning that follows; null for none
 * @param measured        what the sizes were chosen by
 */
record Plan(int format, double minutes, String corpus, long seed, Shape shape, long steps, long warmup, double learningRate,
        double fillInTheMiddle, Tuning tuning, Measured measured) {
    static final String FILE = "plan.json";
    static final double CLIP = 1;
    static final double WEIGHT_DECAY = 0.1;
    private static final int FORMAT = 1;
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    /**
     * Sizes.
     *
     * @param vocabulary   tokens asked of the tokenizer; a small corpus may give fewer
     * @param hidden       width
     * @param layers       blocks
     * @param heads        of attention
     * @param intermediate width inside the MLP
     * @param seq          tokens a row, and the model's context
     * @param batch        rows a step
     */
    record Shape(int vocabulary, int hidden, int layers, int heads, int intermediate, int seq, int batch) {
        /** A Llama with tied embeddings whose vocabulary came out at {@code vocabSize}. */
        DecoderSpec spec(int vocabSize, int bos, int eos) {
            int headDim = hidden / heads;
            return new DecoderSpec(Family.of("llama"), vocabSize, hidden, layers, heads, heads, headDim, intermediate, seq,
                    DecoderSpec.Norm.RMS, 1e-5, DecoderSpec.Activation.SILU, true,
                    new DecoderSpec.Rope(10_000, headDim, new DecoderSpec.Scaling.None()), true, false, false, false, false,
                    Collections.nCopies(layers, 0), bos, List.of(eos));
        }

        /** Tokens of one optimizer step. */
        long tokensPerStep() {
            return (long) seq * batch;
        }

        /** Weights of {@link #spec}. */
        long parameters() {
            long block = 4L * hidden * hidden + 3L * hidden * intermediate + 2L * hidden;
            return (long) vocabulary * hidden + layers * block + hidden;
        }
    }

    /**
     * A fine-tuning with rows and batches as in {@link Shape}.
     *
     * @param steps        optimizer steps at most; few examples take fewer
     * @param rank         of the adapter; its alpha is twice that
     * @param learningRate at the peak; a cosine leads down to a tenth of it
     * @param heldOut      pairs to compare with at most
     */
    record Tuning(long steps, int rank, double learningRate, int heldOut) {
        Tuning {
            if (steps < 1 || rank < 1 || !(learningRate > 0) || heldOut < 1) {
                throw new IllegalArgumentException("a fine-tuning needs at least one step, one rank and one held-out pair, and a positive"
                        + " learning rate");
            }
        }
    }

    /**
     * The machine at the first start.
     *
     * @param gflops         fp32 matrix product, 10^9 operations a second
     * @param secondsPerStep of training in this shape
     * @param threads        of libtorch
     */
    record Measured(double gflops, double secondsPerStep, int threads) {}

    Plan {
        if (format != FORMAT) {
            throw new IllegalArgumentException("expected a plan of format " + FORMAT + ", found " + format);
        }
        if (steps < 1 || warmup < 0 || warmup > steps || shape == null || measured == null || !(learningRate > 0)
                || !(fillInTheMiddle >= 0 && fillInTheMiddle <= 1)) {
            throw new IllegalArgumentException("a plan needs a shape, measurements, at least one step, a warm-up no longer than the steps,"
                    + " a positive learning rate and a share of fill-in-the-middle between 0 and 1");
        }
    }

    Schedule schedule() {
        return new Cosine(learningRate, learningRate / 20, warmup, steps);
    }

    void write(Path directory) {
        try {
            AtomicFile.writeString(directory.resolve(FILE), JSON.writeValueAsString(this) + "\n");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    static Plan read(Path file) {
        try {
            return JSON.readValue(Files.readAllBytes(file), Plan.class);
        } catch (JsonProcessingException e) {
            String why = e.getCause() instanceof IllegalArgumentException cause ? cause.getMessage() : e.getOriginalMessage();
            throw new IllegalArgumentException(file + " is not a plan of quickstart: " + why, e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the plan " + file, e);
        }
    }
}
