package dev.zhulong.data.label;

import java.util.List;
import java.util.Optional;

/**
 * Where rows have what.
 *
 * @param text  column of the text; of words, where words are tagged
 * @param pair  column of a second text; where none is given, {@code text_pair} if a row has it
 * @param label column of the label; of tags, where words are tagged
 * @param names of the labels, where rows have their numbers (from 0); empty if they have the names
 * @param multi whether a row may have any number of labels, as a list
 */
public record LabelColumns(String text, Optional<String> pair, String label, List<String> names, boolean multi) {
    /** {@code text}, {@code text_pair} and {@code label}; one label a row. */
    public static final LabelColumns TEXTS = new LabelColumns("text", Optional.empty(), "label", List.of(), false);

    /** {@code tokens} and {@code tags}. */
    public static final LabelColumns TAGS = new LabelColumns("tokens", Optional.empty(), "tags", List.of(), false);

    public LabelColumns {
        names = List.copyOf(names);
    }

    public LabelColumns withNames(List<String> labels) {
        return new LabelColumns(text, pair, label, labels, multi);
    }

    public LabelColumns withColumns(String textColumn, String labelColumn) {
        return new LabelColumns(textColumn, pair, labelColumn, names, multi);
    }

    /** The label that a row's value says: its name, or the name of that number. */
    String name(String value) {
        if (names.isEmpty() || names.contains(value) || !value.matches("\\d{1,9}") || Integer.parseInt(value) >= names.size()) {
            return value;
        }
        return names.get(Integer.parseInt(value));
    }
}
