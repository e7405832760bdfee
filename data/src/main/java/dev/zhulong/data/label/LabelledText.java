package dev.zhulong.data.label;

import java.util.List;
import java.util.Optional;

/**
 * A text, or a pair of texts, and its class.
 *
 * @param where  file and row, {@code train.csv#12}
 * @param pair   the second text
 * @param labels one; any number where rows may have several
 */
public record LabelledText(String where, String text, Optional<String> pair, List<String> labels) {
    public LabelledText {
        labels = List.copyOf(labels);
    }

    /** What the label is of: rows that are equal in it belong on the same side of a split. */
    public List<String> content() {
        return pair.map(second -> List.of(text, second)).orElseGet(() -> List.of(text));
    }
}
