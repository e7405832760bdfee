package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.text.SequenceTemplate.Step;
import dev.zhulong.text.SequenceTemplate.Token;
import dev.zhulong.text.chat.ChatTemplate;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ids are compared with those of the whole vocabulary; those of SentencePiece's and WordPiece's kinds are the tokenizers library's own. */
class ACutVocabularyKeepsIdsOneToOneTest {
    @TempDir
    Path temporary;

    /** What happened to texts. */
    private record Tally(int same, int longer) {}

    /** Cuts to what {@code chosen} become, and holds every one of {@code texts} to the rule. */
    private Tally check(Path directory, List<String> chosen, List<String> texts) throws IOException {
        try (var whole = HuggingFaceTokenizer.load(directory)) {
            Set<Integer> used = new HashSet<>();
            whole.encodeAll(chosen).forEach(ids -> Arrays.stream(ids).forEach(used::add));
            VocabularyCut cut = VocabularyCut.of(directory, used);
            assertThat(cut.size()).isLessThan(whole.tokens());
            Path out = Files.createDirectories(temporary.resolve("cut-" + directory.getFileName()));
            cut.write(out);
            int same = 0;
            int longer = 0;
            try (var small = HuggingFaceTokenizer.load(out); var made = cut.tokenizer()) {
                assertThat(small.vocabSize()).isEqualTo(cut.size());
                assertThat(small.tokens()).as("no holes").isEqualTo(cut.size());
                for (String chosenText : chosen) {
                    assertThat(small.encode(chosenText)).isEqualTo(mapped(whole.encode(chosenText), cut));
                }
                for (String text : texts) {
                    int[] before = whole.encode(text);
                    int[] after = small.encode(text);
                    assertThat(made.encode(text)).as("as written").isEqualTo(after);
                    assertThat(small.decode(after)).isEqualTo(whole.decode(before));
                    if (Arrays.stream(before).allMatch(id -> cut.newId(id).isPresent())) {
                        assertThat(after).as(text).isEqualTo(mapped(before, cut));
                        same++;
                    } else {
                        longer++;
                    }
                }
                for (int id = 0; id < cut.size(); id++) {
                    int old = cut.oldIds()[id];
                    assertThat(small.bytes(id)).isEqualTo(whole.bytes(old));
                    assertThat(small.isControl(id)).isEqualTo(whole.isControl(old));
                }
                assertThat(small.controlTokens().keySet()).isEqualTo(whole.controlTokens().keySet());
                assertThat(small.bos().isPresent()).isEqualTo(whole.bos().isPresent());
                assertThat(small.addsBos()).isEqualTo(whole.addsBos());
                assertThat(small.template()).isEqualTo(mapped(whole.template(), cut));
            }
            return new Tally(same, longer);
        }
    }

    private static int[] mapped(int[] ids, VocabularyCut cut) {
        return Arrays.stream(ids).map(id -> cut.newId(id).orElseThrow()).toArray();
    }

    private static SequenceTemplate mapped(SequenceTemplate template, VocabularyCut cut) {
        return new SequenceTemplate(mapped(template.single(), cut), mapped(template.pair(), cut));
    }

    private static List<Step> mapped(List<Step> steps, VocabularyCut cut) {
        return steps.stream().map(step -> step instanceof Token(int id, int type) ? new Token(cut.newId(id).orElseThrow(), type) : step).toList();
    }

    private static List<String> lines(List<String> texts) {
        return texts.stream().flatMap(String::lines).filter(line -> !line.isBlank()).toList();
    }

    @ParameterizedTest
    @EnumSource(PreTokenizer.class)
    void bytes(PreTokenizer preTokenizer) throws IOException {
        List<String> sources = Texts.ownSources();
        Path directory = temporary.resolve(preTokenizer.name());
        TokenizerJson.write(directory, Texts.train(2000, sources.subList(0, 30), preTokenizer, "<|a|>", "<|b|>"),
                new TokenizerJson.Settings("<|a|>", "<|b|>", null, true, 64));
        List<String> all = lines(sources);
        Tally tally = check(directory, all.subList(0, 150), all.subList(400, 1200));
        assertThat(tally.same()).isGreaterThan(50);
        assertThat(tally.longer()).isGreaterThan(50);
        check(directory, all.subList(0, 150), Texts.nasty(300, 5));
    }

