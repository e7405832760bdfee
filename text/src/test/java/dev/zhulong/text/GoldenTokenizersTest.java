package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GoldenTokenizersTest {
    @ParameterizedTest
    @ValueSource(strings = {"stories15M", "stories260K"})
    void theGoldenIdsAreTheGoldenTextWithOneBos(String model) throws IOException {
        JsonNode golden = new ObjectMapper().readTree(Texts.shared("golden/" + model + ".json").toFile());
        int[] ids = StreamSupport.stream(golden.path("input_ids").spliterator(), false).mapToInt(JsonNode::intValue).toArray();
        String text = golden.path("greedy_text").textValue();
        try (var tokenizer = HuggingFaceTokenizer.load(Texts.shared("assets/" + model))) {
            assertThat(tokenizer.addsBos()).isTrue();
            assertThat(tokenizer.decode(ids)).isEqualTo(text);
            assertThat(tokenizer.bos()).hasValue(ids[0]);
            assertThat(ids).startsWith(tokenizer.bos().getAsInt());
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
            assertThat(tokenizer.encode(text)).as("neither encoder adds BOS").doesNotContain(tokenizer.bos().getAsInt());
            assertThat(tokenizer.encodeWithControl(text)).isEqualTo(tokenizer.encode(text));
            StreamingDecoder decoder = tokenizer.decoder();
            StringBuilder out = new StringBuilder();
            Arrays.stream(ids).forEach(id -> out.append(decoder.next(id)));
            assertThat(out + decoder.flush()).isEqualTo(text);
        }
    }

    /** llama.cpp #4772: the text after a control token starts anew, with its own leading space. */
    @Test
    void aSpaceAfterAControlTokenIsTheFilesOwnRule() {
        try (var tokenizer = HuggingFaceTokenizer.load(Texts.shared("assets/stories15M"))) {
            int bos = tokenizer.bos().orElseThrow();
            int[] hello = tokenizer.encode("Once");
            assertThat(tokenizer.encodeWithControl("<s>Once")).startsWith(bos).endsWith(hello).hasSize(1 + hello.length);
            assertThat(tokenizer.encodeWithControl("<s> Once")).startsWith(bos).isNotEqualTo(tokenizer.encodeWithControl("<s>Once"));
            assertThat(tokenizer.decode(tokenizer.encodeWithControl("<s> Once"))).isEqualTo(" Once");
        }
    }

    @Test
    void configIsRead() {
        try (var gpt2 = HuggingFaceTokenizer.load(Texts.shared("assets/tokenizers/gpt2"));
                var qwen = HuggingFaceTokenizer.load(Texts.shared("assets/tokenizers/qwen2_5/tokenizer.json"))) {
            assertThat(gpt2.bos()).hasValue(50256);
            assertThat(gpt2.eos()).hasValue(50256);
            assertThat(gpt2.addsBos()).isFalse();
            assertThat(gpt2.vocabSize()).isEqualTo(50257);
            assertThat(qwen.bos()).isEmpty();
            assertThat(qwen.addsBos()).isFalse();
            assertThat(qwen.vocabSize()).isEqualTo(151665);
            assertThat(qwen.pad()).isEqualTo(qwen.id("<|endoftext|>"));
        }
    }

    @Test
    void moreThanFiveHundredAndTwelveTokensAreNotCutOff() {
        String text = "Once upon a time. ".repeat(2000);
        try (var tokenizer = HuggingFaceTokenizer.load(Texts.shared("assets/stories15M"))) {
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
            assertThat(tokenizer.encodeAll(List.of(text)).getFirst()).hasSizeGreaterThan(8000);
        }
    }

    @Test
    void wholeFilesComeBack() {
        for (String each : List.of("assets/tokenizers/gpt2", "assets/tokenizers/qwen2_5", "assets/stories15M")) {
            try (var tokenizer = HuggingFaceTokenizer.load(Texts.shared(each))) {
                for (String file : List.of("tang-poetry.zh.txt", "tinyshakespeare.txt", "wikitext2.valid.txt")) {
                    String text = Texts.read(Texts.shared("assets/data/" + file));
                    text = Normalizer.normalize(text.substring(0, Math.min(text.length(), 50_000)), Normalizer.Form.NFC);
                    assertThat(tokenizer.decode(tokenizer.encode(text))).as("%s, %s", each, file).isEqualTo(text);
                }
            }
        }
    }
}
