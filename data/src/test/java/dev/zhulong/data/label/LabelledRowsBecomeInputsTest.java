package dev.zhulong.data.label;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LabelledRowsBecomeInputsTest {
    private static final int CLS = 1;
    private static final int SEP = 2;
    private static final LabelSet LABELS = new LabelSet(List.of("O", "X", "Y"));

    @TempDir
    Path directory;
    private EncoderTokenizer tokenizer;

    @BeforeEach
    void open() throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [%s],
                 "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
                 "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                   "vocab": {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3, "a": 4, "cat": 5, "##s": 6, "sat": 7, "who": 8, "?": 9}}}
                """.formatted(added("[PAD]", "[CLS]", "[SEP]", "[UNK]")));
        tokenizer = EncoderTokenizer.load(directory);
    }

    private static String added(String... names) {
        return IntStream.range(0, names.length).mapToObj(id -> "{\"id\": " + id + ", \"content\": \"" + names[id]
                + "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}").collect(Collectors.joining(", "));
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    @Test
    void textsAndPairsWithTheirClass() {
        List<EncoderRow> rows = EncoderExamples.texts(List.of(new LabelledText("f#1", "A cats", Optional.empty(), List.of("Y")),
                new LabelledText("f#2", "a", Optional.of("cat sat"), List.of("O"))), tokenizer, LABELS, 16);
        assertThat(rows.get(0).ids()).containsExactly(CLS, 4, 5, 6, SEP);
        assertThat(rows.get(0).labels()).containsExactly(2);
        assertThat(rows.get(1).ids()).containsExactly(CLS, 4, SEP, 5, 7, SEP);
        assertThat(rows.get(1).types()).containsExactly(0, 0, 0, 1, 1, 1);
        assertThatThrownBy(() -> EncoderExamples.texts(List.of(new LabelledText("f#9", "a", Optional.empty(), List.of("Z"))), tokenizer, LABELS, 16))
                .hasMessageContaining("f#9: label 'Z' is none of the 3");
        assertThat(EncoderExamples.severalLabels(List.of(new LabelledText("f#1", "a", Optional.empty(), List.of("Y", "O"))), tokenizer, LABELS, 16).getFirst()
                .labels()).containsExactly(1, 0, 1);
    }

    @Test
    void wordsWithTheirTags() {
        var sentence = EncoderExamples.words(List.of(new TaggedWords("f#1", List.of("a", "cats", "sat"), List.of("O", "X", "Y"))), tokenizer, LABELS, 16).getFirst();
        assertThat(sentence.row().ids()).containsExactly(CLS, 4, 5, 6, 7, SEP);
        assertThat(sentence.row().labels()).containsExactly(-100, 0, 1, -100, 2, -100);
    }

    @Test
    void questionsInWindows() {
        var report = new RowReport();
        var questions = List.of(new Question("f#1", "1", "a cat sat a cats sat a", "who?", List.of(new Question.Answer("cats", 12))),
                new Question("f#2", "2", "a", "who?", List.of()), new Question("f#3", "3", "a cat sat", "who ".repeat(9), List.of()));
        List<EncoderExamples.Windows> windows = EncoderExamples.questions(questions, tokenizer, 9, 1, report);
        assertThat(windows).hasSize(2);
        assertThat(windows.getFirst().windows()).hasSize(3);
        // who ? between [CLS] and [SEP], then 4 of the context's 8 tokens
        assertThat(windows.getFirst().rows().get(0).labels()).containsExactly(0, 0);
        assertThat(windows.getFirst().rows().get(0).ids()).containsExactly(CLS, 8, 9, SEP, 4, 5, 7, 4, SEP);
        assertThat(windows.getFirst().rows().get(1).labels()).containsExactly(5, 6);
        assertThat(windows.getLast().rows().getFirst().labels()).containsExactly(0, 0);
        assertThat(report.reason("f#3")).hasValueSatisfying(why -> assertThat(why).contains("question too long: a question of 9 tokens leaves 0 of 9"));
    }
}
