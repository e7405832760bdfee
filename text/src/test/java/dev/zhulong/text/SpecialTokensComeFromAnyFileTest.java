package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.text.chat.ChatTemplate;
import dev.zhulong.text.chat.Conversation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The order is transformers': {@code special_tokens_map.json} before {@code tokenizer_config.json}, unless that has its own table of added tokens. */
class SpecialTokensComeFromAnyFileTest {
    @TempDir
    Path directory;

    @BeforeEach
    void write() throws IOException {
        TokenizerJson.write(directory, Texts.train(300, Texts.ownSources(), PreTokenizer.GPT2, "<s>", "</s>", "<e>"), Texts.PLAIN);
        config("{}");
    }

    private void config(String json) throws IOException {
        Files.writeString(directory.resolve("tokenizer_config.json"), json);
    }

    private void map(String json) throws IOException {
        Files.writeString(directory.resolve("special_tokens_map.json"), json);
    }

    private void check(String bos, String eos) {
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            assertThat(tokenizer.bos()).isEqualTo(bos == null ? java.util.OptionalInt.empty() : tokenizer.id(bos));
            assertThat(tokenizer.eos()).isEqualTo(eos == null ? java.util.OptionalInt.empty() : tokenizer.id(eos));
        }
        try {
            Files.writeString(directory.resolve("chat_template.jinja"), "{{ bos_token }} {{ eos_token }}");
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        assertThat(ChatTemplate.load(directory).render(Conversation.of(), false).toString()).isEqualTo((bos == null ? "" : bos) + " " + (eos == null ? "" : eos));
    }

    @Test
    void theMapAloneAndWithoutAConfiguration() throws IOException {
        map("{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\", \"lstrip\": false, \"normalized\": false}}");
        check("<s>", "</s>");
        Files.delete(directory.resolve("tokenizer_config.json"));
        check("<s>", "</s>");
    }

    @Test
    void theMapBeforeTheConfigurationUnlessItHasATableOfTokens() throws IOException {
        config("{\"bos_token\": \"<s>\", \"eos_token\": \"<e>\"}");
        check("<s>", "<e>");
        map("{\"eos_token\": \"</s>\"}");
        check("<s>", "</s>");
        config("{\"bos_token\": \"<s>\", \"eos_token\": \"<e>\", \"added_tokens_decoder\": {}}");
        check("<s>", "<e>");
    }

    @Test
    void aMapThatIsNoJsonIsNamed() throws IOException {
        map("{\"bos_token\": ");
        assertThatThrownBy(() -> HuggingFaceTokenizer.load(directory).close()).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("special_tokens_map.json");
    }

    @Test
    void addedTokensThatOnlyAnOlderFileHas() throws IOException {
        Files.writeString(directory.resolve("added_tokens.json"), "{\"<tool>\": 300, \"<pad>\": 301, \"<more>\": 302, \"<s>\": 0}");
        map("{\"pad_token\": \"<pad>\", \"eos_token\": \"</s>\", \"additional_special_tokens\": [{\"content\": \"<more>\"}]}");
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            assertThat(tokenizer.vocabSize()).isEqualTo(303);
            assertThat(tokenizer.encodeWithControl("a<tool><pad>")).endsWith(300, 301);
            assertThat(tokenizer.encode("a<tool><pad>")).doesNotContain(300, 301);
            assertThat(tokenizer.pad()).hasValue(301);
            assertThat(List.of(tokenizer.isControl(300), tokenizer.isControl(301), tokenizer.isControl(302))).containsExactly(false, true, true);
        }
    }

    /** A token of the vocabulary that the configuration names is control, whether or not it is among the added tokens. */
    @Test
    void aNamedTokenOfTheVocabularyIsNoText() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        Files.writeString(file, Files.readString(file).replaceAll("(?s)\"added_tokens\" : \\[.*?\\]", "\"added_tokens\" : []"));
        config("{\"eos_token\": \"</s>\"}");
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            int eos = tokenizer.eos().orElseThrow();
            assertThat(tokenizer.isControl(eos)).isTrue();
            assertThat(tokenizer.encodeWithControl("a</s>")).endsWith(eos);
            assertThat(tokenizer.encode("a</s>")).doesNotContain(eos);
        }
    }
}
