package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code embed}. */
class EmbeddingsAreThoseOfTheDirectoryTest {
    @TempDir
    Path directory;

    @Test
    void onALineEachAndInATensor() throws IOException {
        Path model = Cli.shared("assets/all-MiniLM-L6-v2");
        JsonNode golden = JsonFields.MAPPER.readTree(Files.readAllBytes(model.resolve("golden.json")));
        List<Object> words = new ArrayList<>(List.of("embed", "--model", model));
        var lines = new StringBuilder();
        golden.forEach(each -> {
            words.addAll(List.of("--text", each.get("text").textValue()));
            lines.append(each.get("text").textValue()).append('\n');
        });
        Cli done = Cli.run(words.toArray()).done();
        assertThat(done.err()).contains("1 of 6 texts are longer than the 256 tokens");
        List<String> told = done.out().lines().toList();
        assertThat(told).hasSize(golden.size());
        for (int i = 0; i < told.size(); i++) {
            JsonNode vector = JsonFields.MAPPER.readTree(told.get(i));
            assertThat(vector).hasSize(384);
            for (int d = 0; d < 384; d++) {
                assertThat(vector.get(d).floatValue()).isCloseTo(golden.get(i).get("embedding").get(d).floatValue(), within(1e-5f));
            }
        }
        Path texts = Files.writeString(directory.resolve("texts.txt"), lines);
        Path jsonl = directory.resolve("v.jsonl");
        Cli.run("embed", "--model", model, "--text-file", texts, "--out", jsonl).done();
        assertThat(Files.readString(jsonl)).isEqualTo(String.join("\n", told) + "\n");
        Path tensors = directory.resolve("v.safetensors");
        Cli.run("embed", "--model", model, "--text-file", texts, "--out", tensors, "--dimensions", 8, "--engine", "torch").done();
        try (var file = SafetensorsFile.open(tensors)) {
            float[] values = file.tensor("embeddings").requireShape(golden.size(), 8).toFloats();
            for (int row = 0; row < golden.size(); row++) {
                double length = 0;
                for (int d = 0; d < 8; d++) {
                    length += (double) values[row * 8 + d] * values[row * 8 + d];
                }
                assertThat(length).isCloseTo(1, within(1e-5));
            }
        }
        assertThat(Cli.run("embed", "--model", model, "--text", "a", "--dimensions", 400).code()).isEqualTo(2);
        assertThat(Cli.run("embed", "--model", model, "--text", "a", "--prompt", "query").err()).contains("there is no prompt 'query'");
    }

    @Test
    void whatIsWrongIsNamed() {
        assertThat(Cli.run("embed", "--model", directory).err()).contains("give either --text or --text-file");
        assertThat(Cli.run("embed", "--model", directory, "--text", "a", "--out", "v.csv").err()).contains("must end in .jsonl or .safetensors");
        Cli none = Cli.run("embed", "--model", directory, "--text", "a");
        assertThat(none.code()).isEqualTo(1);
        assertThat(none.err()).contains("is no directory of an encoder");
    }
}
