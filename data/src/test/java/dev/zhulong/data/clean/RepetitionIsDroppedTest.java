package dev.zhulong.data.clean;

import static dev.zhulong.data.clean.Cleaning.ENGLISH;
import static dev.zhulong.data.clean.Cleaning.JAVA;
import static dev.zhulong.data.clean.Cleaning.SIMPLIFIED;
import static dev.zhulong.data.clean.Cleaning.assertUnchanged;
import static dev.zhulong.data.clean.Cleaning.java;
import static dev.zhulong.data.clean.Cleaning.prose;
import static dev.zhulong.data.clean.Cleaning.reason;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class RepetitionIsDroppedTest {

    private final Repetition step = new Repetition();

    @Test
    void goodTextStays() {
        Cleaning.GOOD.forEach(document -> assertUnchanged(step, document));
        assertUnchanged(step, prose(""));
        assertUnchanged(step, prose("word"));
    }

    @Test
    void duplicateLines() {
        assertThat(reason(step, prose("One.\nTwo.\nOne.\nOne.\nThree.\n"))).isEqualTo("share of duplicate lines above 0.3");
        assertThat(reason(step, prose("a\nb\nc\nd\nThe same long line about the ferry.\nThe same long line about the ferry.\n")))
                .isEqualTo("share of characters in duplicate lines above 0.2");
    }

    @Test
    void duplicateParagraphs() {
        String paragraphs = "One\nx1.\n\nTwo\nx2.\n\nOne\nx1.\n\nOne\nx1.\n\nThree\nx3.";
        var onlyParagraphs = new RepetitionThresholds(1, 1, 0.3, 0.2, 1, List.of(), List.of());
        var strict = new Repetition(onlyParagraphs, onlyParagraphs, onlyParagraphs, d -> Profile.PROSE);
        assertThat(reason(strict, prose(paragraphs))).isEqualTo("share of duplicate paragraphs above 0.3");
        assertUnchanged(strict, prose(ENGLISH));
    }

    @Test
    void frequentAndDuplicateNgrams() {
        assertThat(reason(step, prose("the lamp shone, the lamp broke, the lamp fell, the lamp again and the lamp")))
                .isEqualTo("share of the most frequent 2-gram above 0.2");
        assertThat(reason(step, prose(ENGLISH + ENGLISH.replace("\n", " ").substring(0, 300))))
                .isEqualTo("share of duplicate 5-grams above 0.15");
        assertThat(reason(step, prose(SIMPLIFIED + SIMPLIFIED.replace("\n", "").substring(5))))
                .isEqualTo("share of duplicate 5-grams above 0.3");
    }

    /** An oracle with strings instead of hashes, on a text small enough to follow. */
    @Test
    void duplicateShareCountsCharactersOnce() {
        // Words of one character: "a b c d e" again at the end, five of twelve words.
        String text = "a b c d e x y a b c d e";
        var at5of12 = new RepetitionThresholds(1, 1, 1, 1, 1, List.of(), List.of(5 / 12.0));
        var below = new RepetitionThresholds(1, 1, 1, 1, 1, List.of(), List.of(4.99 / 12));
        assertUnchanged(new Repetition(at5of12, at5of12, at5of12, d -> Profile.PROSE), prose(text));
        assertThat(reason(new Repetition(below, below, below, d -> Profile.PROSE), prose(text))).startsWith("share of duplicate 5-grams");
    }

    @Test
    void codeMayRepeatShortLinesAndIdioms() {
        assertUnchanged(step, java(JAVA + "    }\n".repeat(50)));
        assertThat(reason(step, java("    lamps.add(new Lamp(quay, true));\n".repeat(20))))
                .isEqualTo("share of duplicate lines above 0.75");
    }
}
