package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWriter;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A tokenizer that went through a GGUF file gives the ids of the tokenizers library over the directory it came from. */
class GgufIdsEqualTheDirectorysTest {
    @TempDir
    Path directory;

    private static List<String> corpus() {
        List<String> texts = new ArrayList<>(Texts.nasty(2500, 21));
        texts.addAll(Texts.ownSources().subList(0, 12));
        texts.add("");
        texts.add(Texts.randomBytesAsLatin1(20_000, 22));
        texts.add("床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。".repeat(20));
        texts.add("x".repeat(3000) + "abcabc".repeat(500) + "文".repeat(2000) + " ".repeat(2001) + "\n".repeat(300) + "1".repeat(1000));
        for (int spaces = 1; spaces < 70; spaces++) {
            texts.add(" ".repeat(spaces) + "a" + " ".repeat(spaces));
        }
        return texts;
    }

    private Path written(Map<String, GgufValue> metadata) {
        Path file = directory.resolve("tokenizer.gguf");
        GgufWriter.write(file, metadata, List.of());
        return file;
    }

    private static void check(Path gguf, Path original, String... controls) {
        try (var file = GgufFile.open(gguf); var ours = GgufTokenizer.load(file.metadata());
                var theirs = HuggingFaceTokenizer.load(original); Library library = Library.load(original)) {
            assertThat(ours.bos()).isEqualTo(theirs.bos());
            assertThat(ours.eos()).isEqualTo(theirs.eos());
            assertThat(ours.addsBos()).isEqualTo(theirs.addsBos());
            for (String text : corpus()) {
                int[] withControl = ours.encodeWithControl(text);
                assertThat(withControl).as(text).isEqualTo(library.encode(text));
                String bare = text;
                for (String control : controls) {
                    bare = bare.replace(control, "");
                }
                int[] ids = ours.encode(bare);
                assertThat(ids).as(bare).isEqualTo(library.encode(bare));
                // The library knows no text without control tokens; the directory's tokenizer does.
                assertThat(ours.encode(text)).as(text).isEqualTo(theirs.encode(text));
                assertThat(ours.decode(ids)).as(bare).isEqualTo(library.decode(ids));
                assertThat(ours.decode(withControl)).isEqualTo(theirs.decode(withControl));
                assertThat(streamed(ours, withControl)).isEqualTo(ours.decode(withControl));
            }
            for (int id = 0; id < theirs.vocabSize(); id++) {
                assertThat(ours.bytes(id)).as("bytes of %d", id).isEqualTo(theirs.bytes(id));
                assertThat(ours.isControl(id)).as("control %d", id).isEqualTo(theirs.isControl(id));
            }
            List<String> texts = corpus().subList(0, 500);
            List<int[]> all = ours.encodeAll(texts);
            for (int i = 0; i < texts.size(); i++) {
                assertThat(all.get(i)).isEqualTo(ours.encode(texts.get(i)));
            }
        }
    }

    private static String streamed(Tokenizer tokenizer, int[] ids) {
        StreamingDecoder decoder = tokenizer.decoder();
        StringBuilder out = new StringBuilder();
        for (int id : ids) {
            out.append(decoder.next(id));
        }
        return out.append(decoder.flush()).toString();
    }

    @ParameterizedTest
    @ValueSource(strings = {"stories15M.Q8_0.gguf", "stories15M.Q4_0.gguf"})
    void llamaCppsOwnFile(String name) {
        Path original = Texts.shared("assets/stories15M");
        check(original.resolve(name), original, "<s>");
    }

    @ParameterizedTest
    @ValueSource(strings = {"assets/stories15M", "assets/stories260K"})
    void sentencePieceWrittenFromADirectory(String name) {
        Path original = Texts.shared(name);
        check(written(GgufVocabulary.of(original, 32_000)), original, "<s>");
    }

    /** As Gemma's do: all spaces are marked, none is put first, and what splits at spaces finds none. */
    @Test
    void sentencePieceWithASplitThatSplitsNothing() throws IOException {
        Path original = Texts.shared("assets/stories260K");
        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            if (Files.exists(original.resolve(name))) {
                Files.copy(original.resolve(name), directory.resolve(name));
            }
        }
        var json = (ObjectNode) new ObjectMapper().readTree(Files.readString(directory.resolve("tokenizer.json")));
        json.putObject("normalizer").put("type", "Replace").put("content", "\u2581").putObject("pattern").put("String", " ");
        json.putObject("pre_tokenizer").put("type", "Split").put("behavior", "MergedWithPrevious").put("invert", false).putObject("pattern").put("String", " ");
        var decoders = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
        decoders.addObject().put("type", "Replace").put("content", " ").putObject("pattern").put("String", "\u2581");
        decoders.addObject().put("type", "ByteFallback");
        decoders.addObject().put("type", "Fuse");
        Files.writeString(directory.resolve("tokenizer.json"), json.toString());
        check(written(GgufVocabulary.of(directory, 512)), directory, "<s>");
    }

    @ParameterizedTest
    @ValueSource(strings = {"assets/tokenizers/gpt2", "assets/tokenizers/qwen2_5"})
    void byteLevelWrittenFromADirectory(String name) {
        Path original = Texts.shared(name);
        Map<String, GgufValue> metadata = GgufVocabulary.of(original, 151_936);
        assertThat(metadata.get(GgufTokenizer.PRE)).isEqualTo(GgufValue.of(name.endsWith("gpt2") ? "gpt-2" : "qwen2"));
        check(written(metadata), original, "<|im_end|>", "<|endoftext|>");
    }

    @ParameterizedTest
    @EnumSource
    void ownTokenizersOfEachPreTokenizer(PreTokenizer preTokenizer) {
        List<String> training = new ArrayList<>(Texts.nasty(1000, 23));
        training.addAll(Texts.ownSources());
        TokenizerJson.write(directory, Texts.train(1500, training, preTokenizer, "<s>", "<|im_end|>"),
                new TokenizerJson.Settings("<s>", "<|im_end|>", null, true, 512));
        check(written(GgufVocabulary.of(directory, 1500)), directory, "<s>", "<|im_end|>");
    }

    @Test
    void wordPiece() {
        WordPieces.write(directory);
        check(written(GgufVocabulary.of(directory, 120)), directory, "[CLS]", "[SEP]", "[UNK]");
    }

    /** Trap 44: what no piece spells becomes bytes, and they are the text's own. */
    @Test
    void bytesOfIdsAreTheTextsBytes() {
        Path original = Texts.shared("assets/stories15M");
        try (var file = GgufFile.open(original.resolve("stories15M.Q8_0.gguf")); var ours = GgufTokenizer.load(file.metadata())) {
            for (String text : corpus()) {
                if (text.contains(SentencePieceBpe.SPACE)) {
                    // SentencePiece's own mark for a space: from there on it is one.
                    continue;
                }
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                for (int id : ours.encode(text)) {
                    bytes.writeBytes(ours.bytes(id));
                }
                assertThat(bytes.toString(StandardCharsets.UTF_8)).isEqualTo(text.isEmpty() ? "" : " " + text);
                assertThat(ours.decode(ours.encode(text))).isEqualTo(text);
            }
        }
    }
}
