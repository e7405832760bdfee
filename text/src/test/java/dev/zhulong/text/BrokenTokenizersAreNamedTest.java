package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BrokenTokenizersAreNamedTest {
    @TempDir
    Path directory;

    @Test
    void aMissingFile() {
        refused(directory, "tokenizer.json", "no such file");
        refused(directory.resolve("nowhere"), "nowhere", "no such file");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "{}", "null", "\u0000\u0001", "{\"model\": {}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": \"b\"}}}",
        "{\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": {\"a\": \"b\"}}}",
        "{\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": {\"a\": -1}}}",
        "{\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": {\"a\": 2000000000}}}",
        "{\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": {}}}",
        "{\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}",
        "{\"decoder\": {\"type\": \"CTC\"}, \"model\": {\"vocab\": {\"a\": 0}}}",
        "{\"decoder\": {\"type\": \"ByteLevel\"}, \"added_tokens\": [{\"id\": \"x\"}], \"model\": {\"vocab\": {\"a\": 0}}}"})
    void malformedContent(String content) throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), content);
        refused(directory, "tokenizer.json");
    }

    @Test
    void aMalformedConfig() throws IOException {
        TokenizerJson.write(directory, Texts.train(256, List.of(), PreTokenizer.GPT2), Texts.PLAIN);
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"bos_token\": ");
        refused(directory, "tokenizer_config.json", "malformed JSON");
    }

    @Test
    void aTruncatedFileAtAnyByte() throws IOException {
        TokenizerJson.write(directory, Texts.train(300, Texts.ownSources(), PreTokenizer.LLAMA3, "<s>"), Texts.PLAIN);
        byte[] whole = Files.readAllBytes(directory.resolve("tokenizer.json"));
        Random random = new Random(1);
        for (int i = 0; i < 100; i++) {
            Files.write(directory.resolve("tokenizer.json"), Arrays.copyOf(whole, random.nextInt(whole.length - 1)));
            refused(directory, "tokenizer.json");
        }
    }

    @Test
    void idsOutsideTheVocabularyAndInItsHoles() throws IOException {
        TokenizerJson.write(directory, Texts.train(256, List.of(), PreTokenizer.GPT2), Texts.PLAIN);
        Path file = directory.resolve("tokenizer.json");
        Files.writeString(file, Files.readString(file).replaceFirst("\"added_tokens\" : \\[ *\\]", """
                "added_tokens": [{"id": 300, "content": "<|far|>", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true}, {"id": 290, "content": "<|near|>", "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true}]"""));
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            assertThat(tokenizer.vocabSize()).isEqualTo(301);
            assertThat(tokenizer.tokens()).isEqualTo(258);
            assertThat(tokenizer.encodeWithControl("a<|far|><|near|>")).containsExactly('a', 300, 290);
            assertThat(tokenizer.encode("<|far|>")).doesNotContain(300);
            assertThatThrownBy(() -> tokenizer.decode(new int[] {65, 301})).hasMessageContaining("301")
                    .hasMessageContaining("tokenizer.json");
            assertThatThrownBy(() -> tokenizer.bytes(-1)).hasMessageContaining("-1").hasMessageContaining("0 to 300");
            assertThatThrownBy(() -> tokenizer.decoder().next(270)).hasMessageContaining("270").hasMessageContaining("hole");
        }
    }

    @Test
    void aClosedTokenizer() {
        TokenizerJson.write(directory, Texts.train(256, List.of(), PreTokenizer.GPT2), Texts.PLAIN);
        var tokenizer = HuggingFaceTokenizer.load(directory);
        tokenizer.close();
        tokenizer.close();
        assertThatThrownBy(() -> tokenizer.encode("a")).isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
        assertThatThrownBy(() -> tokenizer.encodeWithControl("a")).isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
    }

    @Test
    void trainersRefuseWhatCannotBe() {
        assertThatThrownBy(() -> new BpeTrainer(256, List.of("<s>"))).hasMessageContaining("257");
        assertThatThrownBy(() -> new BpeTrainer(300, List.of("<s>", "<s>"))).hasMessageContaining("<s>");
        assertThatThrownBy(() -> TokenizerJson.write(directory, Texts.train(256, List.of(), PreTokenizer.GPT2),
                new TokenizerJson.Settings(null, "<eos>", null, false, 1))).hasMessageContaining("<eos>");
        assertThatThrownBy(() -> CharacterVocabulary.of(List.of(""), List.of())).hasMessageContaining("empty");
    }

    private static void refused(Path path, String... mentions) {
        assertThatThrownBy(() -> HuggingFaceTokenizer.load(path).close()).isInstanceOf(IllegalArgumentException.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(mentions).doesNotContain("\n"));
    }
}
