package dev.zhulong.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Assumptions;

/** Texts that tests train on and encode, and where the files beside the repository lie. */
final class Texts {
    static final TokenizerJson.Settings PLAIN = new TokenizerJson.Settings(null, null, null, false, 1024);

    private static final String[] PIECES = {" ", "  ", "\t", "\n", "\r\n", "\n\n", "\r", "\u000B", "\f", "\u0085", "\u00A0", "\u1680",
        "\u2003",
        "\u2028", "\u2029", "\u202F", "\u3000", "\u200B", "\uFEFF", "\u0000", "\u001C", "a", "B", "hello", "World", "don't", "I'LL", "'s",
        "'S",
        "'\u017F", "'re", "'VE", "'", "’s", "1", "23", "4567", "890123", "٣", "१२", "２", "Ⅷ", "½", "²", "𝟘", "é", "e\u0301", "\u0301", "ß",
        "ﬁ", "İ", "ı", "K", "中", "文字", "。", "，", "日本語", "ひらがな", "한국어", "ไทย", "हिन्दी", "العربية", "😀", "👩‍👩‍👧", "🇨🇳", "👍🏽",
        "\uD835\uDD38", "+", "==", "{}", "();", "//", "/**", "_", "-", "...", "<|im_end|>", "<s>", "<|endoftext|>", "#", "\\n", "€", "™",
        "\uFFFD", "\uFFFF", "\uE000", "\uDB80\uDC00", "ǅ", "ʰ", "ⓐ", "〇", "々", "int x = 3;", "    return", "\t\tif (", "a1b2", "'d", "'m",
        "'t"};

    private Texts() {
    }

    static Path shared(String path) {
        Path file = Path.of(System.getProperty("zhulong.root", "..")).toAbsolutePath().normalize().resolveSibling("shared").resolve(path);
        Assumptions.assumeTrue(Files.exists(file), "skipped: " + file + " is not there");
        return file;
    }

    static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code n} strings glued at random from pieces on which expression engines are known to differ. */
    static List<String> nasty(int n, long seed) {
        Random random = new Random(seed);
        List<String> out = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            StringBuilder text = new StringBuilder();
            for (int k = 1 + random.nextInt(12); k > 0; k--) {
                text.append(PIECES[random.nextInt(PIECES.length)]);
            }
            out.add(text.toString());
        }
        return out;
    }

    static String randomBytesAsLatin1(int n, long seed) {
        byte[] bytes = new byte[n];
        new Random(seed).nextBytes(bytes);
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    /** Java sources of this module and test, English and code mixed; always there. */
    static List<String> ownSources() {
        Path root = Path.of(System.getProperty("zhulong.root", "..")).resolve("text/src");
        try (var files = Files.walk(root)) {
            return files.filter(file -> file.toString().endsWith(".java")).sorted().map(Texts::read).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Java sources of the running JDK, up to {@code bytes} of them. */
    static List<String> jdkSources(long bytes) {
        Path zip = Path.of(System.getProperty("java.home"), "lib", "src.zip");
        Assumptions.assumeTrue(Files.exists(zip), "skipped: " + zip + " is not there");
        List<String> out = new ArrayList<>();
        try (ZipFile source = new ZipFile(zip.toFile())) {
            long left = bytes;
            var entries = source.entries();
            while (entries.hasMoreElements() && left > 0) {
                var entry = entries.nextElement();
                if (entry.getName().endsWith(".java")) {
                    byte[] content = source.getInputStream(entry).readAllBytes();
                    left -= content.length;
                    out.add(new String(content, StandardCharsets.UTF_8));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out;
    }

    static BpeVocabulary train(int size, List<String> texts, PreTokenizer preTokenizer, String... specials) {
        BpeTrainer trainer = new BpeTrainer(size, List.of(specials), preTokenizer);
        trainer.addAll(texts.stream());
        return trainer.train();
    }
}
