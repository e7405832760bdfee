package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.GapTokens;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DocumentsWithGapsStayWholeTest {
    private static final String CODE = "int twice(int x) {\n    return 2 * x;\n}\n\nString name() {\n    return \"caf\u00e9 \ud83d\ude00\";\n}\n";

    @TempDir
    Path directory;

    private HuggingFaceTokenizer tokenizer(String... specials) {
        var trainer = new BpeTrainer(330, List.of(specials));
        trainer.add(CODE);
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings(specials[0], specials[0], null, false, 64));
        return HuggingFaceTokenizer.load(directory);
    }

    /** Each maker's spelling; both arrangements; every part where it belongs, and together the document. */
    @ParameterizedTest
    @ValueSource(strings = {"<|fim_prefix|> <|fim_suffix|> <|fim_middle|>", "<fim_prefix> <fim_suffix> <fim_middle>", "\u2581<PRE> \u2581<SUF> \u2581<MID> \u2581<EOT>",
        "<\uff5cfim\u2581begin\uff5c> <\uff5cfim\u2581hole\uff5c> <\uff5cfim\u2581end\uff5c>"})
    void partsMakeTheDocument(String spelling) {
        String[] marks = spelling.split(" ");
        String[] specials = new String[marks.length + 1];
        specials[0] = "<|endoftext|>";
        System.arraycopy(marks, 0, specials, 1, marks.length);
        try (var tokenizer = tokenizer(specials)) {
            GapTokens tokens = GapTokens.of(tokenizer).orElseThrow();
            assertThat(tokens.end()).isEqualTo(marks.length > 3 ? tokenizer.id(marks[3]) : OptionalInt.empty());
            var documents = new GapDocuments(tokenizer, new PretrainRecipe.Gaps(0.5, 0.5), 7);
            int plain = 0;
            int prefixFirst = 0;
            int suffixFirst = 0;
            for (int i = 0; i < 300; i++) {
                String text = "// " + i + "\n" + CODE;
                int[] ids = documents.ids(text);
                assertThat(documents.ids(text)).isEqualTo(ids);
                if (ids[0] != tokens.prefix()) {
                    plain++;
                    assertThat(ids).isEqualTo(tokenizer.encode(text));
                    continue;
                }
                int end = tokens.end().isPresent() ? ids.length - 1 : ids.length;
                assertThat(tokens.end().isEmpty() || ids[end] == tokens.end().getAsInt()).isTrue();
                int suffix = at(ids, tokens.suffix());
                int middle = at(ids, tokens.middle());
                assertThat(middle).isGreaterThan(suffix);
                String first = tokenizer.decode(Arrays.copyOfRange(ids, 1, suffix));
                String second = tokenizer.decode(Arrays.copyOfRange(ids, suffix + 1, middle));
                String third = tokenizer.decode(Arrays.copyOfRange(ids, middle + 1, end));
                if (suffix == 1 && text.equals(third + second)) {
                    suffixFirst++;
                } else {
                    prefixFirst++;
                    assertThat(first + third + second).isEqualTo(text);
                }
            }
            assertThat(plain).isBetween(120, 180);
            assertThat(prefixFirst).isBetween(50, 100);
            assertThat(suffixFirst).isBetween(50, 100);
        }
    }

    private static int at(int[] ids, int id) {
        int[] places = java.util.stream.IntStream.range(0, ids.length).filter(i -> ids[i] == id).toArray();
        assertThat(places).hasSize(1);
        return places[0];
    }

    /** A recipe's training side has gaps, its held-out side has none, and each document is one. */
    @Test
    void aRecipePutsGapsIntoWhatIsTrainedOn() throws IOException {
        for (int i = 0; i < 60; i++) {
            Files.writeString(Files.createDirectories(directory.resolve("in")).resolve(i + ".txt"), "// " + i + "\n" + CODE);
        }
        String specials = "data.tokenizer.specials=[<|endoftext|>,<|fim_prefix|>,<|fim_suffix|>,<|fim_middle|>,<|end|>]";
        PretrainRecipe recipe = RecipeReader.defaults(PretrainRecipe.class, List.of("data.inputs=[" + directory.resolve("in") + "]", "data.clean=false",
                "data.validation_fraction=0.3", "data.tokenizer.vocab_size=330", specials, "data.fim.rate=1", "data.fim.spm=0"));
        try (PreparedData data = PreparedData.of(recipe, directory.resolve("run"), Progress.SILENT)) {
            GapTokens tokens = GapTokens.of(data.tokenizer()).orElseThrow();
            assertThat(count(data.train(), tokens.prefix())).isEqualTo(data.train().documents());
            assertThat(count(data.train(), tokens.middle())).isEqualTo(data.train().documents());
            assertThat(count(data.validation().orElseThrow(), tokens.prefix())).isZero();
            assertThat(data.train().documents() + data.validation().orElseThrow().documents()).isEqualTo(60);
        }
        PretrainRecipe without = RecipeReader.defaults(PretrainRecipe.class, List.of("data.inputs=[" + directory.resolve("in") + "]", "data.clean=false", "data.fim.rate=0.5"));
        assertThatThrownBy(() -> PreparedData.of(without, directory.resolve("other"), Progress.SILENT)).hasMessageContaining("no tokens for gaps");
    }

    private static long count(TokenShards shards, int id) {
        int[] all = new int[(int) shards.tokens()];
        shards.copyStream(0, all, 0, all.length);
        return Arrays.stream(all).filter(one -> one == id).count();
    }
}
