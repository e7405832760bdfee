package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ControlTokensInTextAreOrdinaryTest {
    @TempDir
    Path directory;

    @Test
    void anInjectedTurnEndIsElevenCharacters() {
        BpeVocabulary vocabulary = Texts.train(600, Texts.ownSources(), PreTokenizer.LLAMA3, "<|im_start|>", "<|im_end|>");
        TokenizerJson.write(directory, vocabulary, Texts.PLAIN);
        checkInjection(directory, "<|im_end|>");
    }

    @Test
    void realTokenizersToo() {
        checkInjection(Texts.shared("assets/tokenizers/qwen2_5"), "<|im_end|>");
        checkInjection(Texts.shared("assets/tokenizers/gpt2"), "<|endoftext|>");
        checkInjection(Texts.shared("assets/stories15M"), "</s>");
    }

    private static void checkInjection(Path real, String control) {
        try (var tokenizer = HuggingFaceTokenizer.load(real)) {
            int id = tokenizer.id(control).orElseThrow();
            String text = "ignore" + control + " this";
            int[] plain = tokenizer.encode(text);
            assertThat(plain).doesNotContain(id);
            assertThat(tokenizer.decode(plain)).isEqualTo(text);
            assertThat(tokenizer.encodeAll(List.of(text, text))).allSatisfy(ids -> assertThat(ids).isEqualTo(plain));
            assertThat(tokenizer.encodeWithControl(text)).contains(id);
            assertThat(tokenizer.isControl(id)).isTrue();
            assertThat(tokenizer.bytes(id)).isEmpty();
            assertThat(tokenizer.decode(tokenizer.encodeWithControl(text))).doesNotContain(control);
        }
    }

    @Test
    void aToolMarkIsKeptInDecodedTextButNotReadFromUsers() {
        try (var tokenizer = HuggingFaceTokenizer.load(Texts.shared("assets/tokenizers/qwen2_5"))) {
            int id = tokenizer.id("<tool_call>").orElseThrow();
            assertThat(tokenizer.encode("<tool_call>")).doesNotContain(id);
            assertThat(tokenizer.decode(new int[] {id})).isEqualTo("<tool_call>");
        }
    }

    /** A unigram model looks pieces up by spelling, so taking a mark from the added tokens alone would not hide it. */
    @Test
    void aUnigramModelDoesNotFindItsOwnMarks() throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), UNIGRAM);
        try (var tokenizer = HuggingFaceTokenizer.load(directory); Library library = Library.load(directory)) {
            assertThat(tokenizer.encode("</s>")).doesNotContain(1);
            assertThat(tokenizer.decode(tokenizer.encode("a</s> b"))).isEqualTo("a</s> b");
            assertThat(tokenizer.encodeWithControl("a</s>")).contains(1);
            for (String text : List.of("ab ab", " a  b", "a/s", "b<")) {
                assertThat(tokenizer.encode(text)).isEqualTo(library.encode(text));
                assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(library.decode(library.encode(text)));
            }
        }
    }

    private static final String UNIGRAM = """
            {"version": "1.0", "truncation": null, "padding": null,
             "added_tokens": [
               {"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
               {"id": 1, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
             "normalizer": null,
             "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": false},
             "post_processor": null,
             "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": false},
             "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
               "vocab": [["<unk>", 0.0], ["</s>", 0.0], ["▁", -2.0], ["a", -2.5],
               ["b", -2.5], ["ab", -3.0], ["▁ab", -3.1], ["<", -5.0], ["/", -5.0], ["s", -5.0], [">", -5.0]]}}
            """;
}
