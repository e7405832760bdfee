package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What a {@link Tokenizer} owes those who use one. The test of a tokenizer says which one is tried.
 *
 * @param <T> the tokenizer
 */
public abstract class TokenizerContract<T extends Tokenizer> {
    private static final List<String> TEXTS = List.of("", "a", " ", "Hello, world!", "  two  spaces  ", "\ttabs\nand\r\nnewlines\n\n", "int x = 3; // <= 4",
            "春眠不覺曉，處處聞啼鳥。", "😀 👩‍👩‍👧 🇨🇳 👍🏽", "é e\u0301 ß ﬁ", "\u0000\uFEFF\uFFFD\uE000", "don't 12345 ３", "العربية हिन्दी ไทย 한국어");

    private T tokenizer;

    /** To be closed by the caller. */
    protected abstract T tokenizer();

    /** The control token that stands for text the vocabulary has no tokens for; without one, every text comes back as it was. */
    protected OptionalInt unknown() {
        return OptionalInt.empty();
    }

    @BeforeEach
    void open() {
        tokenizer = tokenizer();
    }

    @AfterEach
    void close() {
        if (tokenizer != null) {
            tokenizer.close();
        }
    }

    @Test
    protected void aTextComesBackAsItWas() {
        for (String text : TEXTS) {
            int[] ids = tokenizer.encode(text);
            if (unknown().isPresent()) {
                assertThat(tokenizer.encode(tokenizer.decode(ids))).as("what is left of \"%s\"", text).isEqualTo(known(ids));
                continue;
            }
            assertThat(tokenizer.decode(ids)).isEqualTo(text);
            var bytes = new ByteArrayOutputStream();
            for (int id : ids) {
                bytes.writeBytes(tokenizer.bytes(id));
            }
            // some put a space before a text
            assertThat(bytes.toString(StandardCharsets.UTF_8)).isIn(text, " " + text);
        }
    }

    @Test
    protected void aTextHoldsTokensOfTheVocabularyAndNoControlTokens() {
        for (String text : withControl()) {
            for (int id : known(tokenizer.encode(text))) {
                assertThat(id).isBetween(0, tokenizer.vocabSize() - 1);
                assertThat(tokenizer.has(id)).isTrue();
                assertThat(tokenizer.isControl(id)).as("token %d of \"%s\"", id, text).isFalse();
            }
        }
        assertThat(tokenizer.has(-1)).isFalse();
        assertThat(tokenizer.has(tokenizer.vocabSize())).isFalse();
    }

    @Test
    protected void controlTokensAreReadFromTemplatesAloneAndHaveNoText() {
        for (Map.Entry<String, Integer> token : tokenizer.controlTokens().entrySet()) {
            int id = token.getValue();
            String text = "a" + token.getKey() + "b";
            assertThat(tokenizer.isControl(id)).isTrue();
            assertThat(tokenizer.id(token.getKey())).hasValue(id);
            assertThat(tokenizer.bytes(id)).isEmpty();
            assertThat(tokenizer.encode(text)).doesNotContain(id);
            assertThat(tokenizer.decode(new int[] {id})).isEmpty();
            int[] read = tokenizer.encode("a");
            assertThat(tokenizer.decode(IntStream.concat(IntStream.of(id), IntStream.of(read)).toArray())).isEqualTo(tokenizer.decode(read));
        }
        tokenizer.marks().forEach((spelling, id) -> {
            assertThat(tokenizer.encodeWithControl("a" + spelling + "b")).contains(id);
            assertThat(tokenizer.encode("a" + spelling + "b")).doesNotContain(id);
        });
    }

    @Test
    protected void marksAreTokensWhereTheyAreNamed() {
        tokenizer.marks().forEach((spelling, id) -> {
            String text = spelling + "a" + spelling + spelling;
            var mark = new Tokenizer.Mark(spelling.length() + 1, 2 * spelling.length() + 1, id);
            int[] ids = tokenizer.encode(text, List.of(mark));
            assertThat(IntStream.of(ids).filter(each -> each == id)).hasSize(1);
            int at = IntStream.range(0, ids.length).filter(i -> ids[i] == id).findFirst().orElseThrow();
            assertThat(Arrays.copyOf(ids, at)).isEqualTo(tokenizer.encode(spelling + "a"));
        });
    }

    @Test
    protected void encodingAddsNeitherBeginningNorEnd() {
        for (String text : TEXTS) {
            int[] ids = tokenizer.encodeWithControl(text);
            tokenizer.bos().ifPresent(bos -> assertThat(ids).doesNotContain(bos));
            tokenizer.eos().ifPresent(eos -> assertThat(ids).doesNotContain(eos));
        }
    }

    @Test
    protected void manyTextsAreEncodedAsEachAlone() {
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            texts.addAll(withControl());
        }
        List<int[]> together = tokenizer.encodeAll(texts);
        assertThat(together).hasSameSizeAs(texts);
        for (int i = 0; i < texts.size(); i++) {
            assertThat(together.get(i)).isEqualTo(tokenizer.encode(texts.get(i)));
        }
    }

    @Test
    protected void aStreamSplitsNoCharacterAndIsTheWholeText() {
        StreamingDecoder decoder = tokenizer.decoder();
        for (String text : withControl()) {
            int[] ids = tokenizer.encode(text);
            var joined = new StringBuilder();
            for (int id : ids) {
                String piece = decoder.next(id);
                assertThat(HuggingFaceTokenizer.withoutLoneSurrogates(piece)).isEqualTo(piece);
                assertThat(piece.contains("\uFFFD")).as("half a character in \"%s\" of \"%s\"", piece, text).isEqualTo(text.contains("\uFFFD") && piece.contains("\uFFFD"));
                joined.append(piece);
            }
            joined.append(decoder.flush());
            assertThat(joined.toString()).isEqualTo(tokenizer.decode(ids));
        }
    }

    @Test
    protected void halfACharacterIsHeldBackUntilItIsWholeOrTheEnd() {
        int[] ids = tokenizer.encode("a😀");
        if (IntStream.of(ids).anyMatch(id -> unknown().isPresent() && id == unknown().getAsInt())) {
            return;
        }
        int[] cut = Arrays.copyOf(ids, ids.length - 1);
        StreamingDecoder decoder = tokenizer.decoder();
        var joined = new StringBuilder();
        for (int id : cut) {
            joined.append(decoder.next(id));
        }
        assertThat(joined.toString()).isEqualTo("a");
        assertThat(joined.append(decoder.flush()).toString()).isEqualTo(tokenizer.decode(cut));
    }

    private int[] known(int[] ids) {
        return IntStream.of(ids).filter(id -> unknown().isEmpty() || id != unknown().getAsInt()).toArray();
    }

    private List<String> withControl() {
        List<String> texts = new ArrayList<>(TEXTS);
        for (String spelling : tokenizer.controlTokens().keySet()) {
            texts.add("before " + spelling + spelling + "\nafter");
        }
        return texts;
    }
}
