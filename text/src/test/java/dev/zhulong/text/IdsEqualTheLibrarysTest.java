package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class IdsEqualTheLibrarysTest {
    @TempDir
    Path directory;

    private static List<String> training() {
        List<String> texts = new ArrayList<>(Texts.nasty(2000, 3));
        texts.addAll(Texts.ownSources());
        return texts;
    }

    private static List<String> corpus() {
        List<String> texts = new ArrayList<>(Texts.nasty(5000, 4));
        texts.addAll(Texts.ownSources().subList(0, 12));
        texts.add("");
        texts.add(Texts.randomBytesAsLatin1(20_000, 5));
        texts.add("床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。".repeat(20));
        texts.add("x".repeat(5000) + "abcabc".repeat(1000) + "文".repeat(3000) + " ".repeat(3000) + "\n".repeat(300) + "1".repeat(1000));
        return texts;
    }

    @ParameterizedTest
    @EnumSource
    void theWrittenTokenizerOursAndThePlainEncoderAgree(PreTokenizer preTokenizer) {
        BpeVocabulary vocabulary = Texts.train(1200, training(), preTokenizer, "\u2402begin", "\u2403end");
        TokenizerJson.write(directory, vocabulary, Texts.PLAIN);
        try (var ours = HuggingFaceTokenizer.load(directory); Library library = Library.load(directory)) {
            int plain = 0;
            for (String text : corpus()) {
                int[] ids = ours.encode(text);
                assertThat(ids).as(text).isEqualTo(library.encode(text));
                if (text.length() < 3000 && plain++ < 200) {
                    assertThat(ids).as(text).isEqualTo(PlainBpe.encode(vocabulary, text));
                }
                assertThat(ours.decode(ids)).isEqualTo(text).isEqualTo(library.decode(ids));
            }
            List<String> texts = corpus();
            List<int[]> all = ours.encodeAll(texts);
            for (int i = 0; i < texts.size(); i++) {
                assertThat(all.get(i)).isEqualTo(ours.encode(texts.get(i)));
            }
        }
    }

    @Test
    void wholePreTokensGoBeforeMergesWhereTheFileSaysSo() throws IOException {
        BpeVocabulary vocabulary = Texts.train(1200, training(), PreTokenizer.LLAMA3, "\u2403end");
        TokenizerJson.write(directory, vocabulary, Texts.PLAIN);
        Path file = directory.resolve("tokenizer.json");
        // A token that no merge makes, so that only the whole-token rule finds it.
        Files.writeString(file, Files.readString(file).replaceFirst("\"ignore_merges\" : false", "\"ignore_merges\" : true")
                .replaceFirst("\"vocab\" : \\{", "\"vocab\" : { \"zqxj\" : 1200,"));
        try (var ours = HuggingFaceTokenizer.load(directory); Library library = Library.load(directory)) {
            assertThat(ours.encode("zqxj")).containsExactly(1200);
            for (String text : corpus()) {
                assertThat(ours.encode(text)).as(text).isEqualTo(library.encode(text));
            }
        }
    }

    @Test
    void gpt2AndQwenAgreeOnEverything() {
        for (String each : List.of("gpt2", "qwen2_5")) {
            Path real = Texts.shared("assets/tokenizers/" + each);
            try (var ours = HuggingFaceTokenizer.load(real); Library library = Library.load(real)) {
                List<String> texts = new ArrayList<>(corpus());
                texts.add(Texts.read(Texts.shared("assets/data/tang-poetry.zh.txt")).substring(0, 30_000));
                texts.add(Texts.read(Texts.shared("assets/data/tinyshakespeare.txt")).substring(0, 50_000));
                for (String text : texts) {
                    // The oracle knows control tokens, so those spelled out in the text are kept from it.
                    String bare = text.replace("<|", "< |").replace("<tool_call>", "");
                    int[] ids = ours.encode(bare);
                    assertThat(ids).as("%s: %s", each, bare).isEqualTo(library.encode(bare));
                    assertThat(ours.encodeWithControl(text)).isEqualTo(library.encode(text));
                    assertThat(ours.decode(ids)).isEqualTo(library.decode(ids));
                }
            }
        }
    }

    @Test
    void sentencePieceTokenizersAgree() {
        for (String each : List.of("stories15M", "stories260K")) {
            Path real = Texts.shared("assets/" + each);
            try (var ours = HuggingFaceTokenizer.load(real); Library library = Library.load(real)) {
                for (String text : Texts.nasty(1000, 6)) {
                    assertThat(ours.encodeWithControl(text)).as(text).isEqualTo(library.encode(text));
                    String bare = text.replace("<s>", "< s>");
                    int[] ids = ours.encode(bare);
                    assertThat(ids).as(bare).isEqualTo(library.encode(bare));
                    assertThat(ours.decode(ids)).as(bare).isEqualTo(library.decode(ids)).isEqualTo(bare);
                }
            }
        }
    }
}
