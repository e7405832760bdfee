package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AnyTextRoundTripsTest {
    @TempDir
    static Path directory;

    @BeforeAll
    static void train() {
        List<String> texts = new ArrayList<>(Texts.nasty(500, 11));
        texts.addAll(Texts.ownSources());
        TokenizerJson.write(directory, Texts.train(2000, texts, PreTokenizer.LLAMA3, "<|endoftext|>", "<|pad|>"),
                new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", "<|pad|>", true, 512));
    }

    @Test
    void englishCodeChineseAndRandomBytes() {
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            List<String> texts = new ArrayList<>(Texts.ownSources());
            texts.addAll(Texts.nasty(2000, 12));
            texts.add("春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。");
            texts.add(Texts.randomBytesAsLatin1(5000, 13));
            texts.add("\r\n\uFEFF\u0000 mixed\tline\r");
            for (String text : texts) {
                int[] ids = tokenizer.encode(text);
                assertThat(tokenizer.decode(ids)).isEqualTo(text);
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                for (int id : ids) {
                    bytes.writeBytes(tokenizer.bytes(id));
                }
                assertThat(bytes.toByteArray()).isEqualTo(text.getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    @Test
    void loneSurrogatesBecomeTheReplacementCharacterOnEveryPath() {
        List<Path> tokenizers = new ArrayList<>(List.of(directory));
        Path root = Path.of(System.getProperty("zhulong.root", "..")).toAbsolutePath().normalize();
        Path llama = root.resolveSibling("shared/assets/stories15M");
        if (Files.exists(llama)) {
            tokenizers.add(llama);
        }
        for (Path each : tokenizers) {
            try (var tokenizer = HuggingFaceTokenizer.load(each)) {
                for (String text : List.of("a\uD83Db", "\uDE00", "x\uD83D", "\uDE00\uD83D", "ok\uD83D\uDE00\uD83D")) {
                    String expected = HuggingFaceTokenizer.withoutLoneSurrogates(text);
                    assertThat(expected).contains("\uFFFD").hasSize(text.length());
                    assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(expected);
                    assertThat(tokenizer.decode(tokenizer.encodeWithControl(text))).isEqualTo(expected);
                }
            }
        }
    }

    @Test
    void anyStringOfCharsIsEncodedWithoutThrowing() {
        Random random = new Random(14);
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            for (int i = 0; i < 2000; i++) {
                char[] chars = new char[random.nextInt(30)];
                for (int k = 0; k < chars.length; k++) {
                    chars[k] = (char) random.nextInt(0x10000);
                }
                String text = new String(chars);
                assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(HuggingFaceTokenizer.withoutLoneSurrogates(text));
            }
        }
    }

    @Test
    void bosIsNeverAddedByEncodingAndTheLibraryAddsExactlyOne() {
        try (var tokenizer = HuggingFaceTokenizer.load(directory); Library library = Library.load(directory)) {
            int bos = tokenizer.bos().orElseThrow();
            assertThat(tokenizer.addsBos()).isTrue();
            assertThat(tokenizer.pad()).isEqualTo(tokenizer.id("<|pad|>"));
            assertThat(tokenizer.encode("public")).doesNotContain(bos);
            assertThat(tokenizer.encodeWithControl("public")).doesNotContain(bos);
            int[] input = library.encodeAsModelInput("public");
            assertThat(input).startsWith(bos).endsWith(tokenizer.encode("public")).hasSize(1 + tokenizer.encode("public").length);
        }
    }
}
