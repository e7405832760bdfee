package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.gguf.GgufMetadata;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Traps 44 to 46 and 48 for tokenizers in GGUF files: {@code gguf/ids.txt} holds what {@code llama-tokenize} gave for the files that
 * {@link GgufVocabularies} makes and the texts of {@code gguf/texts.json}, with control tokens recognised and BOS as the file says, and without
 * either.
 */
class GgufIdsAreLlamaCppsTest {
    /**
     * Where we follow the model's own tokenizer and llama.cpp does not. Its expression for Tekken takes no marks into words. Before it matches an
     * expression it puts one character for all spaces outside ASCII, which the later expressions of DeepSeek's lists then do not find. And its
     * SentencePiece joins pieces of a plain text to control tokens (trap 47).
     */
    private static final Map<String, Set<String>> DIFFERENT = Map.of(
            "tekken", Set.of("text21", "input21"),
            "deepseek-llm", Set.of("text31", "input31"),
            "deepseek-coder", Set.of("text31", "input31"),
            GgufVocabularies.SENTENCE_PIECE, Set.of("text25"),
            GgufVocabularies.SENTENCE_PIECE_BARE, Set.of("text25"));

    @TempDir
    static Path scratch;

    static List<String> names() {
        return GgufVocabularies.names();
    }

    static List<String> texts() throws IOException {
        List<String> texts = new ArrayList<>();
        for (JsonNode text : new ObjectMapper().readTree(resource("texts.json"))) {
            texts.add(text.textValue());
        }
        return texts;
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = GgufIdsAreLlamaCppsTest.class.getResourceAsStream("/gguf/" + name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static Tokenizer load(String name) throws IOException {
        return GgufTokenizer.load(new GgufMetadata(Path.of(name), GgufVocabularies.of(name, texts(), scratch)));
    }

    /** By whether it is a text or a model's input, and the text's index. */
    private static Map<String, int[]> expected(String name) throws IOException {
        Map<String, int[]> ids = new HashMap<>();
        for (String line : resource("ids.txt").lines().toList()) {
            String[] parts = line.split("\\|", -1);
            if (List.of(parts[2].split(",")).contains(name)) {
                ids.put(parts[1] + parts[0], parts[3].isEmpty() ? new int[0] : Arrays.stream(parts[3].split(" ")).mapToInt(Integer::parseInt).toArray());
            }
        }
        return ids;
    }

    @ParameterizedTest
    @MethodSource("names")
    void idById(String name) throws IOException {
        List<String> texts = texts();
        Map<String, int[]> expected = expected(name);
        assertThat(expected).hasSize(2 * texts.size());
        try (Tokenizer tokenizer = load(name)) {
            for (int i = 0; i < texts.size(); i++) {
                check(name, "text" + i, texts.get(i), tokenizer.encode(texts.get(i)), expected);
                int[] input = tokenizer.encodeWithControl(texts.get(i));
                if (tokenizer.addsBos() && !name.equals(GgufVocabularies.WORD_PIECE)) {
                    input = IntStream.concat(IntStream.of(tokenizer.bos().orElseThrow()), IntStream.of(input)).toArray();
                }
                check(name, "input" + i, texts.get(i), input, expected);
            }
        }
    }

    private static void check(String name, String key, String text, int[] ids, Map<String, int[]> expected) {
        if (DIFFERENT.getOrDefault(name, Set.of()).contains(key)) {
            assertThat(ids).as("%s of \"%s\": llama.cpp agrees now", key, text).isNotEqualTo(expected.get(key));
        } else {
            assertThat(ids).as("%s of \"%s\"", key, text).isEqualTo(expected.get(key));
        }
    }

    /** Trap 44: what was encoded comes back, but for what the model's own normalizer composes and WordPiece forgets. */
    @ParameterizedTest
    @MethodSource("names")
    void anyTextRoundTrips(String name) throws IOException {
        if (name.equals(GgufVocabularies.WORD_PIECE)) {
            return;
        }
        List<String> texts = new ArrayList<>(texts());
        texts.addAll(Texts.nasty(500, 61));
        texts.add(Texts.randomBytesAsLatin1(3000, 62));
        boolean composes = name.equals("qwen2");
        try (Tokenizer tokenizer = load(name)) {
            for (String each : texts) {
                String text = each.replace(SentencePieceBpe.SPACE, "");
                text = composes ? Normalizer.normalize(text, Normalizer.Form.NFC) : text;
                int[] ids = tokenizer.encode(text);
                assertThat(tokenizer.decode(ids)).isEqualTo(text);
                StreamingDecoder decoder = tokenizer.decoder();
                StringBuilder streamed = new StringBuilder();
                for (int id : ids) {
                    streamed.append(decoder.next(id));
                }
                assertThat(streamed.append(decoder.flush()).toString()).isEqualTo(text);
            }
        }
    }
}
