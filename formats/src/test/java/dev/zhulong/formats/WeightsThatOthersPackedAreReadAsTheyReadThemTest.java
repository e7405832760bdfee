package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random matrices that AutoGPTQ (its Python layers; zeros of 0 and of all ones among them), AutoAWQ (eight columns of eight codes among them) and compressed-tensors 0.20 packed, and what
 * their own dequantisation makes of them in the type of the scales: bit for bit.
 */
class WeightsThatOthersPackedAreReadAsTheyReadThemTest {
    private SafetensorsFile file;

    @BeforeEach
    void open() throws URISyntaxException {
        file = SafetensorsFile.open(Path.of(getClass().getResource("packed-by-others.safetensors").toURI()));
    }

    @AfterEach
    void close() {
        file.close();
    }

    private static PackedScheme scheme(String name) {
        return scheme(switch (name) {
            case "gptq.v1", "gptq.actorder" -> "'quant_method':'gptq','bits':4,'group_size':32,'sym':false,'desc_act':true";
            case "gptq_v2.v2" -> "'quant_method':'gptq','bits':4,'group_size':32,'checkpoint_format':'gptq_v2'";
            case "gptq.sym" -> "'quant_method':'gptq','bits':4,'group_size':-1,'checkpoint_format':'gptq'";
            case "gptq3.bits3" -> "'quant_method':'gptq','bits':3,'group_size':32";
            case "awq.w" -> "'quant_method':'awq','bits':4,'group_size':32,'zero_point':true,'version':'GEMM'";
            default -> "'quant_method':'compressed-tensors','format':'pack-quantized','config_groups':{'group_0':{'targets':['Linear'],'weights':{'num_bits':4,'type':'int'}}}";
        }, "");
    }

    private static PackedScheme scheme(String fields, String family) {
        return QuantizationConfig.packed(JsonFields.of(("{'quantization_config':{" + fields + "}" + family + "}").replace('\'', '"'), Path.of("config.json"))).orElseThrow();
    }

    /** Of a network whose matrix of keys has {@code hidden} inputs and 32 outputs. */
    private static NetworkSpec network(int hidden) {
        return HfConfig.network(("{'model_type':'llama','vocab_size':64,'hidden_size':" + hidden + ",'num_hidden_layers':1,'num_attention_heads':" + hidden / 32
                + ",'num_key_value_heads':1,'intermediate_size':64,'max_position_embeddings':64,'rms_norm_eps':1e-5,'bos_token_id':1,'eos_token_id':2}").replace('\'', '"'), Path.of("config.json"));
    }

    /** What the file has of a matrix, under another name. */
    private Map<String, TensorView> matrix(String name, String module) {
        Map<String, TensorView> tensors = new LinkedHashMap<>();
        file.tensors().forEach((full, view) -> {
            if (full.startsWith(name + ".") && !full.endsWith("expected")) {
                String renamed = module + full.substring(name.length());
                tensors.put(renamed, new TensorView(renamed, view.type(), view.shape(), view.data(), view.file()));
            }
        });
        return tensors;
    }

    @ParameterizedTest
    @ValueSource(strings = {"gptq.v1", "gptq_v2.v2", "gptq.sym", "gptq.actorder", "gptq3.bits3", "awq.w", "ct.sym128", "ct.asym32", "ct.bf16", "ct.bits3", "ct.bits5asym", "ct.int8"})
    void bitForBit(String name) {
        TensorView expected = file.tensors().get(name + ".expected");
        TensorView actual = PackedCheckpoint.of(scheme(name), matrix(name, "m"), network(64)).plain().get("m.weight");
        assertThat(actual.type()).isEqualTo(expected.type());
        assertThat(actual.shape()[1]).isEqualTo(expected.shape()[1]);
        MemorySegment first = actual.data().asSlice(0, expected.data().byteSize());
        assertThat(first.mismatch(expected.data())).isEqualTo(-1);
    }

