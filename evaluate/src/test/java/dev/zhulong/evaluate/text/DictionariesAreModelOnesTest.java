package dev.zhulong.evaluate.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class DictionariesAreModelOnesTest {
    /** Each word occurs with several others, so that counting alone would not tell: expectation and maximization do. */
    @Test
    void wordsFindTheirCounterparts() {
        var dictionary = WordByWord.learn(List.of("the house", "the book", "a book", "the red house", "a red book"),
                List.of("das haus", "das buch", "ein buch", "das rote haus", "ein rotes buch".replace("rotes", "rote")));
        assertThat(dictionary.translate("The red book.")).isEqualTo("das rote buch.");
        assertThat(dictionary.translate("a house, a Zeppelin")).isEqualTo("ein haus, ein zeppelin");
        assertThatThrownBy(() -> WordByWord.learn(List.of("a"), List.of())).hasMessageContaining("1 and 0");
    }

    /** Two characters that always stand together are one unit. */
    @Test
    void writingWithoutSpaces() {
        List<String> english = List.of("I am a student.", "You are a student.", "I am a doctor.", "You are a doctor.", "Students read books.", "doctors read books.");
        List<String> chinese = List.of("我是学生。", "你是学生。", "我是医生。", "你是医生。", "学生读书。", "医生读书。");
        List<String> sources = IntStream.range(0, 6 * 6).mapToObj(i -> english.get(i % 6)).toList();
        List<String> targets = IntStream.range(0, 6 * 6).mapToObj(i -> chinese.get(i % 6)).toList();
        assertThat(new TranslationUnits(targets).of("学生读书。")).containsExactly("学生", "读书", "。");
        assertThat(WordByWord.learn(sources, targets).translate("student")).isEqualTo("学生");
        assertThat(WordByWord.learn(targets, sources).translate("我是学生")).isIn("i student", "am student");
    }

    /** Better than a copy, by far, and the same however often it is learnt. */
    @Test
    void onSentencesOfTatoeba() throws IOException {
        Path file = Path.of(System.getProperty("zhulong.root")).resolve("../shared/assets/data/tatoeba.en-zh.tsv");
        Assumptions.assumeTrue(Files.exists(file), () -> "skipped: the shared files are not there: " + file);
        List<String[]> rows = Files.readAllLines(file).stream().map(line -> line.split("\t")).toList();
        List<String[]> held = IntStream.range(0, rows.size()).filter(i -> i % 20 == 0).mapToObj(rows::get).toList();
        List<String[]> train = IntStream.range(0, rows.size()).filter(i -> i % 20 != 0).mapToObj(rows::get).toList();
        var dictionary = WordByWord.learn(train.stream().map(row -> row[0]).toList(), train.stream().map(row -> row[1]).toList());
        double words = chrf(held.stream().map(row -> Segment.of(dictionary.translate(row[0]), row[1])).toList());
        double copy = chrf(held.stream().map(row -> Segment.of(row[0], row[1])).toList());
        assertThat(words).isGreaterThan(copy + 5);
    }

    private static double chrf(List<Segment> segments) {
        return Chrf.DEFAULT.evaluate(segments, Bootstrap.NONE).estimate().value();
    }
}
