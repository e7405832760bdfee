package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Loss, balance loss and gradients of a random Mixtral against transformers' ({@code ../shared/golden}). */
class AMixtureTrainsAsInTransformersTest {
    private static final Path GOLDEN = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared/golden/arch/mixtral").normalize();

    @ParameterizedTest(name = "recompute {0}")
    @ValueSource(booleans = {false, true})
    void lossesAndGradientsAreTheSame(boolean recompute) throws IOException {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not there");
        JsonNode golden = new ObjectMapper().readTree(GOLDEN.resolve("golden.json").toFile());
        try (Decoder model = DecoderFiles.load(GOLDEN)) {
            model.requiresGrad(true);
            var objective = new NextToken(model);
            Loss loss = objective.accumulate(batch(), recompute);
            double balance = objective.observed().get("balance_loss").doubleValue();
            assertThat(balance).isCloseTo(golden.get("aux_loss").asDouble(), within(1e-5));
            assertThat(loss.mean() + golden.get("router_aux_loss_coef").asDouble() * balance).isCloseTo(golden.get("loss").asDouble(), within(1e-5));
            var together = model.spec().family().together(model.spec());
            golden.get("gradient_norms").properties().forEach(entry -> {
                double squares = 0;
                for (String name : together.get(entry.getKey())) {
                    Tensor gradient = model.parameters().get(name).grad();
                    for (float value : gradient.toFloats()) {
                        squares += (double) value * value;
                    }
                }
                double expected = entry.getValue().asDouble();
                assertThat(Math.sqrt(squares) / loss.count()).as(entry.getKey()).isCloseTo(expected, within(1e-3 * expected));
            });
        }
    }

    private static Batch batch() {
        try (SafetensorsFile file = SafetensorsFile.open(GOLDEN.resolve("golden.safetensors"))) {
            var view = file.tensors().get("input_ids");
            int rows = (int) view.shape()[0];
            int seq = (int) view.shape()[1];
            int[] ids = new int[rows * seq];
            int[] targets = new int[ids.length];
            int[] positions = new int[ids.length];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = (int) view.data().getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i);
                positions[i] = i % seq;
            }
            for (int i = 0; i < ids.length; i++) {
                targets[i] = i % seq == seq - 1 ? Batch.NO_TARGET : ids[i + 1];
            }
            return new Batch(rows, seq, ids, targets, positions, new int[ids.length]);
        }
    }
}
