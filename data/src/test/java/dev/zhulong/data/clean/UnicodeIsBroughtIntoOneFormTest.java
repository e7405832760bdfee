package dev.zhulong.data.clean;

import static dev.zhulong.data.clean.Cleaning.assertUnchanged;
import static dev.zhulong.data.clean.Cleaning.keep;
import static dev.zhulong.data.clean.Cleaning.prose;
import static dev.zhulong.data.clean.Cleaning.text;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class UnicodeIsBroughtIntoOneFormTest {

    private final NormalizeUnicode step = new NormalizeUnicode();

    @Test
    void plainTextIsLeftAlone() {
        Cleaning.GOOD.forEach(document -> assertUnchanged(step, document));
        assertUnchanged(step, prose(""));
        assertUnchanged(step,
                prose("Grüße, ça va? 日本語 한국어 Привет \uD83D\uDE00"));
    }

    @Test
    void decomposedLettersAreComposed() {
        assertThat(text(step, prose("cafe\u0301"))).isEqualTo("café");
        assertThat(text(step, prose("\u1112\u1161\u11AB"))).isEqualTo("한");
        assertThat(text(step, prose("か\u3099"))).isEqualTo("が");
        assertThat(text(step, prose("5 \u212B"))).isEqualTo("5 Å");
    }

    @Test
    void compatibilityCharactersStay() {
        assertUnchanged(step, prose("\uFF21\uFF0C\u3000\uFB01"));
    }

    @Test
    void lineEndsAreNewlines() {
        assertThat(text(step, prose("a\r\nb\rc\u2028d\u0085e\n"))).isEqualTo("a\nb\nc\nd\ne\n");
    }

    @Test
    void marksControlsAndInvisibleCharactersGo() {
        assertThat(text(step, prose("\uFEFFa\u0000b\u001B\u200Bc\u00ADd\u202Ee\u2066f\u007F\uFFFE"))).isEqualTo("abcdef");
        assertThat(text(step, prose("pass\u200Dword"))).isEqualTo("password");
    }

    @Test
    void joinersStayWhereTheyCarryMeaning() {
        assertUnchanged(step, prose("\uD83D\uDC68\u200D\uD83D\uDC69\u200D\uD83D\uDC67"));
        assertUnchanged(step, prose("\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645"));
        assertUnchanged(step, prose("\u0915\u094D\u200D\u0937"));
    }

    @Test
    void loneSurrogatesBecomeVisible() {
        assertThat(text(step, prose("a\uD800b\uDC00"))).isEqualTo("a\uFFFDb\uFFFD");
    }

    @Test
    void whatARemovalBringsTogetherDoesNotPair() {
        assertThat(text(step, prose("\uD83D\u200B\uDE00"))).isEqualTo("\uFFFD\uFFFD");
    }

    @Test
    void noBreakSpaceIsASpaceAndIdeographicSpaceStays() {
        assertThat(text(step, prose("10\u00A0km\u3000x"))).isEqualTo("10 km\u3000x");
    }

    @Test
    void spacesAtLineEndsGoUnlessTold() {
        assertThat(text(step, prose("a \t\n\n  b  \nc "))).isEqualTo("a\n\n  b\nc");
        assertUnchanged(new NormalizeUnicode(false), prose("a \t\n\n  b  \nc "));
    }

    @Test
    void stacksOfCombiningMarksAreCut() {
        String zalgo = "q" + "\u0316".repeat(5000);
        assertThat(text(step, prose(zalgo))).isEqualTo("q" + "\u0316".repeat(30));
    }

    @Test
    void noteSaysWhatWasDone() {
        assertThat(keep(step, prose("\u200Ba\r\nb \u0000\u0001")).note())
                .isEqualTo("1 line end, 2 control characters, 1 invisible character, 1 trailing white space");
    }
}
