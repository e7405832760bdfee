package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScoresOfFilesAreTheMetricsTest {
    @TempDir
    Path work;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(work.resolve(name), text);
    }

    @Test
    void everyNumberHasItsSignatureAndItsError() throws IOException {
        Path hypothesis = file("h", "the cat sat on the mat\nit rains today\na third line of words\n");
        Path reference = file("r", "the cat sat on a mat\nit is raining today\na third line of words\n");
        Cli text = Cli.run("score", "--metric", "bleu,chrf,ter,rouge", "--hypothesis", hypothesis, "--reference", reference).done();
        assertThat(text.out()).contains("3 segments", "BLEU = ", "±", "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:zhulong-",
                "chrF2 = ", "TER = ", "rougeL = ", "rougeLsum = ", "tok:english|stem:no");
        Cli json = Cli.run("score", "--metric", "bleu,ter", "--hypothesis", hypothesis, "--reference", reference, "--json", "--sentence").done();
        JsonNode object = new ObjectMapper().readTree(json.out());
        // sacrebleu 2.6.0 of these files: BLEU 62.614717, TER 20.0000; sentence BLEU of the last line 100
        assertThat(object.at("/metrics/0/score").asDouble()).isCloseTo(BLEU, within(1e-4));
        assertThat(object.at("/metrics/1/score").asDouble()).isCloseTo(20.0000, within(1e-4));
        assertThat(object.at("/metrics/1/better").asText()).isEqualTo("lower");
        assertThat(object.at("/sentences/2/BLEU").asDouble()).isCloseTo(100, within(1e-9));
        for (JsonNode metric : object.get("metrics")) {
            assertThat(metric.get("signature").asText()).isNotEmpty();
            assertThat(metric.get("standard_error").asDouble()).isPositive();
        }
    }

    private static final double BLEU = 62.614717;

    @Test
    void theTokenizerChangesTheNumberAndTheSignature() throws IOException {
        Path hypothesis = file("h", "今天天气很好。\n");
        Path reference = file("r", "今天的天气很好。\n");
        Cli zh = Cli.run("score", "--metric", "bleu", "--tokenize", "zh", "--hypothesis", hypothesis, "--reference", reference).done();
        Cli plain = Cli.run("score", "--metric", "bleu", "--hypothesis", hypothesis, "--reference", reference).done();
        assertThat(zh.out()).contains("tok:zh").isNotEqualTo(plain.out());
    }

    @Test
    void labelsAndTagsAreScoredLineByLine() throws IOException {
        Cli labels = Cli.run("score", "--metric", "classification", "--hypothesis", file("h", "a\nb\nb\na\n"), "--reference",
                file("r", "a\nb\na\na\n")).done();
        assertThat(labels.out()).contains("accuracy = 0.7500");
        Cli tags = Cli.run("score", "--metric", "ner", "--hypothesis", file("t", "B-PER I-PER O\nB-LOC\n"), "--reference",
                file("g", "B-PER I-PER O\nB-ORG\n")).done();
        assertThat(tags.out()).contains("entity_f1 = 0.5000", "precision 0.5000, recall 0.5000");
    }

    @Test
    void linesEndWhereOtherProgramsEndThem() throws IOException {
        // U+2028 and U+0085 are text; \r\n ends a line as \n does
        Path hypothesis = file("h", "one\u2028two\r\nthree\u0085four\r\n");
        Path reference = file("r", "one\u2028two\nthree\u0085four\n");
        Cli scored = Cli.run("score", "--metric", "exact", "--hypothesis", hypothesis, "--reference", reference).done();
        assertThat(scored.out()).contains("2 segments", "exact_match = 1.0000");
    }

    @Test
    void whatCannotBeComparedIsSaid() throws IOException {
        Path two = file("two", "a\nb\n");
        Path one = file("one", "a\n");
        Cli uneven = Cli.run("score", "--metric", "bleu", "--hypothesis", two, "--reference", one);
        assertThat(uneven.code()).isEqualTo(1);
        assertThat(uneven.err()).contains("two has 2 lines but", "one 1");
        Cli unknown = Cli.run("score", "--metric", "blue", "--hypothesis", two, "--reference", two);
        assertThat(unknown.code()).isEqualTo(2);
        assertThat(unknown.err()).contains("unknown metric 'blue'", "bleu, chrf");
        Cli tokenizer = Cli.run("score", "--metric", "bleu", "--tokenize", "ja", "--hypothesis", two, "--reference", two);
        assertThat(tokenizer.code()).isEqualTo(2);
        Cli tags = Cli.run("score", "--metric", "ner", "--hypothesis", file("t", "O O\n"), "--reference", file("g", "O\n"));
        assertThat(tags.err()).contains("sentence 1 has 2 tags but its reference 1");
        assertThat(Cli.run("score", "--metric", "bleu", "--hypothesis", file("none", ""), "--reference", file("nor", "")).err())
                .contains("nothing to score");
    }

    /** A translation stands beside what costs nothing, scored by the same rules. */
    @Test
    void baselinesOfATranslation() throws IOException {
        Path pairs = file("train.tsv", "the house\tdas haus\nthe book\tdas buch\na book\tein buch\n");
        Path source = file("s", "a house\nthe book\n");
        Path hypothesis = file("h", "ein Haus\ndas buch\n");
        Path reference = file("r", "ein haus\ndas buch\n");
        Path words = file("w", "ein haus\ndas buch\n");
        Cli done = Cli.run("score", "--metric", "chrf,bleu", "--hypothesis", hypothesis, "--reference", reference, "--source", source, "--pairs", pairs, "--json").done();
        JsonNode object = new ObjectMapper().readTree(done.out());
        for (String[] one : new String[][] {{"copy_of_the_source", source.toString()}, {"word_by_word", words.toString()}}) {
            JsonNode alone = new ObjectMapper().readTree(Cli.run("score", "--metric", "chrf,bleu", "--hypothesis", one[1], "--reference", reference, "--json").done().out());
            assertThat(object.path("baselines").path(one[0])).isEqualTo(alone.path("metrics")).hasSize(2);
        }
        assertThat(object.at("/baselines/word_by_word/0/score").asDouble()).isCloseTo(100, within(1e-9));
        assertThat(Cli.run("score", "--metric", "chrf", "--hypothesis", hypothesis, "--reference", reference, "--source", source, "--pairs", pairs).done().out())
                .contains("copy of the source: chrF2 = ", "word by word: chrF2 = 100.00");
        assertThat(Cli.run("score", "--metric", "chrf", "--hypothesis", hypothesis, "--reference", reference, "--pairs", pairs).err()).contains("--pairs goes with --source");
    }
}
