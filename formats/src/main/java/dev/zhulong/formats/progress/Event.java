package dev.zhulong.formats.progress;

import dev.zhulong.formats.Sizes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * One piece of news of a job: how far a stage is, what was measured there, or a message.
 *
 * @param stage  what is being done: "clean", "train"; empty where a message belongs to none
 * @param done   units finished
 * @param of     units in all; 0 when unknown
 * @param unit   "bytes", "documents", "tokens", "steps"; empty where nothing is counted
 * @param values measured now, by name; NaN or infinite where not known
 * @param note   a message, of one line or several; else empty
 */
public record Event(String stage, long done, long of, String unit, Map<String, Double> values, String note) {
    /** A training step's loss, in the objective's unit. */
    public static final String LOSS = "loss";
    /** Bits a byte of the text trained on. */
    public static final String BITS_PER_BYTE = "bits_per_byte";
    /** Tokens trained on a second. */
    public static final String TOKENS_PER_SECOND = "tokens_per_second";
    /** Achieved FLOP/s as a share of this machine's measured matrix speed, 0 to 1. */
    public static final String MATRIX_SHARE = "matrix_share";
    /** Expected until the end of the stage. */
    public static final String SECONDS_LEFT = "seconds_left";

    /** How far a stage is. */
    public static Event at(String stage, long done, long of, String unit) {
        return new Event(stage, done, of, unit, Map.of(), "");
    }

    /** Something worth a line that stays. */
    public static Event message(String text) {
        return new Event("", 0, 0, "", Map.of(), text);
    }

    /** Whether there is something to be said besides numbers. */
    public boolean isMessage() {
        return stage.isEmpty() || !note.isEmpty();
    }

    /** Whether it is the last of its stage. */
    boolean isLast() {
        return of > 0 && done >= of;
    }

    /**
     * A line for people. Of steps with their values for example {@code step 1,200/2,000  loss 3.2100  1.230 bits/byte  12.3k tokens/s  45% of matrix
     * speed  3m40s left}, where what is not known is left out, but for the loss; of another stage {@code clean  12 MB of 90 MB  13%}.
     */
    @Override
    public String toString() {
        if (isMessage()) {
            return note;
        }
        List<String> parts = new ArrayList<>();
        if (values.isEmpty()) {
            parts.add(stage);
            if (!unit.isEmpty()) {
                parts.add(of > 0 ? amount(done, unit) + " of " + amount(of, unit) : amount(done, unit));
            }
            if (of > 0) {
                parts.add(Math.min(100, 100 * done / of) + "%");
            }
            return String.join("  ", parts);
        }
        parts.add(unit.equals("steps") ? text("step %,d/%,d", done, of) : stage + " " + amount(done, unit) + " of " + amount(of, unit));
        values.forEach((name, value) -> {
            if (name.equals(LOSS) || Double.isFinite(value)) {
                parts.add(value(name, value));
            }
        });
        return String.join("  ", parts);
    }

    private static String value(String name, double value) {
        return switch (name) {
            case LOSS -> Double.isFinite(value) ? text("loss %.4f", value) : "loss " + value;
            case BITS_PER_BYTE -> text("%.3f bits/byte", value);
            case TOKENS_PER_SECOND -> ProgressLine.count(value) + " tokens/s";
            case MATRIX_SHARE -> text("%.0f%% of matrix speed", 100 * value);
            case SECONDS_LEFT -> ProgressLine.duration(value) + " left";
            default -> text("%s %.4g", name, value);
        };
    }

    /** A number of things; of bytes, as {@link Sizes} says it. */
    static String amount(long count, String unit) {
        return unit.equals("bytes") ? Sizes.of(count) : text("%,d %s", count, unit);
    }

    private static String text(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