    /** Whole words come before merges (Llama 3), and need none of them. */
    @Test
    void wordsThatNoMergeLeadsTo() throws IOException {
        Path directory = temporary.resolve("words");
        List<String> sources = Texts.ownSources();
        TokenizerJson.write(directory, Texts.train(1000, sources.subList(0, 20), PreTokenizer.GPT2), Texts.PLAIN);
        Path file = directory.resolve("tokenizer.json");
        String json = Files.readString(file).replace("\"ignore_merges\" : false", "\"ignore_merges\" : true").replace("\"vocab\" : {",
                "\"vocab\" : {\"zebras\": 1000, \"\u0120zebras\": 1001,");
        Files.writeString(file, json);
        assertThat(json).contains("zebras").contains("\"ignore_merges\" : true");
        Tally tally = check(directory, List.of("zebras and zebras"), List.of("zebras", " zebras", "zebras zebras", "zebra", "lions"));
        assertThat(tally.same()).isGreaterThan(1);
        assertThat(tally.longer()).isGreaterThan(0);
    }

    /** SentencePiece's BPE with bytes, whose merges join letters in several ways. */
    @Test
    void letters() throws IOException {
        Path directory = Files.createDirectories(temporary.resolve("letters"));
        var words = List.of("the", "then", "there", "hen", "her", "here", "ere", "th", "he", "er", "re", "en", "\u2581t", "\u2581the", "\u2581then", "\u2581there", "\u2581h",
                "\u2581her", "\u2581here", "\u2581hen");
        var vocab = new StringBuilder("\"<unk>\": 0, \"<s>\": 1, \"</s>\": 2");
        int id = 3;
        for (int b = 0; b < 256; b++) {
            vocab.append(", \"<0x%02X>\": %d".formatted(b, id++));
        }
        var pieces = new ArrayList<String>(words);
        "\u2581etrhnaio".chars().forEach(c -> pieces.add(Character.toString(c)));
        for (String piece : pieces) {
            vocab.append(", \"").append(piece).append("\": ").append(id++);
        }
        var merges = new ArrayList<String>();
        for (String word : List.of("he", "th", "er", "re", "en", "\u2581t", "\u2581h", "the", "her", "ere", "hen", "\u2581the", "\u2581her", "\u2581hen", "then", "here", "there", "\u2581then",
                "\u2581here", "\u2581there")) {
            for (int i = 1; i < word.length(); i++) {
                if (pieces.contains(word.substring(0, i)) && pieces.contains(word.substring(i))) {
                    merges.add("\"" + word.substring(0, i) + " " + word.substring(i) + "\"");
                }
            }
        }
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [%s],
                 "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
                 "pre_tokenizer": null, "post_processor": null,
                 "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                   {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                 "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
                   "byte_fallback": true, "vocab": {%s}, "merges": [%s]}}
                """.formatted(added("<unk>", "<s>", "</s>"), vocab, String.join(", ", merges)));
        var random = new Random(3);
        List<String> texts = IntStream.range(0, 400).mapToObj(i -> random.ints(1 + random.nextInt(14), 0, 8).mapToObj(c -> " etrhn e".substring(c, c + 1))
                .reduce("", String::concat)).toList();
        Tally tally = check(directory, List.of("the hen there", "here"), texts);
        assertThat(tally.same()).isGreaterThan(9);
        assertThat(tally.longer()).isGreaterThan(9);
        check(directory, List.of("the hen there"), Texts.nasty(200, 6));
    }

    /** The price of an unknown character comes from the lowest score of all, and one way through the text may win by it. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void scores(boolean bytes) throws IOException {
        Path directory = Files.createDirectories(temporary.resolve("scores-" + bytes));
        var vocab = new StringBuilder("[\"<unk>\", 0], [\"<s>\", 0], [\"</s>\", 0], [\"\u2581\", -2.5]");
        for (int b = 0; bytes && b < 256; b++) {
            vocab.append(", [\"<0x%02X>\", -20]".formatted(b));
        }
        String[] pieces = {"e", "t", "h", "n", "r", "the", "hen", "then", "\u2581the", "\u2581then", "there", "re", "er", "he", "\u2581h", "rn", "tr", "\u6587\u5b57", "nnn"};
        for (int i = 0; i < pieces.length; i++) {
            vocab.append(", [\"").append(pieces[i]).append("\", ").append(-3 - 0.37 * i).append("]");
        }
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [%s], "normalizer": null,
                 "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": true}, "post_processor": null,
                 "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                   {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                 "model": {"type": "Unigram", "unk_id": 0, "vocab": [%s], "byte_fallback": %b}}
                """.formatted(added("<unk>", "<s>", "</s>"), vocab, bytes));
        var random = new Random(4);
        List<String> texts = IntStream.range(0, 400).mapToObj(i -> random.ints(1 + random.nextInt(12), 0, 8).mapToObj(c -> " etrhn\u6587e".substring(c, c + 1))
                .reduce("", String::concat)).toList();
        Tally tally = check(directory, List.of("the hen there", "nnn"), texts);
        assertThat(tally.same()).isGreaterThan(9);
        assertThat(tally.longer()).isGreaterThan(9);
    }

    @Test
    void wordPieces() throws IOException {
        Path directory = Files.createDirectories(temporary.resolve("wordpieces"));
        WordPieces.write(directory);
        Tally tally = check(directory, List.of("hello ing"), List.of("hello", "world", "hell", "helloing", "saturn", "the"));
        assertThat(tally.same()).isGreaterThan(0);
        assertThat(tally.longer()).isGreaterThan(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"assets/stories15M", "assets/tokenizers/gpt2", "assets/tokenizers/qwen2_5", "assets/all-MiniLM-L6-v2"})
    void published(String name) throws IOException {
        Path directory = Texts.shared(name);
        String stories = Texts.read(Texts.shared("assets/data/stories.sampled.txt"));
        List<String> lines = lines(List.of(stories));
        Tally tally = check(directory, lines.subList(0, 300), lines.subList(300, lines.size()));
        assertThat(tally.same()).isGreaterThan(9);
        assertThat(tally.longer()).isGreaterThan(9);
        check(directory, lines.subList(0, 20), lines(List.of(Texts.read(Texts.shared("assets/data/tang-poetry.zh.txt")).substring(0, 3000))));
    }

    @Test
    void aConversationBecomesTheSameText() throws IOException {
        Path directory = Texts.shared("assets/tokenizers/qwen2_5");
        try (var whole = HuggingFaceTokenizer.load(directory)) {
            Set<Integer> used = new HashSet<>();
            Arrays.stream(whole.encode("user assistant system\nHello")).forEach(used::add);
            VocabularyCut cut = VocabularyCut.of(directory, used);
            Path out = Files.createDirectories(temporary.resolve("chat"));
            cut.write(out);
            var conversation = Conversation.of(Message.system("Be brief."), Message.user("Hello, \u4f60\u597d"));
            String text = ChatTemplate.load(directory).render(conversation, true).toString();
            assertThat(ChatTemplate.load(out).render(conversation, true)).hasToString(text);
            try (var small = HuggingFaceTokenizer.load(out)) {
                assertThat(small.encodeWithControl(text)).startsWith(small.id("<|im_start|>").orElseThrow());
                assertThat(small.marks().keySet()).isEqualTo(whole.marks().keySet());
                assertThat(small.decode(small.encodeWithControl(text))).isEqualTo(whole.decode(whole.encodeWithControl(text)));
            }
            JsonNode config = new ObjectMapper().readTree(out.resolve("tokenizer_config.json").toFile());
            try (var small = cut.tokenizer()) {
                config.path("added_tokens_decoder").properties().forEach(entry -> assertThat(small.id(entry.getValue().path("content").asText()))
                        .hasValue(Integer.parseInt(entry.getKey())));
            }
        }
    }

    @Test
    void whatCannotBeCutIsNamed() throws IOException {
        assertThatThrownBy(() -> VocabularyCut.of(temporary, Set.of())).hasMessageContaining("tokenizer.json");
        Path file = temporary.resolve("tokenizer.json");
        Files.writeString(file, """
                {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}""");
        assertThatThrownBy(() -> VocabularyCut.of(temporary, Set.of())).hasMessageContaining("WordLevel").hasMessageContaining(file.toString());
        Files.writeString(file, """
                {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "end_of_word_suffix": "</w>"}}""");
        assertThatThrownBy(() -> VocabularyCut.of(temporary, Set.of())).hasMessageContaining("end_of_word_suffix");
    }

    private static String added(String... contents) {
        return String.join(", ", IntStream.range(0, contents.length).mapToObj(id -> "{\"id\": " + id + ", \"content\": \"" + contents[id]
                + "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}").toList());
    }
}
