package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeldOutTextIsWhatTheRecipeSaysTest {
    @TempDir
    Path temporary;

    @Test
    void positionHoldsOutTheLastTenthOfTheCharacters() throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        // characters of one to four bytes, and a cut that falls inside the second text
        String first = "烛龙 says: abc \uD83D\uDC09. ".repeat(30);
        String second = "The end of it, naïve \uD83D\uDC09\uD83D\uDC09!\n".repeat(17);
        Files.writeString(texts.resolve("a.txt"), first);
        Files.writeString(texts.resolve("b.txt"), second);
        PretrainRecipe recipe = TinyRun.recipe(texts, "data.clean=false", "data.split=position", "data.validation_fraction=0.1",
                "data.tokenizer.type=char", "data.tokenizer.specials=[]");
        int[] all = (first + second).codePoints().toArray();
        int cut = all.length * 9 / 10;
        assertThat(cut).isGreaterThan(first.codePointCount(0, first.length()));
        try (PreparedData data = TinyRun.data(recipe, temporary.resolve("data"))) {
            assertThat(stream(data.train(), data.tokenizer())).isEqualTo(new String(all, 0, cut));
            assertThat(stream(data.validation().orElseThrow(), data.tokenizer())).isEqualTo(new String(all, cut, all.length - cut));
            assertThat(data.train().tokens()).isEqualTo(cut);
            assertThat(data.tokenizer().vocabSize()).isEqualTo((int) (first + second).codePoints().distinct().count());
        }
    }

    @Test
    void hashHoldsOutWholeDocumentsByTheirContent() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 60, 5);
        List<String> contents = new ArrayList<>();
        try (var files = Files.list(texts)) {
            for (Path file : files.sorted().toList()) {
                contents.add(Files.readString(file).strip());
            }
        }
        PretrainRecipe recipe = TinyRun.recipe(texts, "data.clean=false");
        List<String> train;
        List<String> held;
        try (PreparedData data = TinyRun.data(recipe, temporary.resolve("data"))) {
            train = documents(data.train(), data.tokenizer());
            held = documents(data.validation().orElseThrow(), data.tokenizer());
        }
        assertThat(held).hasSizeBetween(4, 24);
        List<String> both = new ArrayList<>(train);
        both.addAll(held);
        assertThat(both).containsExactlyInAnyOrderElementsOf(contents);

        // other names, other order, one text more: each stays on its side
        Path renamed = Files.createDirectories(temporary.resolve("renamed"));
        for (int i = 0; i < contents.size(); i++) {
            Files.writeString(renamed.resolve((char) ('z' - i % 26) + "-" + i + ".txt"), contents.get(i) + "\n");
        }
        Files.writeString(renamed.resolve("new.txt"), "Something else altogether stands here.\n");
        try (PreparedData data = TinyRun.data(TinyRun.recipe(renamed, "data.clean=false"), temporary.resolve("data-2"))) {
            assertThat(documents(data.validation().orElseThrow(), data.tokenizer())).containsAll(held).doesNotContainAnyElementsOf(train);
        }
    }

    private static String stream(TokenShards shards, Tokenizer tokenizer) {
        int[] ids = new int[Math.toIntExact(shards.tokens())];
        shards.copyStream(0, ids, 0, ids.length);
        return tokenizer.decode(ids);
    }

    private static List<String> documents(TokenShards shards, Tokenizer tokenizer) {
        List<String> all = new ArrayList<>();
        for (long document = 0; document < shards.documents(); document++) {
            int[] ids = new int[Math.toIntExact(shards.documentLength(document))];
            shards.copy(document, 0, ids, 0, ids.length);
            all.add(tokenizer.decode(ids).replace("<|endoftext|>", "").strip());
        }
        return all;
    }
}
