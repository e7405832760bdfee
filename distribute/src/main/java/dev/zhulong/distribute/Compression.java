package dev.zhulong.distribute;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How values travel that are summed over ranks: as BF16, as bytes with a scale for each 128, or only the largest of them.
 *
 * @param kind  of them
 * @param share that is sent, of {@link Kind#TOPK}
 * @param ramp  steps until the share is that small: it begins at {@value #FIRST} and falls by the same factor with each step (Lin et al. 2018), as what waits in the first steps of a
 *              training is most of what there is to learn
 */
public record Compression(Kind kind, double share, long ramp) {
    /** In which form. */
    public enum Kind { BF16, INT8, TOPK }

    private static final Pattern TOP = Pattern.compile("topk:([0-9.]{1,20}(?:e-?[0-9])?)(?::([0-9]{1,9}))?");
    private static final double FIRST = 0.25;
    private static final long RAMP = 100;
    /** What all may send to one rank can be more than what each sent. */
    private static final int BACK = 2;

    /**
     * What a recipe says: {@code none}, {@code bf16}, {@code int8}, or {@code topk:0.01} for the largest hundredth, from step 100 on;
     * {@code topk:0.01:0} from the first.
     *
     * @return empty for {@code none}
     * @throws IllegalArgumentException if it is none of these
     */
    public static Optional<Compression> parse(String text) {
        switch (text) {
            case "none": return Optional.empty();
            case "bf16": return Optional.of(new Compression(Kind.BF16, 1, 0));
            case "int8": return Optional.of(new Compression(Kind.INT8, 1, 0));
            default:
        }
        Matcher top = TOP.matcher(text);
        double share = top.matches() ? Double.parseDouble(top.group(1)) : 0;
        if (!(share > 0 && share <= 0.5)) {
            throw new IllegalArgumentException("compress must be none, bf16, int8, topk:SHARE or topk:SHARE:RAMP, such as topk:0.01 or topk:0.01:0, with a share above 0 and of at most 0.5, found '"
                    + text + "'");
        }
        return Optional.of(new Compression(Kind.TOPK, share, top.group(2) == null ? RAMP : Long.parseLong(top.group(2))));
    }

    /** What it is in a step, counted from 1. */
    Compression at(long step) {
        return kind != Kind.TOPK || step > ramp || share >= FIRST ? new Compression(kind, share, 0)
                : new Compression(kind, FIRST * Math.pow(share / FIRST, (Math.max(step, 1) - 1.0) / ramp), 0);
    }

    /** To the rank that sums. */
    Codec out() {
        return codec(1);
    }

    /** Of sums. */
    Codec back() {
        return codec(BACK);
    }

    private Codec codec(int times) {
        return switch (kind) {
            case BF16 -> new Bf16Codec();
            case INT8 -> new Int8Codec();
            case TOPK -> new TopKCodec(Math.min(1, share * times));
        };
    }
}
