package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.text.chat.ChatTemplate;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BrokenGgufTokenizersAreNamedTest {
    @TempDir
    Path directory;
    private Map<String, GgufValue> byteLevel;
    private Map<String, GgufValue> sentencePiece;

    @BeforeEach
    void make() {
        TokenizerJson.write(directory, Texts.train(300, Texts.ownSources().subList(0, 3), PreTokenizer.LLAMA3, "<s>", "<|im_end|>"),
                new TokenizerJson.Settings("<s>", "<|im_end|>", null, true, 512));
        byteLevel = GgufVocabulary.of(directory, 310);
        sentencePiece = sentencePiece(List.of("▁", "a", "b", "▁a", "ab"), List.of("<user>", "  "));
    }

    /** Control tokens, bytes, the pieces, and the added text tokens, in this order. */
    private static Map<String, GgufValue> sentencePiece(List<String> pieces, List<String> added) {
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
        List<Integer> types = new ArrayList<>(List.of(2, 3, 3));
        for (int b = 0; b < 256; b++) {
            tokens.add("<0x%02X>".formatted(b));
            types.add(6);
        }
        pieces.forEach(piece -> {
            tokens.add(piece);
            types.add(1);
        });
        added.forEach(token -> {
            tokens.add(token);
            types.add(4);
        });
        float[] scores = new float[tokens.size()];
        for (int id = 0; id < scores.length; id++) {
            scores[id] = -id;
        }
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put(GgufTokenizer.MODEL, GgufValue.of("llama"));
        metadata.put(GgufTokenizer.TOKENS, GgufValue.of(tokens));
        metadata.put(GgufTokenizer.SCORES, GgufValue.of(scores));
        metadata.put(GgufTokenizer.TYPES, GgufValue.of(types.stream().mapToInt(i -> i).toArray()));
        return metadata;
    }

    private static Tokenizer load(Map<String, GgufValue> metadata) {
        return GgufTokenizer.load(new GgufMetadata(Path.of("m.gguf"), metadata));
    }

    private static Map<String, GgufValue> with(Map<String, GgufValue> metadata, String key, GgufValue value) {
        Map<String, GgufValue> changed = new LinkedHashMap<>(metadata);
        changed.put(key, value);
        changed.values().removeIf(each -> each == null);
        return changed;
    }

    private static void refused(Map<String, GgufValue> metadata, String words) {
        assertThatThrownBy(() -> load(metadata).close()).isInstanceOf(FormatException.class).hasMessageStartingWith("m.gguf: ")
                .hasMessageContaining(words).message().doesNotContain("\n");
    }

    @Test
    void wrongKeysAreNamed() {
        refused(with(byteLevel, GgufTokenizer.MODEL, null), "tokenizer.ggml.model: expected llama, t5, gpt2 or bert, found no such key");
        refused(with(byteLevel, GgufTokenizer.MODEL, GgufValue.of("rwkv")), "expected llama, t5, gpt2 or bert, found \"rwkv\"");
        refused(with(byteLevel, GgufTokenizer.PRE, null), "tokenizer.ggml.pre: expected how text is cut before merging");
        refused(with(byteLevel, GgufTokenizer.PRE, GgufValue.of("viking")), "llama-bpe, llama3");
        refused(with(byteLevel, GgufTokenizer.TOKENS, GgufValue.of(List.of())), "tokenizer.ggml.token_type");
        refused(with(with(byteLevel, GgufTokenizer.TYPES, null), GgufTokenizer.TOKENS, GgufValue.of(List.of())), "expected tokens");
        refused(with(byteLevel, GgufTokenizer.TYPES, GgufValue.of(sevens(310))), "types from 0 to 6, not 7");
        refused(with(byteLevel, GgufTokenizer.MERGES, null), "tokenizer.ggml.merges: expected an array of strings");
        for (String merge : List.of("ab", "a b c", "a 文", " a", "", "zz zz", "a ")) {
            refused(with(byteLevel, GgufTokenizer.MERGES, GgufValue.of(List.of(merge))), "two tokens that make a third, not \"" + merge);
        }
        refused(with(byteLevel, GgufTokenizer.BOS, GgufValue.of(310)), "tokenizer.ggml.bos_token_id: expected a whole number from 0 to 309");
        refused(with(byteLevel, GgufTokenizer.ADD_BOS, GgufValue.of(1)), "tokenizer.ggml.add_bos_token: expected a boolean, found 1");
        refused(with(sentencePiece, GgufTokenizer.SCORES, GgufValue.of(new float[3])), "an array of 266 FLOAT32");
        float[] scores = new float[266];
        scores[260] = Float.NaN;
        refused(with(sentencePiece, GgufTokenizer.SCORES, GgufValue.of(scores)), "token 260 has none");
        refused(sentencePiece(List.of("a", "a"), List.of()), "a spelling of its own for each token, which 260 has not");
        refused(sentencePiece(List.of("a", ""), List.of()), "which 260 has not");
        refused(sentencePiece(List.of("x".repeat(100_000)), List.of()), "pieces of the length of words");
    }

    private static int[] sevens(int n) {
        int[] sevens = new int[n];
        Arrays.fill(sevens, 7);
        return sevens;
    }

    @Test
    void keysOfAnyTypeGiveATokenizerOrOneError() {
        Random random = new Random(41);
        List<GgufValue> values = List.of(GgufValue.of(""), GgufValue.of("llama"), GgufValue.of("bert"), GgufValue.of("gpt2"),
                GgufValue.of("default"), GgufValue.of(0), GgufValue.of(5), GgufValue.of(Integer.MAX_VALUE), GgufValue.of(-1f),
                GgufValue.of(true), GgufValue.of(List.of("a", "b")), GgufValue.of(List.of()), GgufValue.of(new int[310]),
                GgufValue.of(new int[266]), GgufValue.of(new float[266]), GgufValue.of(new float[310]));
        for (int i = 0; i < 3000; i++) {
            Map<String, GgufValue> metadata = new LinkedHashMap<>(random.nextBoolean() ? byteLevel : sentencePiece);
            List<String> keys = List.copyOf(metadata.keySet());
            for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
                metadata.put(keys.get(random.nextInt(keys.size())), values.get(random.nextInt(values.size())));
            }
            try (var tokenizer = load(metadata)) {
                int[] ids = tokenizer.encode("ab <s> a文\uD83D");
                assertThat(tokenizer.decode(ids)).isNotNull();
            } catch (FormatException e) {
                assertThat(e.getMessage()).startsWith("m.gguf: ").doesNotContain("\n");
            }
        }
    }

    /** Traps 47 and 49: no text gives a control token or padding of the vocabulary, and neither gives text. */
    @Test
    void controlTokensAndPaddingAreNoText() {
        try (var tokenizer = load(byteLevel)) {
            int end = tokenizer.id("<|im_end|>").orElseThrow();
            assertThat(tokenizer.encode("a<|im_end|>b")).doesNotContain(end).hasSizeGreaterThan(6);
            assertThat(tokenizer.encodeWithControl("a<|im_end|>b")).contains(end);
            assertThat(tokenizer.vocabSize()).isEqualTo(310);
            assertThat(tokenizer.id("[PAD305]")).hasValue(305);
            assertThat(tokenizer.encode("[PAD305]")).doesNotContain(305);
            assertThat(tokenizer.isControl(305)).isTrue();
            assertThat(tokenizer.decode(new int[] {305, end})).isEmpty();
        }
        try (var tokenizer = load(sentencePiece)) {
            assertThat(tokenizer.encode("a<s>")).doesNotContain(1);
            assertThat(tokenizer.encodeWithControl("a<s>")).containsExactly(262, 1);
            assertThat(tokenizer.encode("<0x41>")).doesNotContain(0x44);
            assertThat(tokenizer.encode("a<user>")).as("a mark is no text").doesNotContain(264);
            assertThat(tokenizer.encodeWithControl("a<user>b")).as("a space of its own after it").containsExactly(262, 264, 259, 261);
            assertThat(tokenizer.encode("a  b")).as("added text is text").containsExactly(262, 265, 259, 261);
            assertThat(tokenizer.decode(new int[] {262, 264, 261})).isEqualTo("a<user>b");
        }
    }

    /** Trap 48: whether BOS comes first is the file's word, and no encoder adds it. */
    @Test
    void bosIsAddedByWhoBuildsTheSequence() {
        try (var tokenizer = load(sentencePiece)) {
            assertThat(tokenizer.addsBos()).isTrue();
            assertThat(tokenizer.bos()).hasValue(1);
            assertThat(tokenizer.eos()).hasValue(2);
            assertThat(tokenizer.encode("a")).containsExactly(262);
        }
        try (var tokenizer = load(with(sentencePiece, GgufTokenizer.ADD_BOS, GgufValue.of(false)))) {
            assertThat(tokenizer.addsBos()).isFalse();
        }
        try (var tokenizer = load(with(sentencePiece, GgufTokenizer.SPACE_PREFIX, GgufValue.of(false)))) {
            assertThat(tokenizer.encode("a")).containsExactly(260);
            assertThat(tokenizer.decode(tokenizer.encode(" a"))).isEqualTo(" a");
        }
        Map<String, GgufValue> silent = with(byteLevel, GgufTokenizer.ADD_BOS, null);
        try (var tokenizer = load(with(silent, GgufTokenizer.PRE, GgufValue.of("llama-bpe")))) {
            assertThat(tokenizer.addsBos()).isTrue();
        }
        try (var tokenizer = load(with(silent, GgufTokenizer.PRE, GgufValue.of("qwen2")))) {
            assertThat(tokenizer.addsBos()).isFalse();
        }
    }

    @Test
    void theChatTemplateIsTheFiles() {
        String source = "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}";
        var metadata = new GgufMetadata(Path.of("m.gguf"), with(byteLevel, GgufTokenizer.CHAT_TEMPLATE, GgufValue.of(source)));
        assertThat(ChatTemplate.load(metadata).source()).isEqualTo(source);
        assertThat(ChatTemplate.load(metadata).present()).isTrue();
        var conversation = Conversation.of(Message.user("hi"));
        assertThat(ChatTemplate.load(metadata).render(conversation, false)).hasToString("<s>hi<|im_end|>");
        assertThat(ChatTemplate.load(new GgufMetadata(Path.of("m.gguf"), byteLevel)).present()).isFalse();
        var broken = new GgufMetadata(Path.of("m.gguf"), with(byteLevel, GgufTokenizer.CHAT_TEMPLATE, GgufValue.of("{% if %}")));
        assertThatThrownBy(() -> ChatTemplate.load(broken)).isInstanceOf(FormatException.class)
                .hasMessageContaining("tokenizer.chat_template");
    }
}
