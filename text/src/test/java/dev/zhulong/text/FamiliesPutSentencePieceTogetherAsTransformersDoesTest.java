package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Which ids pieces have and what stands around a text: Marian and M2M-100 against transformers 5.18, which runs sentencepiece for them; the others by the places
 * that fairseq and T5 gave their tokens.
 */
class FamiliesPutSentencePieceTogetherAsTransformersDoesTest {
    private static final Path FILES = Path.of("src/test/resources/sentencepiece");

    @TempDir
    Path directory;

    private JsonNode golden;

    @BeforeEach
    void read() throws IOException {
        golden = new ObjectMapper().readTree(FILES.resolve("families.json").toFile());
    }

    private void copy(String from, String to) throws IOException {
        Files.copy(FILES.resolve(from), directory.resolve(to));
    }

    private void config(String json) throws IOException {
        Files.writeString(directory.resolve("tokenizer_config.json"), json);
    }

    private static int[] ints(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
    }

    private int[] ids(EncoderTokenizer tokenizer, String text) {
        return tokenizer.encode(text, 512).ids();
    }

    private void marian() throws IOException {
        copy("unigram.model", "source.spm");
        copy("bpe.model", "target.spm");
        copy("marian-vocab.json", "vocab.json");
        config("{\"tokenizer_class\": \"MarianTokenizer\"}");
    }

    @Test
    void marianReadsWithOneFileAndWritesWithAnother() throws IOException {
        marian();
        try (EncoderTokenizer tokenizer = EncoderTokenizer.load(directory)) {
            JsonNode texts = golden.path("texts");
            for (int i = 0; i < texts.size(); i++) {
                String text = texts.get(i).asText();
                if (text.startsWith(">>xyz<<")) {
                    // transformers takes what looks like a language for an unknown token; here it is text
                    assertThat(ids(tokenizer, text)).isEqualTo(ids(tokenizer, " " + text));
                    continue;
                }
                assertThat(ids(tokenizer, text)).as(text).isEqualTo(ints(golden.path("source").get(i)));
                if (!text.startsWith(">>")) {
                    assertThat(ids(tokenizer.target(), text)).as(text).isEqualTo(ints(golden.path("target").get(i)));
                    assertThat(tokenizer.tokenizer().decode(ints(golden.path("target").get(i))).strip()).isEqualTo(golden.path("decoded").get(i).asText().strip());
                }
            }
        }
    }

    @Test
    void m2m100CountsItsLanguagesBehindItsTable() throws IOException {
        copy("bpe.model", "sentencepiece.bpe.model");
        copy("m2m-vocab.json", "vocab.json");
        config("{\"tokenizer_class\": \"M2M100Tokenizer\", \"src_lang\": \"zh\"}");
        try (EncoderTokenizer tokenizer = EncoderTokenizer.load(directory)) {
            for (int i = 0; i < golden.path("m2m_langs").size(); i++) {
                assertThat(tokenizer.tokenizer().id(golden.path("m2m_langs").get(i).asText())).hasValue(golden.path("m2m_ids").get(i).asInt());
            }
            for (int i = 0; i < golden.path("texts").size(); i++) {
                assertThat(ids(tokenizer, golden.path("texts").get(i).asText())).isEqualTo(ints(golden.path("m2m").get(i)));
            }
        }
    }

    @Test
    void t5HasSentinelsBehindItsPiecesTheLastFirst() throws IOException {
        copy("t5.model", "spiece.model");
        Files.writeString(directory.resolve("config.json"), "{\"model_type\": \"t5\"}");
        SentencePieceModel model = SentencePieceModel.read(directory.resolve("spiece.model"));
        int pieces = model.pieces().size();
        try (EncoderTokenizer tokenizer = EncoderTokenizer.load(directory)) {
            assertThat(tokenizer.tokenizer().vocabSize()).isEqualTo(pieces + 100);
            assertThat(tokenizer.tokenizer().id("<extra_id_0>")).hasValue(pieces + 99);
            assertThat(tokenizer.tokenizer().id("<extra_id_99>")).hasValue(pieces);
            assertThat(tokenizer.tokenizer().pad()).hasValue(0);
            assertThat(ids(tokenizer, "the cat")).endsWith(1).doesNotContain(0);
            // in a text a sentinel is text, in a template it is itself
            assertThat(ids(tokenizer, "<extra_id_0>")).doesNotContain(pieces + 99);
            assertThat(tokenizer.tokenizer().encodeWithControl("the <extra_id_0>")).contains(pieces + 99);
        }
    }

