package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.cpu.CpuEncoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** From text to vector, on both engines, against what transformers makes of the same weights. */
class SentencesHaveTheirPublishedVectorsTest {
    private static final Path MINILM = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/assets/all-MiniLM-L6-v2").normalize();

    private static SentenceEncoder open(Function<Path, Encoder> load) {
        assumeTrue(Files.isDirectory(MINILM), MINILM + " is not there");
        return SentenceEncoder.open(MINILM, load);
    }

    private static SentenceEncoder onCpu() {
        return open(folder -> {
            try (ModelDirectory files = ModelDirectory.open(folder)) {
                return CpuEncoder.load(files, Optional.empty(), 2);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void onBothEngines(boolean cpu) throws IOException {
        try (SentenceEncoder encoder = cpu ? onCpu() : open(TorchEncoder::load)) {
            List<String> texts = new ArrayList<>();
            List<float[]> expected = new ArrayList<>();
            for (var text : JsonFields.MAPPER.readTree(Files.readAllBytes(MINILM.resolve("golden.json")))) {
                texts.add(text.get("text").textValue());
                expected.add(JsonFields.MAPPER.convertValue(text.get("embedding"), float[].class));
                int tokens = text.get("ids").isArray() ? text.get("ids").size() : text.get("ids").intValue();
                assertThat(encoder.encode(texts.getLast()).length()).isEqualTo(tokens);
            }
            List<float[]> found = encoder.vectors(texts, Optional.empty());
            assertThat(encoder.size()).isEqualTo(384);
            for (int i = 0; i < texts.size(); i++) {
                assertThat(found.get(i)).as(texts.get(i)).usingComparatorWithPrecision(1e-5f).containsExactly(expected.get(i));
            }
        }
    }

    @Test
    void aPromptThatIsNotThereIsRefused() {
        try (SentenceEncoder encoder = onCpu()) {
            assertThatThrownBy(() -> encoder.vectors(List.of("a"), Optional.of("query"))).hasMessageContaining("there is no prompt 'query'");
            assertThat(encoder.vectors(List.of(), Optional.empty())).isEmpty();
        }
    }
}
