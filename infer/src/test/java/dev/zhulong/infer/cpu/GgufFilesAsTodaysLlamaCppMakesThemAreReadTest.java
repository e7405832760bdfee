package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWriter;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** DeepSeek's way up to keys and values cut in two (llama.cpp's {@code conversion/deepseek.py}), and gpt-oss's experts in MXFP4. */
class GgufFilesAsTodaysLlamaCppMakesThemAreReadTest {
    private static final String SIZES = "'vocab_size':272,'num_hidden_layers':2,'max_position_embeddings':64,'hidden_size':64,'intermediate_size':64,"
            + "'num_attention_heads':4,";
    private static final int HEADS = 4;
    private static final int RANK = 32;
    private static final int STILL = 32;
    private static final int VALUE = 16;

    @TempDir
    Path directory;

    private GgufFile written(String config) throws IOException {
        Path file = Files.writeString(directory.resolve("config.json"), ("{" + SIZES + config + "}").replace('\'', '"'));
        var spec = (DecoderSpec) HfConfig.read(file);
        try (Decoder model = TinyDecoder.random(spec, 7)) {
            GgufExport.write(directory.resolve("whole.gguf"), spec, name -> view(model, name), Map.of(), "small", GgufType.F32);
        }
        return GgufFile.open(directory.resolve("whole.gguf"));
    }

    private static TensorView view(Decoder model, String name) {
        var tensor = model.parameters().get(name);
        return new TensorView(name, StorageType.F32, tensor.shape(), MemorySegment.ofArray(tensor.toFloats()), Path.of("random"));
    }

    private static float[] logits(Path file) {
        int[] ids = new SplittableRandom(3).ints(40, 0, 272).toArray();
        try (GgufModel model = GgufModel.open(file); CpuEngine engine = CpuEngine.load(model, CpuOptions.of(1).withCache(KvPages.Format.F32));
                KvCache cache = engine.newCache(ids.length)) {
            return engine.forward(List.of(new Span(cache, ids, Logits.ALL))).getFirst();
        }
    }

    private static GgufWriter.Entry entry(String name, GgufType type, byte[] data, long... shape) {
        return new GgufWriter.Entry(name, type, shape, () -> MemorySegment.ofArray(data));
    }

    private static byte[] stored(WeightType type, float[] values, int columns) {
        int bytes = Math.toIntExact(type.rowBytes(columns));
        byte[] all = new byte[values.length / columns * bytes];
        for (int row = 0; row < values.length / columns; row++) {
            float[] one = Arrays.copyOfRange(values, row * columns, (row + 1) * columns);
            if (type == WeightType.F32) {
                MemorySegment.copy(MemorySegment.ofArray(one), 0, MemorySegment.ofArray(all), (long) row * bytes, bytes);
            } else {
                System.arraycopy(Quantiser.row(type, one, Quantiser.Search.SCALES), 0, all, row * bytes, bytes);
            }
        }
        return all;
    }

    /** With what llama.cpp's converter says of it: one head of keys, as wide as what is kept of a token. */
    private Path cut(GgufFile whole, WeightType type) {
        var metadata = new LinkedHashMap<>(whole.metadata().values());
        Map.of("attention.head_count_kv", 1, "attention.key_length", RANK + 8, "attention.value_length", RANK, "attention.key_length_mla", STILL + 8,
                "attention.value_length_mla", VALUE).forEach((key, value) -> metadata.put("deepseek2." + key, GgufValue.of(value)));
        var entries = new ArrayList<GgufWriter.Entry>();
        for (GgufTensor tensor : whole.tensors().values()) {
            if (!tensor.name().contains("attn_kv_b")) {
                entries.add(GgufWriter.Entry.of(tensor));
                continue;
            }
            float[] up = tensor.plain().orElseThrow().toFloats();
            float[] keys = new float[HEADS * RANK * STILL];
            float[] values = new float[HEADS * VALUE * RANK];
            for (int head = 0; head < HEADS; head++) {
                for (int row = 0; row < STILL + VALUE; row++) {
                    for (int c = 0; c < RANK; c++) {
                        float w = up[(head * (STILL + VALUE) + row) * RANK + c];
                        if (row < STILL) {
                            keys[(head * RANK + c) * STILL + row] = w;
                        } else {
                            values[(head * VALUE + row - STILL) * RANK + c] = w;
                        }
                    }
                }
            }
            GgufType gguf = GgufType.valueOf(type.name());
            entries.add(entry(tensor.name().replace("kv_b", "k_b"), gguf, stored(type, keys, STILL), HEADS, RANK, STILL));
            entries.add(entry(tensor.name().replace("kv_b", "v_b"), gguf, stored(type, values, RANK), HEADS, VALUE, RANK));
        }
        GgufWriter.write(directory.resolve("cut.gguf"), metadata, entries);
        return directory.resolve("cut.gguf");
    }