    @Test
    void fairseqsModelsAreOnePlaceFurtherWithTheirLanguagesBehind() throws IOException {
        copy("unigram.model", "sentencepiece.bpe.model");
        SentencePieceModel model = SentencePieceModel.read(directory.resolve("sentencepiece.bpe.model"));
        int last = model.pieces().size();
        String third = model.pieces().get(5).text();
        for (String name : List.of("XLMRobertaTokenizerFast", "MBartTokenizer", "MBart50Tokenizer", "NllbTokenizer")) {
            config("{\"tokenizer_class\": \"" + name + "\"" + (name.startsWith("Nllb") ? ", \"additional_special_tokens\": [\"ace_Arab\", \"eng_Latn\"]" : "") + "}");
            try (EncoderTokenizer tokenizer = EncoderTokenizer.load(directory)) {
                InputTokenizer own = tokenizer.tokenizer();
                assertThat(List.of(own.id("<s>"), own.id("<pad>"), own.id("</s>"), own.id("<unk>"), own.id(third)))
                        .containsExactly(OptionalInt.of(0), OptionalInt.of(1), OptionalInt.of(2), OptionalInt.of(3), OptionalInt.of(6));
                int languages = name.startsWith("XLM") ? 0 : name.startsWith("MBart50") ? 52 : name.startsWith("MBart") ? 25 : 2;
                assertThat(own.id("<mask>")).as(name).hasValue(last + 1 + languages);
                int[] ids = ids(tokenizer, "the cat");
                int english = own.id(name.startsWith("Nllb") ? "eng_Latn" : "en_XX").orElse(-1);
                switch (name) {
                    case "XLMRobertaTokenizerFast" -> assertThat(ids).startsWith(0).endsWith(2);
                    case "MBartTokenizer" -> assertThat(ids).endsWith(2, english);
                    default -> assertThat(ids).startsWith(english).endsWith(2);
                }
            }
        }
    }

    /** As transformers numbers NLLB's 202 languages where a directory lists none. */
    @Test
    void theLanguagesOfNllbNeedNoList() throws IOException {
        copy("unigram.model", "sentencepiece.bpe.model");
        int behind = SentencePieceModel.read(directory.resolve("sentencepiece.bpe.model")).pieces().size() + 1;
        config("{\"tokenizer_class\": \"NllbTokenizer\", \"src_lang\": \"fra_Latn\"}");
        try (EncoderTokenizer tokenizer = EncoderTokenizer.load(directory)) {
            InputTokenizer own = tokenizer.tokenizer();
            assertThat(List.of(own.id("ace_Arab"), own.id("eng_Latn"), own.id("fra_Latn"), own.id("zho_Hans"), own.id("zul_Latn"), own.id("<mask>"))).containsExactly(
                    OptionalInt.of(behind), OptionalInt.of(behind + 46), OptionalInt.of(behind + 56), OptionalInt.of(behind + 199), OptionalInt.of(behind + 201),
                    OptionalInt.of(behind + 202));
            assertThat(ids(tokenizer, "the cat")).startsWith(behind + 56).endsWith(2);
        }
    }

    @Test
    void whatIsMissingIsNamed() throws IOException {
        copy("unigram.model", "sentencepiece.bpe.model");
        config("{\"tokenizer_class\": \"LlamaTokenizer\"}");
        assertThatThrownBy(() -> EncoderTokenizer.load(directory)).hasMessageContaining("LlamaTokenizer");
        config("{\"tokenizer_class\": \"M2M100Tokenizer\"}");
        assertThatThrownBy(() -> EncoderTokenizer.load(directory)).hasMessageContaining("vocab.json");
        config("{\"tokenizer_class\": \"MBartTokenizer\", \"src_lang\": \"xx_XX\"}");
        assertThatThrownBy(() -> EncoderTokenizer.load(directory)).hasMessageContaining("xx_XX");
    }

    @Nested
    class KeepsTheContract extends TokenizerContract<PublishedSentencePiece> {
        @Override
        protected PublishedSentencePiece tokenizer() {
            try {
                copy("bytes.model", "spiece.model");
                config("{\"tokenizer_class\": \"T5Tokenizer\"}");
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
            return PublishedSentencePiece.load(directory);
        }
    }
}
