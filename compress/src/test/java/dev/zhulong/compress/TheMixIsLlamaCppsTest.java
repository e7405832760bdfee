package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tensor by tensor what {@code llama-quantize} made of models of these shapes, rows that blocks do not divide among them. */
class TheMixIsLlamaCppsTest {
    private static final Map<String, DecoderSpec> MODELS = Map.of(
            "own", SmallModels.spec(Family.of("llama"), 256, 512, 18, 4, 1, 256, false),
            "tied", SmallModels.spec(Family.of("llama"), 256, 512, 18, 4, 4, 256, true),
            "odd", SmallModels.spec(Family.of("llama"), 288, 512, 18, 4, 2, 256, true),
            "seventy", SmallModels.spec(Family.of("llama"), 256, 256, 80, 4, 2, 64, false),
            "gpt2", SmallModels.spec(Family.of("gpt2"), 256, 512, 9, 4, 4, 64, true));

    @ParameterizedTest
    @ValueSource(strings = {"own", "tied", "odd", "seventy", "gpt2"})
    void tensorByTensor(String model) throws IOException {
        List<GgufWeight> weights = GgufExport.weights(MODELS.get(model));
        boolean ownHead = weights.stream().anyMatch(weight -> weight.gguf().equals("output.weight"));
        int compared = 0;
        for (String line : table()) {
            String[] words = line.split(" ");
            if (!words[0].equals(model)) {
                continue;
            }
            var mix = new TensorMix(Precision.of(words[1]), MODELS.get(model), ownHead, false);
            List<WeightType> types = weights.stream().filter(weight -> weight.gguf().replaceFirst("^blk\\.\\d+\\.", "").equals(words[2] + ".weight"))
                    .map(weight -> mix.type(weight.gguf(), weight.shape())).toList();
            assertThat(types).as("%s of %s as %s", words[2], model, words[1]).isEqualTo(types(words));
            compared += types.size();
        }
        assertThat(compared).isGreaterThan(500);
    }

    private static List<WeightType> types(String[] words) {
        List<WeightType> types = new ArrayList<>();
        for (int i = 3; i < words.length; i++) {
            int x = words[i].indexOf('x');
            types.addAll(Collections.nCopies(x < 0 ? 1 : Integer.parseInt(words[i].substring(0, x)), WeightType.valueOf(words[i].substring(x + 1))));
        }
        return types;
    }

    private static List<String> table() throws IOException {
        try (var in = TheMixIsLlamaCppsTest.class.getResourceAsStream("mixes.txt")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().filter(line -> !line.startsWith("#")).toList();
        }
    }

    /** As {@code llama-quant.cpp} of llama.cpp v0.5.0: the embedding and the head in more bits, attention and MLP in two; 64 weights a group. */
    @ParameterizedTest
    @CsvSource({"256, Q2_0, Q4_K, Q6_K", "320, Q2_0, Q5_0, Q8_0", "288, Q4_0, Q5_0, Q8_0", "48, F16, F16, F16"})
    void twoBitsAreOfLayersAlone(int columns, WeightType inside, WeightType embedding, WeightType head) {
        var mix = new TensorMix(Precision.Q2_0, MODELS.get("own"), true, false);
        for (String name : List.of("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_gate", "ffn_down")) {
            assertThat(mix.type("blk.3." + name + ".weight", new long[] {8, columns})).isEqualTo(inside);
        }
        assertThat(mix.type("token_embd.weight", new long[] {8, columns})).isEqualTo(embedding);
        assertThat(mix.type("output.weight", new long[] {8, columns})).isEqualTo(head);
        assertThat(new TensorMix(Precision.Q2_0, MODELS.get("tied"), false, false).type("token_embd.weight", new long[] {8, columns})).isEqualTo(head);
    }

    /** llama-quantize knows neither: the head in more bits all the same, other rows in the widest groups that divide them. */
    @ParameterizedTest
    @CsvSource({
        "Q4, 256, INT4_ASYM, Q6_K", "Q4_SYM, 256, INT4, Q6_K", "Q4, 384, INT4_ASYM, Q8_0", "Q4, 288, Q4_1, Q8_0", "Q4_SYM, 288, Q4_0, Q8_0", "Q4, 48, F16, F16",
    })
    void zhulongsOwnKeepsItsHead(Precision precision, int columns, WeightType inside, WeightType head) {
        var mix = new TensorMix(precision, MODELS.get("own"), true, false);
        assertThat(mix.type("blk.3.attn_q.weight", new long[] {8, columns})).isEqualTo(inside);
        assertThat(mix.type("token_embd.weight", new long[] {8, columns})).isEqualTo(inside);
        assertThat(mix.type("output.weight", new long[] {8, columns})).isEqualTo(head);
        assertThat(new TensorMix(precision, MODELS.get("tied"), false, false).type("token_embd.weight", new long[] {8, columns})).isEqualTo(head);
    }

    @Test
    void whatIsNoMatrixStaysInF32() {
        for (Precision precision : Precision.values()) {
            var mix = new TensorMix(precision, MODELS.get("gpt2"), true, false);
            assertThat(mix.type("output_norm.weight", new long[] {256})).isEqualTo(WeightType.F32);
            assertThat(mix.type("position_embd.weight", new long[] {64, 256})).isEqualTo(WeightType.F32);
        }
    }
}
