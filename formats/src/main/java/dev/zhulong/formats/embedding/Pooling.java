package dev.zhulong.formats.embedding;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** How the states of a text's tokens become one vector; several are concatenated in this order, unless a file gives another. */
public enum Pooling {
    /** The first token's state. */
    CLS("cls", "pooling_mode_cls_token"),
    /** The largest of each element. */
    MAX("max", "pooling_mode_max_tokens"),
    MEAN("mean", "pooling_mode_mean_tokens"),
    /** The sum divided by the square root of the number of tokens. */
    MEAN_SQRT_LEN("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
    /** The mean, token i weighing i + 1 (SGPT, Muennighoff 2022). */
    WEIGHTED_MEAN("weightedmean", "pooling_mode_weightedmean_tokens"),
    /** The last token's state. */
    LAST("lasttoken", "pooling_mode_lasttoken");

    private final String id;
    private final String flag;

    Pooling(String id, String flag) {
        this.id = id;
        this.flag = flag;
    }

    /** As {@code pooling_mode} names it. */
    public String id() {
        return id;
    }

    /** The field of its own that it had in files before version 6. */
    String flag() {
        return flag;
    }

    static Optional<Pooling> of(String id) {
        return Arrays.stream(values()).filter(pooling -> pooling.id.equals(id)).findFirst();
    }

    static List<String> ids() {
        return Arrays.stream(values()).map(Pooling::id).toList();
    }
}
