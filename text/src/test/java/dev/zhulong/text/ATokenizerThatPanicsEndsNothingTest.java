package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A panic of the tokenizers library aborts the process it happens in: these tests end with the JVM's own tests, or the JVM does. */
class ATokenizerThatPanicsEndsNothingTest {
    private static final String BACKTRACKS = "(a|aa)+$";
    private static final String HOSTILE = "a".repeat(60) + "b";

    @TempDir
    Path directory;

    private HuggingFaceTokenizer load(String normalizer, String preTokenizer, String model) throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [
                   {"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
                 "normalizer": %s, "pre_tokenizer": %s, "post_processor": null,
                 "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}, "model": %s}
                """.formatted(normalizer, preTokenizer, model));
        return HuggingFaceTokenizer.load(directory);
    }

    private static String bpe(String more, String... merges) {
        return "{\"type\": \"BPE\", \"unk_token\": null, \"byte_fallback\": false, " + more + "\"vocab\": {\"<s>\": 0, \"a\": 1, \"b\": 2, \"ab\": 3},"
                + " \"merges\": [" + String.join(", ", Arrays.stream(merges).map(merge -> "\"" + merge + "\"").toList()) + "]}";
    }

    private static String split(String regex) {
        return "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"" + regex + "\"}, \"behavior\": \"Isolated\", \"invert\": false}";
    }

    static Stream<Arguments> runsAway() {
        String replace = "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"" + BACKTRACKS + "\"}, \"content\": \"b\"}";
        return Stream.of(Arguments.of("null", split(BACKTRACKS)),
                Arguments.of("null", "{\"type\": \"Sequence\", \"pretokenizers\": [" + split(BACKTRACKS) + "]}"), Arguments.of(replace, "null"),
                Arguments.of("{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, " + replace + "]}", "null"));
    }

    @ParameterizedTest
    @MethodSource("runsAway")
    void aTextOnWhichAnExpressionRunsAwayIsRefusedAndTheNextOneIsEncoded(String normalizer, String preTokenizer) throws IOException {
        try (var tokenizer = load(normalizer, preTokenizer, bpe("", "a b"))) {
            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(() -> tokenizer.encode(HOSTILE)).isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("tokenizer.json").hasMessageContaining("retry-limit").hasMessageNotContaining("\n");
                assertThatThrownBy(() -> tokenizer.encodeWithControl(HOSTILE)).isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> tokenizer.encode("<s>" + HOSTILE, List.of(new Tokenizer.Mark(0, 3, 0))))
                        .isInstanceOf(IllegalArgumentException.class);
                assertThat(tokenizer.encode("bab")).containsExactly(2, 3);
                assertThat(tokenizer.encodeWithControl("<s>bab")).containsExactly(0, 2, 3);
            }
            List<int[]> many = tokenizer.encodeAll(Collections.nCopies(50, "bab"));
            assertThat(many).hasSize(50).allSatisfy(ids -> assertThat(ids).containsExactly(2, 3));
        }
    }

    static Stream<Arguments> panicsAtOnce() {
        return Stream.of(Arguments.of("null", "null", bpe("\"continuing_subword_prefix\": \"####\", ", "a b")),
                Arguments.of("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAAAP////8=\"}", "null", bpe("", "a b")));
    }

    @ParameterizedTest
    @MethodSource("panicsAtOnce")
    void aFileThatTheLibraryEndsOverIsRefused(String normalizer, String preTokenizer, String model) {
        assertThatThrownBy(() -> {
            try (var tokenizer = load(normalizer, preTokenizer, model)) {
                tokenizer.encode("ab");
            }
        }).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("tokenizer.json").hasMessageNotContaining("\n");
    }

    /** Even an expression that takes few steps a character takes too many for ten million characters. */
    @Test
    void aVeryLongTextIsRefusedOrEncoded() throws IOException {
        String expression = GgufPreTokenizer.named("qwen2").orElseThrow().json().findValuesAsText("Regex").getFirst().replace("\\", "\\\\");
        try (var tokenizer = load("null", split(expression), bpe("", "a b"))) {
            String spaces = " ".repeat(11_000_000);
            assertThatThrownBy(() -> tokenizer.encodeWithControl(spaces + "a")).isInstanceOf(IllegalArgumentException.class);
            assertThat(tokenizer.encodeWithControl("ab")).containsExactly(3);
        }
    }

    @Test
    void aTokenThatAModelLacksForTheUnknownIsAnErrorOfTheText() throws IOException {
        String model = "{\"type\": \"WordLevel\", \"unk_token\": \"[UNK]\", \"vocab\": {\"<s>\": 0, \"a\": 1}}";
        try (var tokenizer = load("null", "{\"type\": \"Whitespace\"}", model)) {
            assertThat(tokenizer.encode("a a")).containsExactly(1, 1);
            assertThatThrownBy(() -> tokenizer.encode("a b")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("tokenizer.json")
                    .hasMessageNotContaining("\n");
        }
    }
}
