package dev.zhulong.compress.ladder;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class TextsToJudgeByAreReadByNothingElseTest {
    private static List<String> documents(int count) {
        return IntStream.range(0, count).mapToObj(i -> "Document number " + i + " tells of harbour " + i * i + ". ".repeat(40)).toList();
    }

    @Test
    void noPieceIsOnBothSides() {
        SplitTexts texts = SplitTexts.of(documents(100));
        assertThat(new HashSet<>(texts.work())).doesNotContainAnyElementsOf(texts.floor()).hasSameSizeAs(texts.work());
        assertThat(texts.work().size() + texts.floor().size()).isEqualTo(100);
        assertThat(texts.floor().size()).isBetween(SplitTexts.FEWEST, 40);
    }

    @Test
    void textsGivenTwiceDoNotMeetThemselves() {
        List<String> twice = new ArrayList<>(documents(60));
        twice.addAll(documents(60));
        assertThat(SplitTexts.of(twice)).isEqualTo(SplitTexts.of(documents(60)));
    }

    @Test
    void theirOrderDoesNotMatter() {
        List<String> shuffled = new ArrayList<>(documents(80));
        Collections.shuffle(shuffled, new Random(3));
        assertThat(SplitTexts.of(shuffled)).isEqualTo(SplitTexts.of(documents(80)));
    }

    @Test
    void fewTextsStillLeaveEnoughToJudgeBy() {
        SplitTexts texts = SplitTexts.of(documents(2 * SplitTexts.FEWEST));
        assertThat(texts.floor()).hasSize(SplitTexts.FEWEST);
        assertThat(texts.work()).hasSize(SplitTexts.FEWEST);
    }

    @Test
    void tooFewAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> SplitTexts.of(documents(2 * SplitTexts.FEWEST - 1))).withMessageContaining("31 different pieces").withMessageContaining("--text");
    }

    @Test
    void judgingStaysCheapHoweverMuchThereIs() {
        SplitTexts texts = SplitTexts.of(documents(5_000));
        assertThat(texts.floor().stream().mapToInt(String::length).sum()).isLessThan(40_000);
        assertThat(texts.floor().size()).isGreaterThan(2 * SplitTexts.FEWEST);
    }

    @Test
    void longTextsAreCutAtParagraphsAndNothingIsLost() {
        String paragraph = "One sentence follows another in this paragraph, and none of them matters. ".repeat(6) + "\n\n";
        String one = IntStream.range(0, 200).mapToObj(i -> i + " " + paragraph).reduce("", String::concat);
        SplitTexts texts = SplitTexts.of(List.of(one));
        List<String> all = new ArrayList<>(texts.work());
        all.addAll(texts.floor());
        assertThat(all).allSatisfy(piece -> assertThat(piece).matches("(?s)\\d+ One.*matters\\.")).hasSizeGreaterThan(90);
        assertThat(all.stream().mapToInt(piece -> piece.replaceAll("\\s", "").length()).sum()).isEqualTo(one.replaceAll("\\s", "").length());
    }

    @Test
    void aLineWithoutEndIsCutBetweenCharacters() {
        String line = "\uD83D\uDC09".repeat(40_000);
        var varied = new StringBuilder();
        IntStream.range(0, 40_000).forEach(i -> varied.append(i % 7 == 0 ? i + "" : line.substring(2 * i, 2 * i + 2)));
        SplitTexts texts = SplitTexts.of(List.of(varied.toString()));
        assertThat(texts.work()).allSatisfy(piece -> assertThat(Character.isLowSurrogate(piece.charAt(0)) || Character.isHighSurrogate(piece.charAt(piece.length() - 1))).isFalse());
    }
}
