package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
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

    /** A crash of native code, as the JVM of the other process sees it. */
    @Test
    void aProcessThatCrashesLeavesNoReportAndTheNextTextIsEncoded() throws Exception {
        Assumptions.assumeFalse(System.getProperty("os.name").startsWith("Windows"), "sends a signal");
        List<ProcessHandle> before = ProcessHandle.current().children().toList();
        try (var tokenizer = load("null", split(BACKTRACKS), bpe("", "a b"))) {
            ProcessHandle process = ProcessHandle.current().children().filter(child -> !before.contains(child)).findFirst().orElseThrow();
            assertThat(new ProcessBuilder("kill", "-SEGV", Long.toString(process.pid())).start().waitFor()).isZero();
            process.onExit().get(1, TimeUnit.MINUTES);
            assertThat(Path.of("hs_err_pid" + process.pid() + ".log")).doesNotExist();
            assertThat(tokenizer.encode("bab")).containsExactly(2, 3);
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

    /** A compiled normalizer that makes an "A" an "a"; {@code unit} is that of the letter, {@code value} where its text lies. */
    private static String charsmap(int unit, int value) {
        var map = ByteBuffer.allocate(4 + 4 * 512 + 2).order(ByteOrder.LITTLE_ENDIAN).putInt(4 * 512);
        map.putInt(4, 256 << 10).putInt(4 + 4 * (256 ^ 'A'), unit).putInt(4 + 4 * 256, value).put(4 + 4 * 512, (byte) 'a');
        return "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"" + Base64.getEncoder().encodeToString(map.array()) + "\"}";
    }

    @Test
    void aCompiledNormalizerThatPointsOutsideItsTablesEndsNothing() throws IOException {
        int sound = 'A' << 10 | 1 << 8 | 'A';
        try (var tokenizer = load(charsmap(sound, 0), "null", bpe("", "a b"))) {
            assertThat(tokenizer.encode("Ab")).containsExactly(3);
        }
        for (int[] broken : new int[][] {{sound, 3}, {sound, 1 << 20}, {0x1F_0000 << 10 | 1 << 8 | 'A', 0}}) {
            try (var tokenizer = load(charsmap(broken[0], broken[1]), "null", bpe("", "a b"))) {
                assertThatThrownBy(() -> tokenizer.encode("Ab")).isInstanceOf(EncodingException.class).hasMessageNotContaining("\n");
                assertThat(tokenizer.encode("ab")).containsExactly(3);
            }
        }
    }

    @Test
    void onlyWhatIsKnownToEndWellRunsInThisProcess() throws IOException {
        var mapper = new ObjectMapper();
        for (String[] each : new String[][] {{"null", "null", "true"}, {charsmap('A' << 10 | 1 << 8 | 'A', 0), "null", "true"}, {charsmap('A' << 10 | 1 << 8 | 'A', 3), "null", "false"},
                {"{\"type\": \"NFC\"}", split("\\\\s+"), "true"}, {"null", split("(\\\\s+)+$"), "false"}, {"{\"type\": \"New\"}", "null", "false"},
                {"null", "{\"type\": \"FixedLength\", \"length\": 0}", "false"}, {"null", "{\"type\": \"Sequence\", \"pretokenizers\": [" + split(BACKTRACKS) + "]}", "false"}}) {
            assertThat(LibrarySafety.holds(mapper.readTree("{\"normalizer\": %s, \"pre_tokenizer\": %s, \"model\": {\"type\": \"BPE\"}}".formatted(each[0], each[1]))))
                    .as(each[0] + each[1]).isEqualTo(Boolean.parseBoolean(each[2]));
        }
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
