package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.text.SentencePieceFamily.Table;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Against the Python package sentencepiece 0.2 on 180 texts: a unigram model with rules of several characters, rules that leave nothing and user-defined pieces;
 * one of T5's order; BPE without rules; and one with pieces for bytes that keeps every space. All four were trained on this project's own pages.
 */
class SentencePieceFilesAreCutAsTheLibraryCutsThemTest {
    private static final Path FILES = Path.of("src/test/resources/sentencepiece");
    private static final JsonNode GOLDEN = golden();

    @TempDir
    Path directory;

    private static JsonNode golden() {
        try {
            return new ObjectMapper().readTree(FILES.resolve("ids.json").toFile());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static SentencePieceCutter cutter(SentencePieceModel model) {
        Map<String, Integer> ids = new LinkedHashMap<>();
        IntStream.range(0, model.pieces().size()).forEach(id -> ids.put(model.pieces().get(id).text(), id));
        return new SentencePieceCutter(model, new Table(ids, Set.of(), model.unknown()));
    }

    private static int[] ints(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {"unigram", "t5", "bpe", "bytes"})
    void idsAreTheSame(String name) {
        SentencePieceCutter cutter = cutter(SentencePieceModel.read(FILES.resolve(name + ".model")));
        JsonNode texts = GOLDEN.path("texts");
        assertThat(texts.size()).isGreaterThan(150);
        for (int i = 0; i < texts.size(); i++) {
            assertThat(cutter.cut(texts.get(i).asText()).ids()).as("%s: \"%s\"", name, texts.get(i).asText()).isEqualTo(ints(GOLDEN.path("ids").path(name).get(i)));
        }
    }

    /** Spans follow one another, and each piece without rules of its own is the text in its span. */
    @ParameterizedTest
    @ValueSource(strings = {"unigram", "bpe", "bytes"})
    void spansAreOfTheText(String name) {
        SentencePieceModel model = SentencePieceModel.read(FILES.resolve(name + ".model"));
        SentencePieceCutter cutter = cutter(model);
        for (JsonNode each : GOLDEN.path("texts")) {
            String text = each.asText();
            TextPieces pieces = cutter.cut(text);
            int[] ids = pieces.ids();
            for (int i = 0; i < ids.length; i++) {
                assertThat(pieces.from()[i]).isBetween(0, pieces.to()[i]);
                assertThat(pieces.to()[i]).isLessThanOrEqualTo(text.length());
                assertThat(i == 0 || pieces.from()[i] >= pieces.from()[i - 1]).isTrue();
                String span = text.substring(pieces.from()[i], pieces.to()[i]);
                if (model.charsmap().isEmpty() && ids[i] != model.unknown() && Decoding.fallbackByte(model.pieces().get(ids[i]).text()) < 0) {
                    assertThat(bare(span)).as(text).isEqualTo(bare(model.pieces().get(ids[i]).text()));
                }
            }
        }
    }

    /** Without the spaces, of which some are given and some removed. */
    private static String bare(String text) {
        return text.replaceAll("[ ▁]", "");
    }

    /** A long text takes no time that grows with its square, nor with the longest piece. */
    @Test
    void longTextsAreCutInOneGo() {
        SentencePieceCutter cutter = cutter(SentencePieceModel.read(FILES.resolve("unigram.model")));
        String part = "The cat sat on the mat, 你好。ﬁ ";
        int one = cutter.cut(part).ids().length;
        assertThat(cutter.cut(part.repeat(20_000)).ids()).hasSize(20_000 * one);
    }

    @Test
    void damagedFilesAreRefusedByName() throws IOException {
        byte[] whole = Files.readAllBytes(FILES.resolve("t5.model"));
        Path file = directory.resolve("spiece.model");
        var random = new Random(5);
        for (int i = 0; i < 400; i++) {
            byte[] bytes = i < 100 ? Arrays.copyOf(whole, random.nextInt(whole.length)) : whole.clone();
            for (int n = i < 100 ? 0 : 1 + random.nextInt(6); n > 0; n--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            Files.write(file, bytes);
            try {
                cutter(SentencePieceModel.read(file)).cut("The ﬁrst cat… 你好 a\u0308\u0304");
            } catch (IllegalArgumentException e) {
                assertThat(e.getMessage()).contains("spiece.model").doesNotContain("\n");
            }
        }
        Files.write(file, new byte[0]);
        assertThatThrownBy(() -> SentencePieceModel.read(file)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("one unknown token");
        Files.write(file, Arrays.copyOf(whole, 100));
        assertThatThrownBy(() -> SentencePieceModel.read(file)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("cut off");
    }
}