    private static final String DEEPSEEK = "'q_lora_rank':null,'kv_lora_rank':32,'qk_nope_head_dim':32,'qk_rope_head_dim':8,'v_head_dim':16,'moe_intermediate_size':32,"
            + "'n_shared_experts':1,'n_routed_experts':4,'num_experts_per_tok':4,'first_k_dense_replace':1,'n_group':1,'topk_group':1";

    @ParameterizedTest
    @ValueSource(strings = {"deepseek_v2", "deepseek_v3"})
    void aWayUpCutInTwoIsTheWholeOne(String type) throws IOException {
        try (GgufFile whole = written("'model_type':'" + type + "'," + DEEPSEEK)) {
            Path cut = cut(whole, WeightType.F32);
            assertThat(logits(cut)).isEqualTo(logits(directory.resolve("whole.gguf")));
            try (GgufModel one = GgufModel.open(directory.resolve("whole.gguf")); GgufModel two = GgufModel.open(cut); Arena arena = Arena.ofConfined()) {
                assertThat(two.spec()).isEqualTo(one.spec());
                String name = "model.layers.1.self_attn.kv_b_proj.weight";
                assertThat(two.tensor(name, arena).data().mismatch(one.tensor(name, arena).data())).isEqualTo(-1);
            }
            float[] exact = logits(cut);
            assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(exact, logits(cut(whole, WeightType.Q8_0)))).isGreaterThan(1e-6).isLessThan(0.05);
        }
    }

    @Test
    void halvesOfAnotherShapeAreNamed() throws IOException {
        try (GgufFile whole = written("'model_type':'deepseek_v3'," + DEEPSEEK)) {
            Path cut = cut(whole, WeightType.F32);
            try (GgufFile file = GgufFile.open(cut)) {
                GgufWriter.write(directory.resolve("wrong.gguf"), file.metadata().values(), file.tensors().values().stream().map(tensor -> tensor.name().contains("attn_v_b")
                        ? new GgufWriter.Entry(tensor.name(), tensor.type(), new long[] {HEADS, RANK, VALUE}, tensor::data) : GgufWriter.Entry.of(tensor)).toList());
            }
            assertThatThrownBy(() -> GgufModel.open(directory.resolve("wrong.gguf"))).isInstanceOf(FormatException.class).hasMessageContaining("blk.0.attn_v_b.weight");
        }
    }

    /** Experts in random blocks are computed as the floats that these are. */
    @Test
    void expertsInMxfp4AreTheirFloats() throws IOException {
        try (GgufFile plain = written("'model_type':'gpt_oss','num_key_value_heads':2,'head_dim':16,'num_local_experts':4,'num_experts_per_tok':2,'sliding_window':8,"
                + "'rope_scaling':{'rope_type':'yarn','factor':4.0,'original_max_position_embeddings':16,'truncate':false}")) {
            var blocks = new ArrayList<GgufWriter.Entry>();
            var floats = new ArrayList<GgufWriter.Entry>();
            var random = new SplittableRandom(5);
            for (GgufTensor tensor : plain.tensors().values()) {
                if (!tensor.name().endsWith("_exps.weight")) {
                    blocks.add(GgufWriter.Entry.of(tensor));
                    floats.add(GgufWriter.Entry.of(tensor));
                    continue;
                }
                int columns = (int) tensor.shape()[2];
                int rows = (int) (tensor.elements() / columns);
                byte[] stored = new byte[Math.toIntExact(rows * WeightType.MXFP4.rowBytes(columns))];
                random.nextBytes(stored);
                for (int at = 0; at < stored.length; at += 17) {
                    stored[at] = (byte) (121 + random.nextInt(4));
                }
                float[] all = new float[rows * columns];
                float[] row = new float[columns];
                for (int r = 0; r < rows; r++) {
                    WeightRows.decode(WeightType.MXFP4, MemorySegment.ofArray(stored), r, columns, row);
                    System.arraycopy(row, 0, all, r * columns, columns);
                }
                blocks.add(entry(tensor.name(), GgufType.MXFP4, stored, tensor.shape()));
                floats.add(entry(tensor.name(), GgufType.F32, MemorySegment.ofArray(all).toArray(ValueLayout.JAVA_BYTE), tensor.shape()));
            }
            GgufWriter.write(directory.resolve("blocks.gguf"), plain.metadata().values(), blocks);
            GgufWriter.write(directory.resolve("floats.gguf"), plain.metadata().values(), floats);
        }
        // activations are rounded to eight bits before blocks
        assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(logits(directory.resolve("floats.gguf")), logits(directory.resolve("blocks.gguf")))).isLessThan(0.05);
    }
}
