package dev.zhulong.recipe.javadoc;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SentencesEndWhereJavadocEndsThemTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "Returns the size. And more.                         | Returns the size.",
        "Returns version 1.8 of it. And more.                | Returns version 1.8 of it.",
        "Returns the size<p>Not this.                        | Returns the size",
        "<p>Returns the size. Not this.                      | Returns the size.",
        "Returns the size.<p>Not this.                       | Returns the size.",
        "Returns {@code a. b} and so on. Not this.           | Returns a. b and so on.",
        "Returns {@code Map<K, V> {1}} here. Not this.       | Returns Map<K, V> {1} here.",
        "See {@link #size()} for it. Not this.               | See size() for it.",
        "See {@link java.util.Map#get(Object, int)} for it.  | See java.util.Map.get(Object, int) for it.",
        "See {@link java.util.Map#get(Object, int) getting}. | See getting.",
        "See {@linkplain Map the {@code Map}. class} for it. | See the Map. class for it.",
        "{@return the size of it} Not this.                  | Returns the size of it.",
        "Not this. {@summary The summary of it.} Nor this.   | Not this.",
        "{@summary The summary of it.} Nor this.             | The summary of it.",
        "Is <b>very</b> <i class=\"x. y\">old</i>. Not this. | Is very old.",
        "Is &lt;b&gt; &amp;&nbsp;c &#65;&#x42;. Not this.    | Is <b> & c AB.",
        "Is a &bogus; and a < b && c. Not this.              | Is a &bogus; and a < b && c.",
        "Is 2<sup>31</sup>-1 at most. Not this.              | Is 2^31-1 at most.",
        "Is <!-- a. b --> here. Not this.                    | Is here.",
    })
    void ofOneLine(String text, String sentence) {
        assertThat(FirstSentence.of("/** " + text + " */")).contains(sentence);
    }

    @Test
    void ofSeveralLines() {
        assertThat(FirstSentence.of("/**\n     * Returns the\n     *    size {@code\n     * @Override} of it.\n     * @return the size. */"))
                .contains("Returns the size @Override of it.");
        assertThat(FirstSentence.of("/**\n  Returns the size\n\n  @return it. */")).contains("Returns the size");
        assertThat(FirstSentence.of("/**\r\n * Returns the size\r\n * of it.\r\n */")).contains("Returns the size of it.");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/** */", "/** Returns. */", "/** @return the size of it. */", "/** {@inheritDoc} */", "/** {@inheritDoc} And more of it. */",
        "/** <p> */", "/** 1 2 */", "/** Counts, e.g. the stars. */", "/** {@code */", "/** {@ */", "/** & */", "/** < */"})
    void someHaveNone(String comment) {
        assertThat(FirstSentence.of(comment)).isEmpty();
    }
}
