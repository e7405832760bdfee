package dev.zhulong.recipe;

import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.ProductSpeed;
import dev.zhulong.model.Products;
import dev.zhulong.train.Precision;
import dev.zhulong.train.Ranks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** What a recipe's {@code train.precision} means for its run. */
final class RunPrecision {
    /** What {@code auto} chose at the first start: a run that is resumed goes on in it, so that it ends in the bits of one that was never stopped. */
    static final String FILE = "precision.json";

    /** By how much products must be faster: below, what the rest of a step costs more in another precision would take it back. */
    private static final double WORTH = 1.1;
    private static final int LEAST_ROWS = 64;
    private static final int MOST_ROWS = 2048;

    private RunPrecision() {}

    /**
     * The precision of a run.
     *
     * @param stack of the model
     * @param ranks of which the first chooses for all
     * @param run   where {@code auto} keeps what it chose
     */
    static Precision of(Train train, Stack stack, Ranks ranks, Path run, Progress progress) {
        switch (train.precision()) {
            case FP32: return Precision.FP32;
            case BF16: return Precision.BF16;
            case FP16: return Precision.FP16;
            default:
        }
        Path file = run.resolve(FILE);
        if (ranks.rank() == 0 && !Files.isRegularFile(file)) {
            choose(train, stack, file, progress);
        }
        ranks.barrier();
        return Precision.valueOf(JsonFields.read(file).string("precision"));
    }

    private static void choose(Train train, Stack stack, Path file, Progress progress) {
        int some = (int) Math.clamp((long) train.batch() * (train.seq() == 0 ? stack.contextLength() : train.seq()), LEAST_ROWS, MOST_ROWS);
        double full = speed(Precision.FP32, stack, some);
        double half = speed(Precision.BF16, stack, some);
        Precision chosen = faster(full, half);
        progress.message(String.format(Locale.ROOT, "precision %s: products of this model's size run at %.0f GFLOP/s in fp32 and %.0f in bf16 here, forward and backward",
                chosen.name().toLowerCase(Locale.ROOT), full, half));
        JsonFile.write(file, Map.of("precision", chosen.name(), "fp32_gflops", full, "bf16_gflops", half));
    }

    /** Of two speeds of products the one that makes the whole step faster. */
    static Precision faster(double fp32, double bf16) {
        return bf16 > fp32 * WORTH ? Precision.BF16 : Precision.FP32;
    }

    private static double speed(Precision precision, Stack stack, int rows) {
        int hidden = stack.hiddenSize();
        return ProductSpeed.gflops(new Products(precision.type(), 1), rows, hidden, 4 * hidden);
    }
}
