package dev.zhulong.data.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.label.LabelledRows;
import dev.zhulong.data.label.PairReader;
import dev.zhulong.data.label.TextPair;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Corpora of pairs are written a pair a line, as the texts are; programs that quote cells name their columns. */
class TabSeparatedTextsWithoutNamesHaveNoQuotesTest {
    private static final List<TextPair> PAIRS = List.of(new TextPair("\"Wait,\" he said.", "\"等等，\"他说。"), new TextPair("\"All of it.\"", "\"all\""),
            new TextPair("\"never closed", "a \" inside"), new TextPair("\"\"", "\"\"\"twice\"\""), new TextPair("a, b; c | d", "\\\"'"));

    @TempDir
    Path directory;

    private LabelledRows<TextPair> read(String name, List<String> lines) throws IOException {
        return PairReader.read(Files.write(directory.resolve(name), lines), PairReader.SOURCE, PairReader.TARGET);
    }

    private static List<String> lines(List<TextPair> pairs) {
        return pairs.stream().map(pair -> pair.source() + "\t" + pair.target()).toList();
    }

    @Test
    void everyCharacterIsTheTexts() throws IOException {
        for (int first = 0; first < PAIRS.size(); first++) {
            // whichever row the delimiter is looked for in
            List<TextPair> turned = new ArrayList<>(PAIRS.subList(first, PAIRS.size()));
            turned.addAll(PAIRS.subList(0, first));
            LabelledRows<TextPair> read = read("pairs.tsv", lines(turned));
            assertThat(read.rows()).isEqualTo(turned);
            assertThat(read.report().refused()).isEmpty();
        }
    }

    @Test
    void aRowIsALineWhateverItsQuotes() throws IOException {
        LabelledRows<TextPair> read = read("pairs.tsv", List.of("a\t\"b", "c\td\te", "f\"\tg"));
        assertThat(read.rows()).containsExactly(new TextPair("a", "\"b"), new TextPair("f\"", "g"));
        assertThat(read.report().refused()).containsOnlyKeys("row with another number of columns");
    }

    @Test
    void namedColumnsAndCommasKeepTheirQuotes() throws IOException {
        var one = List.of(new TextPair("a \"b\"", "c"));
        assertThat(read("named.tsv", List.of("source\ttarget", "\"a \"\"b\"\"\"\t\"c\"")).rows()).isEqualTo(one);
        assertThat(read("quoted.tsv", List.of("\"source\"\t\"target\"", "\"a \"\"b\"\"\"\t\"c\"")).rows()).isEqualTo(one);
        List<String> cells = new ArrayList<>();
        RowReader.read(Files.writeString(directory.resolve("a.csv"), "\"a, b\",c\n"), false, new RowReport(), row -> row.fields().forEach(cell -> cells.add(cell.asText())));
        assertThat(cells).containsExactly("a, b", "c");
    }
}
