package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AdapterConfigsAreReadAsPeftReadsThemTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String PLAIN = "{\"peft_type\": \"LORA\", \"r\": 16, \"lora_alpha\": 16, \"target_modules\": [\"q_proj\"]}";

    @TempDir
    Path directory;

    private LoraConfig read(String text) throws IOException {
        Files.writeString(directory.resolve(LoraConfig.FILE), text);
        return LoraConfig.read(directory);
    }

    private LoraConfig with(String field, JsonNode value) throws IOException {
        var config = (ObjectNode) JSON.readTree(PLAIN);
        config.set(field, value);
        return read(config.toString());
    }

    private void refused(String text, String... words) {
        assertThatThrownBy(() -> read(text)).as(text.length() > 200 ? text.substring(0, 200) : text).isInstanceOf(FormatException.class)
                .hasMessageStartingWith(directory.resolve(LoraConfig.FILE).toString()).hasMessageContainingAll(words).hasMessageNotContaining("\n");
    }

    /** Names, regular expressions in Python's syntax, layers and exclusions, and patterns of ranks. */
    @Test
    void modulesAndRanksAreThoseOfPeft() throws IOException {
        JsonNode peft;
        try (var in = getClass().getResourceAsStream("/peft/targets.json")) {
            peft = JSON.readTree(in);
        }
        for (JsonNode one : peft.get("targets")) {
            var config = (ObjectNode) JSON.readTree(PLAIN);
            config.setAll((ObjectNode) one.get("config"));
            LoraConfig read = read(config.toString());
            var adapted = new StringBuilder();
            peft.get("modules").forEach(module -> adapted.append(read.adapts(module.asText()) ? 1 : 0));
            assertThat(adapted).as(one.get("config").toString()).hasToString(one.get("adapted").asText());
            Path again = Files.createDirectories(directory.resolve("again"));
            Files.writeString(again.resolve(LoraConfig.FILE), read.json());
            assertThat(LoraConfig.read(again)).isEqualTo(read);
        }
        for (JsonNode one : peft.get("ranks")) {
            LoraConfig read = with("rank_pattern", one.get("rank_pattern"));
            for (int i = 0; i < peft.get("modules").size(); i++) {
                assertThat(read.rank(peft.get("modules").get(i).asText())).as(one.get("rank_pattern") + " " + peft.get("modules").get(i))
                        .isEqualTo(one.get("ranks").get(i).asInt());
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"r | 8.5", "r | \"8\"", "r | 0", "r | 8.0", "r | true", "r | null", "r | 3000000000", "lora_alpha | \"16\"", "lora_alpha | null",
        "lora_alpha | 1e999", "lora_alpha | [16]", "lora_dropout | \"0.1\"", "lora_dropout | 1.0", "use_dora | \"yes\"", "use_dora | 1", "use_rslora | \"true\"",
        "fan_in_fan_out | 0", "target_modules | [1]", "target_modules | [\"\"]", "target_modules | []", "target_modules | null", "target_modules | {}",
        "target_modules | 7", "rank_pattern | []", "rank_pattern | {\"q\": \"8\"}", "rank_pattern | {\"q\": 0}", "rank_pattern | {\"q\": 2.5}",
        "rank_pattern | {\"(\": 2}", "alpha_pattern | {\"q\": true}", "alpha_pattern | \"q\"", "base_model_name_or_path | 5", "bias | false",
        "layers_to_transform | \"1\"", "layers_to_transform | [1.5]", "layers_to_transform | -1", "layers_pattern | [3]", "exclude_modules | {}", "peft_type | 1"})
    void aFieldOfAWrongTypeIsNamed(String field, String value) {
        refused("{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 16, \"target_modules\": [\"q_proj\"]}".replaceFirst(
                "\"" + field + "\": (\\[[^]]*\\]|[^,}]+)(, )?", "").replaceFirst("\\{", "{\"" + field + "\": " + value.replace("\\", "\\\\") + ", ")
                .replace(", }", "}"), value.contains("(") ? "not a regular expression" : field.equals("lora_dropout") ? "dropout" : field);
    }

    @ParameterizedTest
    @ValueSource(strings = {"modules_to_save | [\"lm_head\"]", "bias | \"all\"", "bias | \"lora_only\"", "lora_bias | true", "use_qalora | true", "use_bdlora | {\"a\": 1}",
        "layer_replication | [[0, 2]]", "trainable_token_indices | [1]", "target_parameters | [\"w\"]", "monteclora_config | {\"n\": 1}",
        "init_lora_weights | \"lora_ga\"", "init_lora_weights | \"pissa_niter_4\"", "init_lora_weights | \"OLoRA\""})
    void whatWouldChangeTheNumbersIsRefusedByName(String setting) {
        String[] parts = setting.split(" \\| ");
        refused(PLAIN.replaceFirst("\\{", "{\"" + parts[0] + "\": " + parts[1].replace("\\", "\\\\") + ", "), parts[0]);
    }

    @Test
    void filesThatCannotBeConfigurations() throws IOException {
        refused(PLAIN.replace("{", "{\"r\": 4, "), "uplicate");
        refused(PLAIN + "}", "line 1");
        refused(PLAIN.replace("16}", "NaN}").replace("\"lora_alpha\": 16", "\"lora_alpha\": NaN"), "expected a JSON object");
        refused(" ".repeat(17 << 20), "bytes of JSON");
        refused("[".repeat(5000), "expected a JSON object");
        refused("{\"peft_type\": \"LORA\", \"r\": 8, \"target_modules\": [\"q\"]}", "lora_alpha: expected a number, found no such field");
        var many = JSON.createObjectNode();
        for (int i = 0; i < 5000; i++) {
            many.put("m" + i, 1);
        }
        refused(PLAIN.replaceFirst("\\{", "{\"rank_pattern\": " + many + ", "), "rank_pattern", "4096");
    }

    /** Each of these would take a plain matcher longer than anybody waits, or its stack. */
    @ParameterizedTest
    @ValueSource(strings = {"(([a-z_.0-9]+)+)+!", "(.*.*.*.*.*.*.*.*.*.*.*.*)*!", "(?P<x>(.|.)+)+(?P=x)!"})
    @Timeout(120)
    void aMatchThatTakesTooLongIsGivenUp(String regex) throws IOException {
        String module = "model.layers.0.self_attn.q_proj.of.a.long.name.with.many.parts";
        LoraConfig target = with("target_modules", JSON.getNodeFactory().textNode(regex));
        assertThatThrownBy(() -> target.adapts(module)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("takes too long");
        LoraConfig rank = with("rank_pattern", JSON.createObjectNode().put(regex, 4));
        assertThatThrownBy(() -> rank.rank(module)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("takes too long");
    }

    @Test
    @Timeout(120)
    void regularExpressionsTooLongOrTooDeepAreRefused() {
        for (String regex : List.of("a".repeat(20_000), "(".repeat(4999) + ")".repeat(5001), "(?P=nobody)", "(?P<a>x)(?P=b)", "*", "[a", "(?P<a>")) {
            refused(PLAIN.replace("[\"q_proj\"]", JSON.getNodeFactory().textNode(regex).toString()), "regular expression");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"adapter_model.bin", "adapter_model.pt", "pytorch_model.bin"})
    void weightsInPickleComeWithTheWayOut(String name) throws IOException {
        assertThatThrownBy(() -> LoraConfig.weights(directory)).isInstanceOf(FormatException.class).hasMessageContaining("download");
        Files.writeString(directory.resolve(name), "");
        assertThatThrownBy(() -> LoraConfig.weights(directory)).isInstanceOf(FormatException.class)
                .hasMessageContainingAll(directory.resolve(name).toString(), "pickle", "save_pretrained", LoraConfig.WEIGHTS);
        Files.writeString(directory.resolve(LoraConfig.WEIGHTS), "");
        assertThat(LoraConfig.weights(directory)).isEqualTo(directory.resolve(LoraConfig.WEIGHTS));
    }
}
