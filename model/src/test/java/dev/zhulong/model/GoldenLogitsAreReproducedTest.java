package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real weights against logits an independent forward pass computed in float64. */
class GoldenLogitsAreReproducedTest {
    static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();

    @ParameterizedTest
    @ValueSource(strings = {"stories260K", "stories15M"})
    void withinOneTenThousandth(String name) throws Exception {
        assumeTrue(Files.isDirectory(SHARED.resolve("assets")), "../shared is absent: golden logits not compared");
        String json = Files.readString(SHARED.resolve("golden/" + name + ".json"));
        var m = Pattern.compile("\"(?:ids|tokens|token_ids|input_ids)\"\\s*:\\s*\\[([^\\]]*)\\]").matcher(json);
        assertThat(m.find()).as(json).isTrue();
        int[] ids = Arrays.stream(m.group(1).split(",")).map(String::trim).mapToInt(Integer::parseInt).toArray();
        try (SafetensorsFile golden = SafetensorsFile.open(SHARED.resolve("golden/" + name + ".logits.safetensors"));
                Decoder model = DecoderFiles.load(SHARED.resolve("assets/" + name));
                var scope = TensorScope.open();
                var off = NoGrad.open()) {
            float[] expected = golden.tensors().values().iterator().next().toFloats();
            float[] got = model.logits(Tensor.of(ids, 1, ids.length)).toFloats();
            assertThat(got).hasSameSizeAs(expected);
            double worst = 0;
            for (int i = 0; i < got.length; i++) {
                worst = Math.max(worst, Math.abs(got[i] - expected[i]));
            }
            assertThat(worst).isLessThan(1e-4);
        }
    }
}
