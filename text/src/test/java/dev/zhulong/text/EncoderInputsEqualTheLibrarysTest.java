package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.encode.EncodedText;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ids, segments, words and spans of one text and of two, whole and shortened, against the library with the file's own post-processor. */
class EncoderInputsEqualTheLibrarysTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String BERT = """
            {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
             "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                      {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
             "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}}""";

    @TempDir
    Path directory;

    private Path wordPieces(String postProcessor) throws IOException {
        WordPieces.write(directory);
        return patch(postProcessor);
    }

    private Path patch(String postProcessor) throws IOException {
        Path file = directory.resolve("tokenizer.json");
        var json = (ObjectNode) JSON.readTree(Files.readString(file));
        json.set("post_processor", JSON.readTree(postProcessor));
        Files.writeString(file, json.toString());
        return directory;
    }

    private Path byteLevel(String postProcessor) throws IOException {
        var trainer = new BpeTrainer(700, List.of("<s>", "<pad>", "</s>", "<mask>"));
        Texts.nasty(200, 1).forEach(trainer::add);
        Texts.ownSources().forEach(trainer::add);
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings("<s>", "</s>", "<pad>", false, 512));
        return patch(postProcessor);
    }

    @Test
    void bertByItsTemplate() throws IOException {
        compare(wordPieces(BERT));
    }

    @Test
    void bertByItsOwnProcessor() throws IOException {
        compare(wordPieces("{\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 3], \"cls\": [\"[CLS]\", 2]}"));
    }

    @Test
    void roberta() throws IOException {
        compare(byteLevel("{\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 2], \"cls\": [\"<s>\", 0], \"trim_offsets\": true, \"add_prefix_space\": false}"));
        try (var tokenizer = EncoderTokenizer.load(directory)) {
            assertThat(tokenizer.specials()).isEqualTo(new SpecialIds(OptionalInt.of(1), OptionalInt.of(3), OptionalInt.of(0), OptionalInt.of(2), OptionalInt.empty()));
            assertThat(tokenizer.added(false)).isEqualTo(2);
            assertThat(tokenizer.added(true)).isEqualTo(4);
        }
    }

    @Test
    void aByteLevelProcessorThatAddsNothing() throws IOException {
        compare(byteLevel("{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": false, \"use_regex\": true}"));
    }

    @Test
    void xlmRoberta() throws IOException {
        var pieces = new StringBuilder("[[\"<s>\", 0], [\"<pad>\", 0], [\"</s>\", 0], [\"<unk>\", 0], [\"\u2581\", -1]");
        for (char c = 'a'; c <= 'z'; c++) {
            pieces.append(", [\"").append(c).append("\", -2]");
        }
        pieces.append(", [\"\u2581hello\", -3], [\"\u2581World\", -3], [\"中\", -4], [\"<mask>\", 0]]");
        var added = new StringBuilder();
        String[] specials = {"<s>", "<pad>", "</s>", "<unk>"};
        for (int id = 0; id < 5; id++) {
            added.append(id == 0 ? "" : ", ").append("{\"id\": ").append(id < 4 ? id : 34).append(", \"content\": \"").append(id < 4 ? specials[id] : "<mask>")
                    .append("\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}");
        }
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [%s], "normalizer": {"type": "NFKC"},
                 "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
                     {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": true}]},
                 "post_processor": {"type": "TemplateProcessing",
                   "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                   "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
                     {"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                   "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}},
                 "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": true},
                 "model": {"type": "Unigram", "unk_id": 3, "vocab": %s, "byte_fallback": false}}
                """.formatted(added, pieces));
        compare(directory);
        try (var tokenizer = EncoderTokenizer.load(directory)) {
            assertThat(tokenizer.specials().mask()).hasValue(34);
            assertThat(tokenizer.specials().cls()).hasValue(0);
        }
    }

    @Test
    void realTokenizers() {
        compare(Texts.shared("assets/all-MiniLM-L6-v2"));
        compare(Texts.shared("assets/tokenizers/gpt2"));
        compare(Texts.shared("assets/tokenizers/qwen2_5"));
    }

    /** Ids as sentence-transformers gave them to the network, at most 256. */
    @Test
    void idsOfTheRealSentenceEncoder() throws IOException {
        Path real = Texts.shared("assets/all-MiniLM-L6-v2");
        try (var tokenizer = EncoderTokenizer.load(real)) {
            for (var one : JSON.readTree(Files.readString(real.resolve("golden.json")))) {
                int[] ids = tokenizer.encode(one.get("text").asText(), 256).ids();
                if (one.path("ids").isArray()) {
                    assertThat(ids).as(one.get("text").asText()).containsExactly(JSON.convertValue(one.get("ids"), int[].class));
                }
                assertThat(ids.length).isLessThanOrEqualTo(256);
            }
        }
    }

    private static void compare(Path directory) {
        List<String> texts = new ArrayList<>(Texts.nasty(250, 3));
        texts.addAll(List.of("", " ", "hello world", "  Hello,  World!  ", "naïve 😀 中文 x\uD834\uDD1Ey"));
        try (var tokenizer = EncoderTokenizer.load(directory); var library = Library.load(directory)) {
            texts.removeIf(text -> tokenizer.tokenizer().marks().keySet().stream().anyMatch(text::contains));
            long handle = library.tokenizer().getHandle();
            for (int i = 0; i < texts.size(); i++) {
                String a = texts.get(i);
                String b = texts.get((i * 7 + 3) % texts.size());
                TokenizersLibrary.LIB.disableTruncation(handle);
                check(tokenizer.encode(a, 100_000), TokenizersLibrary.LIB.encode(handle, a, true), a, "");
                check(tokenizer.encode(a, b, 100_000), TokenizersLibrary.LIB.encodeDual(handle, a, b, true), a, b);
                int max = tokenizer.added(true) + 2 + i % 9;
                TokenizersLibrary.LIB.setTruncation(handle, max, "LONGEST_FIRST", 0);
                check(tokenizer.encode(a, max), TokenizersLibrary.LIB.encode(handle, a, true), a, "");
                check(tokenizer.encode(a, b, max), TokenizersLibrary.LIB.encodeDual(handle, a, b, true), a, b);
                int question = tokenizer.tokenizer().pieces(a).ids().length;
                int room = 4 + i % 5;
                max = tokenizer.added(true) + question + room;
                TokenizersLibrary.LIB.setTruncation(handle, max, "ONLY_SECOND", i % 4);
                long first = TokenizersLibrary.LIB.encodeDual(handle, a, b, true);
                long[] rest = TokenizersLibrary.LIB.getOverflowing(first);
                List<EncodedText> windows = tokenizer.windows(a, b, max, i % 4);
                assertThat(windows).hasSize(1 + rest.length);
                check(windows.getFirst(), first, a, b);
                for (int w = 0; w < rest.length; w++) {
                    // of windows after the first the library forgets the template's segments
                    check(windows.get(w + 1), rest[w], a, b, windows.getFirst().types()[windows.getFirst().last(1)] == 1);
                }
            }
        }
    }

    private static void check(EncodedText ours, long encoding, String a, String b) {
        check(ours, encoding, a, b, true);
    }

    private static void check(EncodedText ours, long encoding, String a, String b, boolean segments) {
        TokenizersLibrary rust = TokenizersLibrary.LIB;
        try {
            String name = "'" + a + "' and '" + b + "'";
            assertThat(ours.ids()).as(name).containsExactly(ints(rust.getTokenIds(encoding)));
            if (segments) {
                assertThat(ours.types()).as(name).containsExactly(ints(rust.getTypeIds(encoding)));
            }
            int[] special = ints(rust.getSpecialTokenMask(encoding));
            int[] words = ints(rust.getWordIds(encoding));
            int[] parts = ints(rust.getSequenceIds(encoding));
            var spans = rust.getTokenCharSpans(encoding);
            for (int i = 0; i < ours.length(); i++) {
                assertThat(ours.isSpecial(i)).as(name).isEqualTo(special[i] == 1);
                if (!ours.isSpecial(i)) {
                    assertThat(ours.parts()[i]).as(name).isEqualTo(Math.max(0, parts[i]));
                    assertThat(ours.words()[i]).as(name).isEqualTo(words[i]);
                    String text = ours.parts()[i] == 0 ? a : b;
                    assertThat(text.codePointCount(0, ours.from()[i])).as(name + " " + i).isEqualTo(spans[i].getStart());
                    assertThat(text.codePointCount(0, ours.to()[i])).as(name + " " + i).isEqualTo(spans[i].getEnd());
                }
            }
        } finally {
            rust.deleteEncoding(encoding);
        }
    }

    private static int[] ints(long[] values) {
        return Arrays.stream(values).mapToInt(value -> (int) value).toArray();
    }

    @Test
    void whatLooksLikeASpecialTokenInATextIsText() throws IOException {
        try (var tokenizer = EncoderTokenizer.load(wordPieces(BERT))) {
            EncodedText input = tokenizer.encode("hello [SEP] world [MASK]", 100);
            assertThat(Arrays.stream(input.ids()).filter(id -> id == 3).count()).isEqualTo(1);
            assertThat(Arrays.stream(input.ids()).filter(id -> id == 4).count()).isZero();
        }
    }

    @Test
    void whatCannotFitIsRefused() throws IOException {
        try (var tokenizer = EncoderTokenizer.load(wordPieces(BERT))) {
            assertThatThrownBy(() -> tokenizer.encode("hello", 2)).hasMessageContaining("an input of 2 tokens has no room for a text beside the 2");
            assertThatThrownBy(() -> tokenizer.windows("hello ".repeat(20), "world ".repeat(30), 30, 8))
                    .hasMessageContaining("a question of 20 tokens leaves 7 of 30 for its context, and windows overlap by 8");
        }
    }

    @Test
    void aPostProcessorThatIsNoneIsNamed() throws IOException {
        for (String bad : List.of("{\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\"], \"cls\": [\"[CLS]\", 2]}",
                "{\"type\": \"TemplateProcessing\", \"single\": [], \"pair\": [], \"special_tokens\": {}}",
                BERT.replace("\"id\": \"[CLS]\", \"type_id\"", "\"id\": \"[NEVER]\", \"type_id\""))) {
            Path broken = wordPieces(bad);
            assertThatThrownBy(() -> EncoderTokenizer.load(broken)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("tokenizer.json: post_processor").satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
        }
    }

    /** A tokenizer whose expression could end this process runs in another one; the spans come from there. */
    @Test
    void spansFromAnotherProcess() throws IOException {
        WordPieces.write(directory);
        Path file = directory.resolve("tokenizer.json");
        var json = (ObjectNode) JSON.readTree(Files.readString(file));
        json.set("pre_tokenizer", JSON.readTree("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(o|oo)+|[a-z]\"}, \"behavior\": \"Isolated\", \"invert\": false}"));
        json.set("post_processor", JSON.readTree(BERT));
        Files.writeString(file, json.toString());
        try (var tokenizer = EncoderTokenizer.load(directory)) {
            EncodedText input = tokenizer.encode("\uD834\uDD1Eooh", 100);
            assertThat(Arrays.copyOfRange(input.from(), 1, input.length() - 1)).containsExactly(0, 2, 3, 4);
            assertThat(Arrays.copyOfRange(input.words(), 1, input.length() - 1)).containsExactly(0, 1, 1, 2);
            assertThat(tokenizer.tokenizer().encode("ooh")).containsExactly(tokenizer.tokenizer().pieces("ooh").ids());
        }
    }
}
