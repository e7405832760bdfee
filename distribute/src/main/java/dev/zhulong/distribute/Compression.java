package dev.zhulong.distribute;

import java.util.Optional;

/**
 * How values travel that are summed over ranks: as BF16, as bytes with a scale for each 128, or only the largest of them.
 *
 * @param kind  of them
 * @param share that is sent, of {@link Kind#TOPK}
 */
public record Compression(Kind kind, double share) {
    /** In which form. */
    public enum Kind { BF16, INT8, TOPK }

    private static final String TOP = "topk:";
    /** What all may send to one rank can be more than what each sent. */
    private static final int BACK = 2;

    /**
     * What a recipe says: {@code none}, {@code bf16}, {@code int8}, or {@code topk:0.01} for the largest hundredth.
     *
     * @return empty for {@code none}
     * @throws IllegalArgumentException if it is none of these
     */
    public static Optional<Compression> parse(String text) {
        switch (text) {
            case "none": return Optional.empty();
            case "bf16": return Optional.of(new Compression(Kind.BF16, 1));
            case "int8": return Optional.of(new Compression(Kind.INT8, 1));
            default:
        }
        double share = 0;
        if (text.startsWith(TOP)) {
            try {
                share = Double.parseDouble(text.substring(TOP.length()));
            } catch (NumberFormatException e) {
                // said below
            }
        }
        if (!(share > 0 && share <= 0.5)) {
            throw new IllegalArgumentException("compress must be none, bf16, int8 or topk:SHARE with a share above 0 and of at most 0.5, such as topk:0.01, found '" + text + "'");
        }
        return Optional.of(new Compression(Kind.TOPK, share));
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
            case TOPK -> new TopKCodec(share * times);
        };
    }
}
