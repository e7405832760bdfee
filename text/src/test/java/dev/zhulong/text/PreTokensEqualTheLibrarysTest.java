package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A vocabulary of the bare 256 bytes shows the library's pre-tokens: each byte is a token and knows which one it lies in. */
class PreTokensEqualTheLibrarysTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @EnumSource
    // The kinds are one table for all three, so one of them is asked about every code point.
    void everyCodePointIsOfTheSameKind(PreTokenizer preTokenizer) {
        try (Library library = bytesOnly(preTokenizer)) {
            List<String> different = new ArrayList<>();
            int limit = preTokenizer == PreTokenizer.LLAMA3 ? 0x110000 : 0x3400;
            for (int block = 0; block < limit; block += 0x400) {
                if (block >= 0xD800 && block < 0xE000) {
                    continue;
                }
                // Where Java sees a thousand code points of one kind (ideographs, unassigned planes), a sample of them is asked about.
                int step = ofOneType(block) ? 37 : 1;
                StringBuilder text = new StringBuilder();
                for (int c = block; c < block + 0x400; c += step) {
                    text.append(probe(c));
                }
                if (!ours(preTokenizer, text.toString()).equals(theirs(library, text.toString()))) {
                    for (int c = block; c < block + 0x400; c += step) {
                        String one = probe(c);
                        if (!ours(preTokenizer, one).equals(theirs(library, one))) {
                            different.add("%04X".formatted(c));
                        }
                    }
                }
            }
            assertThat(different).isEmpty();
        }
    }

    private static boolean ofOneType(int block) {
        return IntStream.range(block, block + 0x400).map(Character::getType).distinct().count() == 1;
    }

    private static String probe(int c) {
        return "a%1$s1%1$s+'%1$sb".formatted(Character.toString(c));
    }

    @ParameterizedTest
    @EnumSource
    void nastyStringsAreCutAlike(PreTokenizer preTokenizer) {
        try (Library library = bytesOnly(preTokenizer)) {
            for (String text : Texts.nasty(5000, 7)) {
                assertThat(ours(preTokenizer, text)).as(text).isEqualTo(theirs(library, text));
            }
        }
    }

    private Library bytesOnly(PreTokenizer preTokenizer) {
        TokenizerJson.write(directory, new BpeVocabulary(preTokenizer, List.of(), List.of()), Texts.PLAIN);
        return Library.load(directory);
    }

    private static List<Integer> ours(PreTokenizer preTokenizer, String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        List<Integer> ends = new ArrayList<>();
        for (int p = 0; p < utf8.length;) {
            p = preTokenizer.end(utf8, p, utf8.length);
            ends.add(p);
        }
        return ends;
    }

    private static List<Integer> theirs(Library library, String text) {
        long[] words = library.words(text);
        assertThat(words).hasSize(text.getBytes(StandardCharsets.UTF_8).length);
        List<Integer> ends = new ArrayList<>();
        for (int i = 1; i < words.length; i++) {
            if (words[i] != words[i - 1]) {
                ends.add(i);
            }
        }
        ends.add(words.length);
        return ends;
    }
}
