package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingIsDeterministicTest {
    @TempDir
    Path directory;

    /** Many pairs with equal counts, so that every tie is felt. */
    private static List<String> texts() {
        List<String> texts = new ArrayList<>(Texts.nasty(300, 1));
        texts.addAll(Texts.ownSources());
        return texts;
    }

    @Test
    void sameBytesForOneOrEightThreadsAndShuffledDocuments() throws Exception {
        List<String> texts = texts();
        BpeTrainer alone = new BpeTrainer(1500, List.of("<|endoftext|>"));
        texts.forEach(alone::add);
        byte[] expected = written(alone.train());
        for (int run = 0; run < 5; run++) {
            List<String> shuffled = new ArrayList<>(texts);
            Collections.shuffle(shuffled, new Random(run));
            try (ForkJoinPool pool = new ForkJoinPool(run == 0 ? 1 : 8)) {
                BpeTrainer trainer = new BpeTrainer(1500, List.of("<|endoftext|>"));
                pool.submit(() -> trainer.addAll(shuffled.stream())).get();
                assertThat(written(trainer.train())).isEqualTo(expected);
            }
        }
    }

    @Test
    void tiesGoToTheSmallerLeftThenTheSmallerRightId() {
        BpeVocabulary vocabulary = Texts.train(259, List.of("zz zz aq aq ap ap"), PreTokenizer.GPT2);
        assertThat(vocabulary.merges()).containsExactly(new BpeVocabulary.Merge(' ', 'a', 256),
                new BpeVocabulary.Merge('z', 'z', 257), new BpeVocabulary.Merge(256, 'p', 258));
    }

    @Test
    void mergesAreThoseOfCountingEverythingAnewEachTime() {
        for (int seed = 0; seed < 20; seed++) {
            List<String> texts = new ArrayList<>(Texts.nasty(60, seed));
            texts.add("aaaaaaaaa aaaa aaaaaa abab abababab aabbaabb aabb".repeat(2));
            texts.add(Texts.randomBytesAsLatin1(400, seed));
            assertThat(Texts.train(420, texts, PreTokenizer.LLAMA3, "<s>").merges())
                    .isEqualTo(PlainBpe.train(420, texts, PreTokenizer.LLAMA3, 1));
        }
    }

    @Test
    void aSpellingMadeTwiceIsOneToken() {
        BpeVocabulary vocabulary = Texts.train(2000, texts(), PreTokenizer.LLAMA3);
        List<String> spelled = new ArrayList<>();
        for (byte[] bytes : vocabulary.bytes()) {
            spelled.add(ByteAlphabet.spell(bytes));
        }
        assertThat(spelled).doesNotHaveDuplicates().hasSize(2000);
    }

    @Test
    void noTrainedTokenIsSpelledLikeASpecialOne() {
        BpeVocabulary vocabulary = Texts.train(300, List.of("ab ab ab ab xab xab"), PreTokenizer.GPT2, "ab");
        assertThat(Arrays.stream(vocabulary.bytes()).map(ByteAlphabet::spell)).doesNotContain("ab");
        TokenizerJson.write(directory, vocabulary, Texts.PLAIN);
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            assertThat(tokenizer.decode(tokenizer.encode("ab"))).isEqualTo("ab");
        }
    }

    private byte[] written(BpeVocabulary vocabulary) throws IOException {
        TokenizerJson.write(directory, vocabulary, new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", null, true, 256));
        return Files.readAllBytes(directory.resolve("tokenizer.json"));
    }
}
