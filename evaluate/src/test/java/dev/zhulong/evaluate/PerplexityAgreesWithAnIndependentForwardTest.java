package dev.zhulong.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.infer.FakeModel;
import dev.zhulong.text.ByteTokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Over the stored logits of another implementation's forward, the mean it found must come out. */
class PerplexityAgreesWithAnIndependentForwardTest {
    @ParameterizedTest
    @ValueSource(strings = {"stories260K", "stories15M"})
    void meanNll(String name) throws IOException {
        Path golden = Path.of(System.getProperty("zhulong.root", ".")).resolve("../shared/golden").normalize();
        assumeTrue(Files.exists(golden), "no shared directory beside the repository: the golden files are not there");
        var mapper = new ObjectMapper();
        JsonNode expected = mapper.readTree(golden.resolve(name + ".json").toFile());
        int[] ids = mapper.convertValue(expected.get("input_ids"), int[].class);

        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(golden.resolve(name + ".logits.safetensors"))).order(ByteOrder.LITTLE_ENDIAN);
        int header = (int) file.getLong();
        JsonNode tensor = mapper.readTree(new String(file.array(), 8, header, StandardCharsets.UTF_8)).get("logits");
        int vocab = tensor.get("shape").get(1).asInt();
        int data = 8 + header + tensor.get("data_offsets").get(0).asInt();
        assertThat(tensor.get("shape").get(0).asInt()).isEqualTo(ids.length);

        var model = new FakeModel(vocab, 256, List.of(), context -> {
            assertThat(context).isEqualTo(Arrays.stream(ids).limit(context.size()).boxed().toList());
            float[] row = new float[vocab];
            file.slice(data + 4 * vocab * (context.size() - 1), 4 * vocab).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(row);
            return row;
        });
        var tokenizer = new ByteTokenizer(0, vocab, OptionalInt.of(1), OptionalInt.empty(), true);
        int[] text = Arrays.copyOfRange(ids, 1, ids.length);
        var options = PerplexityOptions.of(model.spec(), tokenizer);
        var result = Perplexity.evaluate(model, tokenizer, List.of(new TokenDocument(text, 1)), options, n -> {});
        assertThat(result.loss().tokens()).isEqualTo(ids.length - 1);
        // The stored logits are the float64 forward's rounded to float.
        assertThat(result.loss().meanNll()).isCloseTo(expected.get("mean_nll").asDouble(), within(1e-6));
    }
}
