package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.gguf.GgufValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Trap 45: what each name of {@code tokenizer.ggml.pre} cuts apart. A vocabulary of the bare bytes shows the cuts. */
class GgufPreTokenizersCutAsTheirModelsDoTest {
    @TempDir
    Path directory;

    private Path bytesOnly(String name) throws IOException {
        GgufPreTokenizer pre = GgufPreTokenizer.named(name).orElseThrow();
        TokenizerJson.write(directory, new BpeVocabulary(PreTokenizer.GPT2, List.of(), List.of()), Texts.PLAIN);
        Path file = directory.resolve("tokenizer.json");
        ObjectNode json = (ObjectNode) new ObjectMapper().readTree(file.toFile());
        json.set("pre_tokenizer", pre.json());
        ((ObjectNode) json.path("model")).put("ignore_merges", pre.ignoreMerges());
        if (pre.composes()) {
            json.putObject("normalizer").put("type", "NFC");
        }
        Files.writeString(file, json.toString());
        return directory;
    }

    private String cut(String name, String text) throws IOException {
        try (Library library = Library.load(bytesOnly(name))) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            long[] words = library.words(text);
            assertThat(words).hasSize(utf8.length);
            StringBuilder out = new StringBuilder();
            int from = 0;
            for (int i = 1; i <= words.length; i++) {
                if (i == words.length || words[i] != words[i - 1]) {
                    out.append(from == 0 ? "" : "|").append(new String(utf8, from, i - from, StandardCharsets.UTF_8));
                    from = i;
                }
            }
            return out.toString();
        }
    }

    /** Worked out by hand from the published expressions; {@code _} is a space, {@code ¶} a line end. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '`', value = {
        "gpt-2;I'LL pay 12345 now...¶  ok;I|'|LL|_pay|_12345|_now|...|¶_|_ok",
        "qwen2;I'LL pay 12345 now...¶  ok;I|'LL|_pay|_|1|2|3|4|5|_now|...¶|_|_ok",
        "deepseek-r1-qwen;I'LL pay 12;I|'LL|_pay|_|1|2",
        "llama-bpe;I'LL pay 12345 now...¶  ok;I|'LL|_pay|_|123|45|_now|...¶|_|_ok",
        "dbrx;x12345;x|123|45",
        "smollm;I'll pay 12345 now;I|'ll|_pay|_|1|2|3|4|5|_now",
        "starcoder;a12;a|1|2",
        "tekken;helloWorld HTTPServer 12 a/b;hello|World|_HTTPServer|_|1|2|_a|/b",
        "gpt-4o;helloWorld's 12345;hello|World's|_|123|45",
        "deepseek-llm;Price: 12345 東京¶;Price|:|_|12345|_|東京|¶",
        "deepseek-coder;Price: 123 東京¶;Price|:|_|1|2|3|_|東京|¶",
        "deepseek-v3;foo.Bar 12345 東京カ!;foo|.Bar|_|123|45|_|東京カ|!",
        "falcon;a,b 12345;a|,|b|_|123|45",
        "default;a,b 12345;a|,|b|_|123|45",
    })
    void table(String name, String text, String expected) throws IOException {
        assertThat(cut(name, text.replace('¶', '\n'))).isEqualTo(expected.replace('_', ' ').replace('¶', '\n'));
    }

    /** What is written under a name is read as the same again, for every name. */
    @ParameterizedTest
    @ValueSource(strings = {"gpt-2", "qwen2", "deepseek-r1-qwen", "llama-bpe", "dbrx", "smollm", "tekken", "gpt-4o", "deepseek-llm",
        "deepseek-coder", "deepseek-v3", "falcon", "default"})
    void eachIsFoundAgainByWhatItDoes(String name) throws IOException {
        assertThat(GgufVocabulary.of(bytesOnly(name), 256).get(GgufTokenizer.PRE)).isEqualTo(GgufValue.of(name));
    }

    @Test
    void whatHasNoNameIsRefused() throws IOException {
        Path file = bytesOnly("gpt-2").resolve("tokenizer.json");
        String text = Files.readString(file);
        Files.writeString(file, text.replace("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFKC\"}"));
        assertThatThrownBy(() -> GgufVocabulary.of(directory, 256)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cannot be written as GGUF").message().doesNotContain("\n");
        Files.writeString(file, text.replace("\"use_regex\":true", "\"use_regex\":false"));
        assertThatThrownBy(() -> GgufVocabulary.of(directory, 256)).hasMessageContaining("pre-tokenizer");
    }
}
