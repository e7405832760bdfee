package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code zhulong plan}: from options to figures, in words and in JSON. */
class PlansAreComputedWithoutAModelTest {
    @TempDir
    Path temporary;

    private static JsonNode json(Object... words) throws IOException {
        return new ObjectMapper().readTree(Cli.run(words).done().out());
    }

    /** 175 billion parameters on 1,024 GPUs: 16 and 18 bytes each, and what is sent is three times the size of 16 bits' weights and F32 gradients, less a 1,024th. */
    @Test
    void ofALargeModel() throws IOException {
        JsonNode plan = json("plan", "--model", "gpt3-175b", "--tokens", "300B", "--devices", 1024, "--device", "a100-80gb", "--strategy", "zero3", "--recompute", "--batch", 1, "--json");
        double parameters = plan.get("parameters").asDouble();
        assertThat(parameters).isBetween(174.5e9, 175.5e9);
        assertThat(plan.get("state_bytes_16").asDouble()).isEqualTo(16 * parameters);
        assertThat(plan.get("state_bytes_18").asDouble()).isEqualTo(18 * parameters);
        JsonNode chosen = plan.get("chosen");
        assertThat(chosen.get("traffic_bytes_a_step").asDouble()).isCloseTo((4 + 2 * 2) * parameters * 1023 / 1024, within(1e6));
        assertThat(chosen.has("co2_kg")).isFalse();
        assertThat(chosen.get("tokens_a_step").asDouble()).isEqualTo(1024 * 2048);
        assertThat(plan.get("options")).hasSize(1);
    }

    /** A directory needs a config.json and nothing else; its parameters are those of the sizes that it states. */
    @Test
    void ofADirectoryWithoutWeights() throws IOException {
        Files.writeString(temporary.resolve("config.json"), "{\"model_type\": \"llama\", \"hidden_size\": 64, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2,"
                + " \"intermediate_size\": 96, \"vocab_size\": 1000, \"max_position_embeddings\": 128, \"tie_word_embeddings\": true}");
        JsonNode plan = json("plan", "--model", temporary, "--tokens", "1M", "--device", "flops=1e12,memory=2e9,watts=100", "--grid", 500, "--price", 0.5, "--json");
        JsonNode sizes = json("plan", "--model", "layers=2,hidden=64,heads=4,kv-heads=2,ffn=96,vocab=1000,context=128,tied=true", "--tokens", "1M", "--device", "flops=1e12,memory=2e9", "--json");
        assertThat(plan.get("parameters")).isEqualTo(sizes.get("parameters"));
        assertThat(plan.get("seq").asInt()).isEqualTo(128);
        JsonNode chosen = plan.get("chosen");
        double hours = chosen.get("device_hours").asDouble();
        assertThat(chosen.get("kwh").asDouble()).isCloseTo(0.1 * hours, within(1e-12));
        assertThat(chosen.get("co2_kg").asDouble()).isCloseTo(0.05 * hours, within(1e-12));
        assertThat(chosen.get("price").asDouble()).isCloseTo(0.5 * hours, within(1e-12));
        String text = Cli.run("plan", "--model", temporary, "--tokens", "1M", "--device", "flops=1e12,memory=2e9").done().out();
        // a layer: query and output 64 x 64 each, key and value 64 x 32 each, three of 64 x 96, two norms; a norm at the end and the tied embedding
        assertThat(2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96 + 2 * 64) + 64 + 1000 * 64).isEqualTo(125_760);
        assertThat(text).contains("125,760 parameters", "chosen: ddp", "assumed:", "energy: not computed", "CO2: not computed").doesNotContain("NaN", "Infinity");
    }

    /** What cannot be is wrong usage; what nobody knows is named. */
    @Test
    void whatIsWrongIsSaid() {
        assertThat(Cli.run("plan", "--model", "gpt2", "--tokens", "many").code()).isEqualTo(2);
        assertThat(Cli.run("plan", "--model", "gpt2", "--tokens", "1M", "--device", "h100", "--strategy", "zero4").err()).contains("--strategy is auto, ddp, zero1, zero2 or zero3, found 'zero4'");
        assertThat(Cli.run("plan", "--model", "gpt2", "--tokens", "1M", "--device", "h100", "--mfu", 40).code()).isEqualTo(2);
        assertThat(Cli.run("plan", "--model", "gpt2", "--tokens", "1M", "--device", "h100", "--devices", 0).code()).isEqualTo(2);
        assertThat(Cli.run("plan", "--model", "gpt2", "--tokens", "1M", "--device", "h101").err()).contains("'h101' is no device with published figures");
    }
}
