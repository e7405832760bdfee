package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VocabularyOfCharactersTest {
    @TempDir
    Path directory;

    @Test
    void shakespeareHasSixtyFive() {
        String text = Texts.read(Texts.shared("assets/data/tinyshakespeare.txt"));
        CharacterVocabulary vocabulary = CharacterVocabulary.of(List.of(text), List.of());
        assertThat(vocabulary.size()).isEqualTo(65);
        TokenizerJson.write(directory, vocabulary, Texts.PLAIN);
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            assertThat(tokenizer.vocabSize()).isEqualTo(65);
            int[] ids = tokenizer.encode(text);
            assertThat(ids).hasSize(text.length());
            assertThat(tokenizer.decode(ids)).isEqualTo(text);
        }
    }

    @Test
    void idsAreInCodePointOrderAndTheLibrarysAreTheSame() {
        List<String> texts = List.of("hello \n world", "中文😀 \u0000 ▁ <0x41> é'\"\\");
        TokenizerJson.write(directory, CharacterVocabulary.of(texts, List.of("<|end|>")),
                new TokenizerJson.Settings(null, "<|end|>", null, false, 64));
        try (var tokenizer = HuggingFaceTokenizer.load(directory); Library library = Library.load(directory)) {
            int[] sorted = String.join("", texts).codePoints().distinct().sorted().toArray();
            for (int id = 0; id < sorted.length; id++) {
                assertThat(tokenizer.id(Character.toString(sorted[id]))).hasValue(id);
            }
            assertThat(tokenizer.eos()).hasValue(sorted.length);
            for (String text : texts) {
                assertThat(tokenizer.encode(text)).isEqualTo(library.encode(text))
                        .isEqualTo(text.codePoints().map(c -> tokenizer.id(Character.toString(c)).orElseThrow()).toArray());
                assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text).isEqualTo(library.decode(library.encode(text)));
            }
            assertThat(tokenizer.encodeWithControl("he<|end|>")).endsWith(sorted.length);
        }
    }

    @Test
    void anUnknownCharacterIsAnErrorNotSilence() {
        TokenizerJson.write(directory, CharacterVocabulary.of(List.of("abc"), List.of("<|end|>")), Texts.PLAIN);
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            assertThatThrownBy(() -> tokenizer.encode("abd"))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("\"d\" (U+0064)")
                    .hasMessageContaining("tokenizer.json");
            assertThatThrownBy(() -> tokenizer.encode("a<|end|>")).hasMessageContaining("U+003C");
            assertThat(tokenizer.encodeWithControl("a<|end|>")).containsExactly(0, 3);
        }
    }
}
