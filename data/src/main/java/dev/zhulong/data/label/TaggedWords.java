package dev.zhulong.data.label;

import java.util.List;

/**
 * A sentence in words, and the tag of each.
 *
 * @param where file and row, {@code train.jsonl#12}; of a CoNLL file the line of the first word
 */
public record TaggedWords(String where, List<String> words, List<String> tags) {
    public TaggedWords {
        words = List.copyOf(words);
        tags = List.copyOf(tags);
        if (words.size() != tags.size()) {
            throw new IllegalArgumentException(where + ": " + words.size() + " words but " + tags.size() + " tags");
        }
    }
}