    /** As {@code docs/quantized-directory.md} says blocks are; rounded to F16, as others round, they are the same numbers. */
    @ParameterizedTest
    @CsvSource({"gptq.sym, 128, INT4", "gptq3.bits3, 64, Q4_0", "gptq.v1, 64, Q4_1", "gptq_v2.v2, 64, Q4_1"})
    void asBlocksWhereTheyFit(String name, int hidden, String type) {
        String weight = "model.layers.0.self_attn.k_proj.weight";
        PackedCheckpoint read = PackedCheckpoint.of(scheme(name), matrix(name, weight.replace(".weight", "")), network(hidden));
        assertThat(read.types()).isEqualTo(Map.of(weight, type));
        boolean min = type.equals("Q4_1");
        int elements = type.equals("INT4") ? 128 : 32;
        int bytes = elements / 2 + (min ? 4 : 2);
        MemorySegment blocks = read.tensors().get(weight).requireShape(32, (long) hidden / elements * bytes).data();
        float[] expected = file.tensors().get(name + ".expected").toFloats();
        for (int i = 0; i < expected.length; i++) {
            int at = i / elements * bytes;
            int j = i % elements;
            int code = blocks.get(ValueLayout.JAVA_BYTE, at + (min ? 4 : 2) + j % (elements / 2)) >> (j < elements / 2 ? 0 : 4) & 15;
            float scale = Float.float16ToFloat(blocks.get(ValueLayout.JAVA_SHORT_UNALIGNED, at));
            float least = min ? Float.float16ToFloat(blocks.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + 2)) : 0;
            float actual = min ? scale * code + least : scale * (code - 8);
            if (min) {
                // a minimum is rounded to F16, and so is what others compute
                assertThat(actual).isCloseTo(expected[i], org.assertj.core.data.Offset.offset(scale / 60));
            } else {
                assertThat(Float.float16ToFloat(Float.floatToFloat16(actual))).isEqualTo(expected[i]);
            }
        }
        assertThat(read.notice().isPresent()).isEqualTo(min);
        if (min) {
            assertThat(read.notice()).hasValue("1 quantized matrix is read as Q4_1 with minimums rounded to F16");
        }
    }

    @Test
    void orderedByActivationsTheyAreFloats() {
        String weight = "model.layers.0.self_attn.k_proj.weight";
        PackedCheckpoint read = PackedCheckpoint.of(scheme("gptq.actorder"), matrix("gptq.actorder", weight.replace(".weight", "")), network(64));
        assertThat(read.types()).isEmpty();
        assertThat(read.notice()).hasValue("1 quantized matrix is read as F16, as no type of blocks holds them");
    }

    @Test
    void aBiasOfZerosThatHasNoPlaceIsLeftOut() {
        String module = "model.layers.0.self_attn.k_proj";
        Map<String, TensorView> tensors = matrix("gptq.sym", module);
        for (float value : new float[] {0, 1}) {
            float[] bias = new float[32];
            bias[7] = value;
            tensors.put(module + ".bias", new TensorView(module + ".bias", StorageType.F32, new long[] {32}, MemorySegment.ofArray(bias), Path.of("x")));
            assertThat(PackedCheckpoint.of(scheme("gptq.sym"), tensors, network(128)).tensors().containsKey(module + ".bias")).isEqualTo(value != 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"gptq.v1, qzeros", "gptq.v1, scales", "awq.w, qzeros", "ct.asym32, weight_scale", "ct.sym128, weight_shape"})
    void whatIsMissingIsNamed(String name, String part) {
        refused(name, tensors -> tensors.remove("m." + part), "m." + part, "none");
    }

    @Test
    void wrongShapesAndTypesAreNamed() {
        refused("gptq.v1", tensors -> reshape(tensors, "m.qweight", StorageType.F32, 8, 32), "m.qweight", "I32");
        refused("gptq.v1", tensors -> reshape(tensors, "m.qweight", StorageType.I32, 256), "m.qweight", "[256]");
        refused("gptq.v1", tensors -> reshape(tensors, "m.qweight", StorageType.I32, 0, 32), "m.qweight", "found 0");
        refused("gptq.v1", tensors -> reshape(tensors, "m.scales", StorageType.F16, 32, 2), "m.scales", "[2, 32]", "[32, 2]");
        refused("gptq.v1", tensors -> reshape(tensors, "m.qzeros", StorageType.I32, 4, 2), "m.qzeros", "[4, 2]");
        refused("gptq.v1", tensors -> reshape(tensors, "m.scales", StorageType.I16, 2, 32), "m.scales", "I16");
        refused("gptq.actorder", tensors -> tensors.get("m.g_idx").data(), tensors -> {
            int[] groups = new int[64];
            groups[5] = 2;
            tensors.put("m.g_idx", new TensorView("m.g_idx", StorageType.I32, new long[] {64}, MemorySegment.ofArray(groups), Path.of("x")));
        }, "m.g_idx, input 5", "0 to 1", "found 2");
        refused("awq.w", tensors -> reshape(tensors, "m.qweight", StorageType.I32, 128, 1), "m.scales");
        for (long[] shape : new long[][] {{8, -128}, {1L << 40, 128}, {8, 1L << 40}, {9, 128}, {8, 4096}}) {
            refused("ct.sym128", tensors -> tensors.put("m.weight_shape", new TensorView("m.weight_shape", StorageType.I64, new long[] {2}, MemorySegment.ofArray(shape), Path.of("x"))), "m.");
        }
        refused("ct.asym32", tensors -> reshape(tensors, "m.weight_zero_point", StorageType.I32, 1, 4), "m.weight_zero_point");
    }

    private void refused(String name, Consumer<Map<String, TensorView>> before, Consumer<Map<String, TensorView>> change, String... words) {
        refused(name, before.andThen(change), words);
    }

    private void refused(String name, Consumer<Map<String, TensorView>> change, String... words) {
        Map<String, TensorView> tensors = matrix(name, "m");
        change.accept(tensors);
        assertThatThrownBy(() -> PackedCheckpoint.of(scheme(name), tensors, network(64))).isInstanceOf(FormatException.class).message().contains(words).doesNotContain("\n");
    }

    private static void reshape(Map<String, TensorView> tensors, String name, StorageType type, long... shape) {
        TensorView view = tensors.get(name);
        tensors.put(name, new TensorView(name, type, shape, view.data(), view.file()));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "'quant_method':'gptq','bits':4,'checkpoint_format':'marlin'|checkpoint_format: expected gptq or gptq_v2; convert the checkpoint to one of them, found \"marlin\"",
        "'quant_method':'gptq','bits':5|bits: expected 2, 3, 4 or 8 of gptq, found 5", "'quant_method':'gptq'|bits", "'quant_method':'gptq','bits':4,'dynamic':{'+:x':{'bits':8}}|dynamic",
        "'quant_method':'awq','bits':4,'version':'gemv'|version: expected gemm", "'quant_method':'awq','bits':8|bits",
        "'quant_method':'compressed-tensors','format':'float-quantized'|format: expected pack-quantized", "'quant_method':'compressed-tensors','format':'pack-quantized'|config_groups",
        "'quant_method':'compressed-tensors','config_groups':{'g':{'weights':{'type':'float','num_bits':8}}}|type: expected int",
        "'quant_method':'compressed-tensors','sparsity_config':{'format':'sparse-24'}|format: expected dense",
    })
    void whatIsNotReadIsNamed(String fields, String message) {
        assertThatThrownBy(() -> scheme(fields.replace("\"", ""), "")).isInstanceOf(FormatException.class).hasMessageContaining(message);
    }
}
