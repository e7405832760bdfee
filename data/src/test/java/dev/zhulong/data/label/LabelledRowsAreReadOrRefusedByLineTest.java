package dev.zhulong.data.label;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.groups.Tuple.tuple;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.tags.TagScheme;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LabelledRowsAreReadOrRefusedByLineTest {
    @TempDir
    Path directory;

    private Path write(String name, String text) throws IOException {
        return Files.writeString(directory.resolve(name), text);
    }

    private static void refused(RowReport report, String where, String reason) {
        assertThat(report.reason(where)).as(report.text()).hasValueSatisfying(text -> assertThat(text).contains(reason).doesNotContain("\n"));
        assertThat(report.used()).isGreaterThanOrEqualTo(0);
    }

    private LabelledRows<LabelledText> texts(String name, String text) throws IOException {
        return TextReader.read(write(name, text), LabelColumns.TEXTS);
    }

    @Test
    void textsOfEveryFormat() throws IOException {
        var expected = List.of(List.of("pos"), List.of("neg"));
        for (var one : List.of(texts("a.csv", "label,text\npos,\"good, very\"\n neg ,bad\n"), texts("a.tsv", "text\tlabel\r\ngood, very\tpos\r\nbad\tneg\r\n"),
                texts("a.jsonl", "{\"text\":\"good, very\",\"label\":\"pos\"}\n\n{\"text\":\"bad\",\"label\":\"neg\"}"),
                texts("a.json", "\uFEFF[{\"text\":\"good, very\",\"label\":\"pos\"},{\"text\":\"bad\",\"label\":\"neg\"}]"))) {
            assertThat(one.rows().stream().map(LabelledText::labels)).containsExactlyElementsOf(expected);
            assertThat(one.rows().getFirst().text()).isEqualTo("good, very");
            assertThat(one.rows().getFirst().pair()).isEmpty();
            assertThat(one.report().refusals()).isZero();
        }
    }

    @Test
    void pairsAndNumbersAndOtherColumns() throws IOException {
        assertThat(texts("a.jsonl", "{\"text\":\"a\",\"text_pair\":\"b\",\"label\":1}\n{\"text\":\"a\",\"label\":0.0}").rows())
                .extracting(LabelledText::pair, LabelledText::labels)
                .containsExactly(tuple(Optional.of("b"), List.of("1")), tuple(Optional.empty(), List.of("0")));
        var columns = new LabelColumns("sentence1", Optional.of("sentence2"), "gold", List.of("no", "yes"), false);
        var rows = TextReader.read(write("b.csv", "sentence1,sentence2,gold\na,b,1\nc,d,no\ne,f,2\n"), columns).rows();
        assertThat(rows).extracting(LabelledText::labels).containsExactly(List.of("yes"), List.of("no"), List.of("2"));
        assertThatThrownBy(() -> new LabelSet(List.of("no", "yes")).ids(rows.get(2).labels(), rows.get(2).where()))
                .hasMessage("b.csv#3: label '2' is none of the 2 that the model is trained for: no, yes");
    }

    @Test
    void severalLabelsWhereTheyAreAskedFor() throws IOException {
        Path file = write("a.jsonl", "{\"text\":\"a\",\"label\":[\"x\",\"y\"]}\n{\"text\":\"b\",\"label\":[]}\n{\"text\":\"c\",\"label\":\"x\"}");
        var multi = TextReader.read(file, new LabelColumns("text", Optional.empty(), "label", List.of(), true));
        assertThat(multi.rows()).extracting(LabelledText::labels).containsExactly(List.of("x", "y"), List.of(), List.of("x"));
        var one = TextReader.read(file, LabelColumns.TEXTS);
        assertThat(one.rows()).hasSize(1);
        refused(one.report(), "a.jsonl#1", "a list of labels: a row has one label, found 2");
    }

    @Test
    void aDamagedRowCostsItselfAlone() throws IOException {
        var rows = texts("a.jsonl", "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"\",\"label\":\"x\"}\n{\"text\":\"a\"}\n{\"text\":[1],\"label\":\"x\"}\n{\"text\":\"a\","
                + "\"label\":\" \"}\n{broken\n{\"text\":\"b\",\"label\":true}");
        assertThat(rows.rows()).extracting(LabelledText::where).containsExactly("a.jsonl#1", "a.jsonl#7");
        assertThat(rows.rows().getLast().labels()).containsExactly("true");
        refused(rows.report(), "a.jsonl#2", "field 'text' is empty");
        refused(rows.report(), "a.jsonl#3", "no field 'label'");
        refused(rows.report(), "a.jsonl#4", "field 'text' is not text: found a list");
        refused(rows.report(), "a.jsonl#5", "field 'label' is empty");
        refused(rows.report(), "a.jsonl#6", "malformed JSON");
        assertThat(rows.report().used()).isEqualTo(2);
        var huge = texts("huge.csv", "text,label\n" + "x".repeat((16 << 20) + 5) + ",a\nb,c\n");
        assertThat(huge.rows()).extracting(LabelledText::text).containsExactly("b");
    }

    @Test
    void aFileThatGivesNothingSaysWhy() throws IOException {
        Path wrong = write("a.csv", "sentence,class\na,b\n");
        assertThatThrownBy(() -> TextReader.read(wrong, LabelColumns.TEXTS)).hasMessage(wrong + ": no column 'text'; found class, sentence. Name the one that is meant");
        for (String empty : List.of("", "text,label\n", "\uFEFF")) {
            Path file = write("b.csv", empty);
            assertThatThrownBy(() -> TextReader.read(file, LabelColumns.TEXTS)).hasMessage(file + " holds no rows");
        }
        Path blank = write("c.jsonl", "{\"text\":\"a\",\"label\":\"\"}");
        assertThatThrownBy(() -> TextReader.read(blank, LabelColumns.TEXTS)).hasMessageContaining("c.jsonl#1: field 'label' is empty");
        Path unknown = write("d.xlsx", "x");
        assertThatThrownBy(() -> TextReader.read(unknown, LabelColumns.TEXTS)).hasMessageContaining("unknown format");
    }

    @Test
    void equalTextsStayOnOneSide() throws IOException {
        var lines = new StringBuilder("text,label\n");
        for (int i = 0; i < 400; i++) {
            lines.append("text ").append(i / 2).append(",").append(i % 2).append('\n');
        }
        var sides = texts("a.csv", lines.toString()).split(LabelledText::content, 0.2, 3);
        assertThat(sides.heldOut().size()).isBetween(40, 120);
        assertThat(sides.train().size() + sides.heldOut().size()).isEqualTo(400);
        assertThat(sides.train().stream().map(LabelledText::text)).doesNotContainAnyElementsOf(sides.heldOut().stream().map(LabelledText::text).toList());
        assertThat(texts("b.csv", lines.toString()).split(LabelledText::content, 0.2, 3).heldOut()).hasSameSizeAs(sides.heldOut());
        assertThat(texts("c.csv", "text,label\na,1\nb,2\n").split(LabelledText::content, 0.01, 1).heldOut()).hasSize(1);
    }

    @Test
    void labelsAreInAnOrderThatRowsDoNotChange() {
        assertThat(LabelSet.sorted(List.of("b", "a", "c", "a")).names()).containsExactly("a", "b", "c");
        assertThat(LabelSet.sorted(List.of("10", "9", "-1", "9")).names()).containsExactly("-1", "9", "10");
        assertThat(LabelSet.sorted(List.of("10", "9", "x")).names()).containsExactly("10", "9", "x");
        assertThat(new LabelSet(List.of("z", "a")).ids(List.of("a", "z"), "")).containsExactly(1, 0);
        assertThat(new LabelSet(List.of("z", "a")).id("b")).isEmpty();
        assertThatThrownBy(() -> new LabelSet(List.of("a", "b", "a"))).hasMessage("label 'a' is given twice");
        assertThatThrownBy(() -> LabelSet.sorted(List.of())).hasMessage("there are no labels");
    }

    private TagReader.Tagged tags(String name, String text, String column) throws IOException {
        return TagReader.read(write(name, text), LabelColumns.TAGS, column);
    }

    @Test
    void conll2003() throws IOException {
        String text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\nGerman JJ B-NP B-MISC\n\nPeter NNP B-NP B-PER\nBlackburn NNP I-NP I-PER\n";
        for (String form : List.of(text, text.replace("\n", "\r\n"), "\uFEFF" + text, text.replace(' ', '\t'), text.stripTrailing())) {
            var tagged = tags("a.conll", form, "");
            assertThat(tagged.rows().rows()).containsExactly(new TaggedWords("a.conll#3", List.of("EU", "rejects", "German"), List.of("B-ORG", "O", "B-MISC")),
                    new TaggedWords("a.conll#7", List.of("Peter", "Blackburn"), List.of("B-PER", "I-PER")));
            assertThat(tagged.scheme()).contains(TagScheme.IOB2);
            assertThat(tagged.rows().report().refusals()).isZero();
        }
        assertThat(tags("a.conll", text, "2").rows().rows().getLast().tags()).containsExactly("NNP", "NNP");
        assertThat(tags("a.conll", text, "2").scheme()).isEmpty();
    }

    @Test
    void namedColumnsAndCommentsAndCompression() throws IOException {
        String text = "# global.columns = FORM LEMMA NER\n# sent_id = 1\n#\tx\tO\nParis\tparis\tB-LOC\n\n";
        var tagged = tags("a.txt", text, "NER");
        assertThat(tagged.rows().rows()).containsExactly(new TaggedWords("a.txt#3", List.of("#", "Paris"), List.of("O", "B-LOC")));
        assertThatThrownBy(() -> tags("a.txt", text, "POS")).hasMessageContaining("a.txt#3: malformed sentence: no column 'POS'; found FORM, LEMMA, NER");
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write("New York\tB-LOC\n".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(TagReader.read(Files.write(directory.resolve("a.conll.gz"), bytes.toByteArray()), LabelColumns.TAGS, "").rows().rows().getFirst().words())
                .containsExactly("New York");
        assertThat(TagReader.read(Files.write(directory.resolve("utf16.conll"), "é B-X\n".getBytes(StandardCharsets.UTF_16)), LabelColumns.TAGS, "").rows().rows()
                .getFirst().words()).containsExactly("é");
    }

    @Test
    void aDamagedLineCostsItsSentence() throws IOException {
        var tagged = tags("a.conll", "a O\nb\nc O\n\nd O\n\n\tO\n\ne\t\n\n" + "x".repeat((16 << 20) + 1) + " O\nf O\n\ng B-X\n", "");
        assertThat(tagged.rows().rows()).extracting(TaggedWords::where).containsExactly("a.conll#5", "a.conll#14");
        RowReport report = tagged.rows().report();
        refused(report, "a.conll#2", "expected a word and a tag in columns 1 and behind it, found 1 column");
        refused(report, "a.conll#7", "no word");
        refused(report, "a.conll#9", "found 1 column");
        refused(report, "a.conll#11", "line longer than 16777216 bytes");
        assertThat(report.used()).isEqualTo(2);
        assertThatThrownBy(() -> tags("b.conll", "a O O\n", "7")).hasMessageContaining("b.conll#1: malformed sentence: expected a word and a tag in columns 1 and 7, found 3");
        Path empty = write("c.conll", "\n\n-DOCSTART- O\n");
        assertThatThrownBy(() -> TagReader.read(empty, LabelColumns.TAGS, "")).hasMessage(empty + " holds no rows");
    }

    @Test
    void listsOfTokensAndTags() throws IOException {
        var tagged = TagReader.read(write("a.jsonl", "{\"tokens\":[\"a\",\"b\"],\"tags\":[0,2]}\n{\"tokens\":[\"a\"],\"tags\":[0,1]}\n{\"tokens\":\"a\",\"tags\":[0]}\n"
                + "{\"tokens\":[],\"tags\":[]}\n{\"tokens\":[\"a\",null],\"tags\":[0,1]}"), LabelColumns.TAGS.withNames(List.of("O", "B-X", "B-Y")), "");
        assertThat(tagged.rows().rows()).containsExactly(new TaggedWords("a.jsonl#1", List.of("a", "b"), List.of("O", "B-Y")));
        refused(tagged.rows().report(), "a.jsonl#2", "1 words, 2 tags");
        refused(tagged.rows().report(), "a.jsonl#3", "field 'tokens' is not a list");
        refused(tagged.rows().report(), "a.jsonl#4", "no words");
        refused(tagged.rows().report(), "a.jsonl#5", "no field 'tokens'");
        Path wrong = write("b.jsonl", "{\"words\":[\"a\"],\"ner_tags\":[1]}");
        assertThatThrownBy(() -> TagReader.read(wrong, LabelColumns.TAGS, "")).hasMessageContaining("no column 'tokens'; found ner_tags, words");
        assertThat(TagReader.read(wrong, LabelColumns.TAGS.withColumns("words", "ner_tags"), "").rows().rows()).hasSize(1);
    }

    @Test
    void aTagThatContinuesNothingIsNotedByItsLine() throws IOException {
        var tagged = tags("a.conll", "a B-PER\nb I-PER\n\nc O\nd I-PER\ne B-LOC\nf I-PER\n", "");
        assertThat(tagged.scheme()).contains(TagScheme.IOB2);
        assertThat(tagged.rows().rows().getLast().tags()).containsExactly("O", "I-PER", "B-LOC", "I-PER");
        var samples = tagged.rows().report().noted().get("a tag that continues no entity (IOB2)").samples();
        assertThat(samples).extracting(RowReport.Sample::where).containsExactly("a.conll#5", "a.conll#7");
        assertThat(samples.getFirst().detail()).isEqualTo("'I-PER' of word 2, 'd', after 'O'");
    }

    @Test
    void iob1ComesOutAsIob2() throws IOException {
        var tagged = tags("a.conll", "a I-PER\nb I-PER\nc B-PER\nd O\ne I-LOC\n", "");
        assertThat(tagged.scheme()).contains(TagScheme.IOB2);
        assertThat(tagged.rows().rows().getFirst().tags()).containsExactly("B-PER", "I-PER", "B-PER", "O", "B-LOC");
        assertThat(tagged.rows().report().noted()).containsKey("tags in IOB1 are written in IOB2");
    }

    private static String article(String qas) {
        return "{\"version\":\"v2.0\",\"data\":[{\"title\":\"t\",\"paragraphs\":[{\"context\":\"A \uD834\uDD1E cat sat on the mat.\",\"qas\":[" + qas + "]}]}]}";
    }

    /** Places count code points, inclusive at both ends; white space is no word. */
    @Test
    void cluener() throws IOException {
        var tagged = TagReader.read(write("train.json", """
                {"text": "浙商银行的叶老桂", "label": {"name": {"叶老桂": [[5, 7]]}, "company": {"浙商银行": [[0, 3]]}}}
                {"text": "😀 Wii U和Wii U", "label": {"game": {"Wii U": [[2, 6], [8, 12]]}}}
                {"text": "无", "label": {}}
                {"text": "浙商银行", "label": {"company": {"浙商银行": [[0, 4]]}}}
                {"text": "浙商银行", "label": {"company": {"浙商银行": [[0, 3]]}, "address": {"浙": [[0, 0]]}}}
                {"text": "浙商", "label": {"company": {"浙商": [[0]]}}}
                {"text": "浙商", "label": {"company": {"浙商": [[-1, 1]]}}}
                """), LabelColumns.TAGS, "");
        assertThat(tagged.scheme()).contains(TagScheme.IOB2);
        assertThat(tagged.rows().rows()).extracting(TaggedWords::tags).containsExactly(
                List.of("B-company", "I-company", "I-company", "I-company", "O", "B-name", "I-name", "I-name"),
                List.of("O", "B-game", "I-game", "I-game", "I-game", "O", "B-game", "I-game", "I-game", "I-game"), List.of("O"));
        assertThat(tagged.rows().rows().get(1).words()).startsWith("😀", "W", "i", "i", "U");
        RowReport report = tagged.rows().report();
        refused(report, "train.json#4", "an entity is not at its place (first and last character, from 0): '浙商银行' (company) at [0,4]");
        refused(report, "train.json#5", "two entities share a character");
        refused(report, "train.json#6", "a place is not a first and a last character");
        refused(report, "train.json#7", "an entity is not at its place");
        Path wrong = write("a.jsonl", "{\"text\": \"a b\", \"label\": {\"x\": {\"b\": [[2, 3]]}}}");
        assertThatThrownBy(() -> TagReader.read(wrong, LabelColumns.TAGS, "")).hasMessageContaining("a.jsonl#1: an entity is not at its place");
    }

    @Test
    void cmrcInBothForms() throws IOException {
        var squad = QuestionReader.read(write("a.json", """
                {"version": "v1.0", "data": [{"paragraphs": [{"id": "DEV_0", "context": "《战国无双3》是由光荣发行的。", "qas": [{"id": "DEV_0_QUERY_0",
                "question": "由谁发行?", "answers": [{"text": "光荣", "answer_start": 9}, {"text": "由光荣", "answer_start": 8}]}]}], "id": "DEV_0", "title": "t"}]}
                """));
        var first = QuestionReader.read(write("b.json", """
                [{"context_id": "DEV_0", "context_text": "《战国无双3》是由光荣发行的。", "qas": [{"query_text": "由谁发行?", "query_id": "DEV_0_QUERY_0", "answers": ["光荣", "由光荣", "光荣"]},
                {"query_text": "q", "query_id": "DEV_0_QUERY_1", "answers": ["没有"]}], "title": "t"}]
                """));
        for (var read : List.of(squad, first)) {
            assertThat(read.rows()).hasSize(1);
            Question question = read.rows().getFirst();
            assertThat(question.id()).isEqualTo("DEV_0_QUERY_0");
            assertThat(question.question()).isEqualTo("由谁发行?");
            assertThat(question.answers()).containsExactly(new Question.Answer("光荣", 9), new Question.Answer("由光荣", 8));
        }
        refused(first.report(), "b.json#1 question DEV_0_QUERY_1", "an answer is not in its context: '没有'");
        assertThat(first.report().read()).isEqualTo(2);
    }

    @Test
    void squad() throws IOException {
        var read = QuestionReader.read(write("a.json", article("{\"id\":\"q1\",\"question\":\"Who?\",\"answers\":[{\"text\":\"cat\",\"answer_start\":4},"
                + "{\"text\":\"A \uD834\uDD1E cat\",\"answer_start\":0}],\"is_impossible\":false},{\"id\":\"q2\",\"question\":\"Why?\",\"answers\":[],\"is_impossible\":true}")));
        assertThat(read.rows()).hasSize(2);
        Question first = read.rows().getFirst();
        assertThat(first.id()).isEqualTo("q1");
        assertThat(first.answers()).containsExactly(new Question.Answer("cat", 5), new Question.Answer("A \uD834\uDD1E cat", 0));
        assertThat(first.context().substring(5, first.answers().getFirst().to())).isEqualTo("cat");
        assertThat(read.rows().getLast().answers()).isEmpty();
        assertThat(read.report().used()).isEqualTo(2);
    }

    @Test
    void questionsAsRows() throws IOException {
        var read = QuestionReader.read(write("a.jsonl", "{\"id\":7,\"context\":\"The cat.\",\"question\":\"Who?\",\"answers\":{\"text\":[\"cat\"],\"answer_start\":[4]}}\n"
                + "{\"context\":\"The cat.\",\"question\":\"Who?\",\"answers\":[{\"text\":\"The\",\"answer_start\":0}]}\n{\"context\":\"The cat.\",\"question\":\"Who?\"}"));
        assertThat(read.rows()).extracting(Question::id).containsExactly("7", "a.jsonl#2", "a.jsonl#3");
        assertThat(read.rows()).extracting(q -> q.answers().size()).containsExactly(1, 1, 0);
    }

    @Test
    void anAnswerThatIsNotAtItsStartIsRefused() throws IOException {
        var read = QuestionReader.read(write("a.json", article("{\"id\":\"ok\",\"question\":\"x\",\"answers\":[]},"
                + "{\"id\":\"q1\",\"question\":\"Who?\",\"answers\":[{\"text\":\"at\",\"answer_start\":4}]},"
                + "{\"id\":\"q2\",\"question\":\"Who?\",\"answers\":[{\"text\":\"dog\",\"answer_start\":-1}]},"
                + "{\"id\":\"q3\",\"question\":\"Who?\",\"answers\":[{\"text\":\"cat\"}]},{\"id\":\"q4\",\"answers\":[]},"
                + "{\"id\":\"q5\",\"question\":\"Who?\",\"answers\":[{\"text\":\"cat\",\"answer_start\":5}]},"
                + "{\"id\":\"q6\",\"question\":\"Who?\",\"answers\":\"cat\"}")));
        assertThat(read.rows()).extracting(Question::id).containsExactly("ok", "q5");
        assertThat(read.rows().getLast().answers().getFirst().from()).isEqualTo(5);
        RowReport report = read.report();
        refused(report, "a.json#1 paragraph 1 question q1", "'at' is not at character 4 of the context; it is at 5, 9, 20");
        refused(report, "a.json#1 paragraph 1 question q2", "'dog' is not at character -1 of the context; it is nowhere in it");
        refused(report, "a.json#1 paragraph 1 question q3", "an answer without its text or its start");
        refused(report, "a.json#1 paragraph 1 question q4", "no field 'question'");
        refused(report, "a.json#1 paragraph 1 question q6", "field 'answers' is not a list");
        assertThat(report.noted()).containsKey("an answer's start counts UTF-16 units, not code points");
        assertThat(report.used()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"data\":[]}", "{\"data\":[{\"title\":\"t\",\"paragraphs\":[]}]}", "{\"data\":[{\"paragraphs\":[{\"qas\":[{}]}]}]}", "[]", "[1]", "", "{",
        "{\"data\":[{\"paragraphs\":[1,{\"qas\":5},{\"context\":\"x\",\"qas\":[1]}]}]}"})
    void noQuestionsAtAllAreAnError(String text) throws IOException {
        Path file = write("a.json", text);
        assertThatThrownBy(() -> QuestionReader.read(file)).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith(file.toString())
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }
}
