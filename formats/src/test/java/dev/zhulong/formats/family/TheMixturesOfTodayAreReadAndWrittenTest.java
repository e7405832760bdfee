package dev.zhulong.formats.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fields, defaults and tensors of mixtures as transformers 5.18 has them. */
class TheMixturesOfTodayAreReadAndWrittenTest {
    private static final String SHAPE = "'vocab_size':100,'hidden_size':32,'intermediate_size':24,'num_hidden_layers':4,'num_attention_heads':4,"
            + "'num_key_value_heads':2,'max_position_embeddings':512,";

    @TempDir
    Path directory;

    private DecoderSpec read(String type, String fields) throws IOException {
        String json = ("{'model_type':'" + type + "'," + SHAPE + fields + "}").replace('\'', '"').replace(",}", "}");
        return HfConfig.read(Files.writeString(directory.resolve("config.json"), json));
    }

    /** @return what was read, when what is written of it is read as the same */
    private DecoderSpec both(String type, String fields) throws IOException {
        DecoderSpec spec = read(type, fields);
        assertThat(HfConfig.read(Files.writeString(directory.resolve("again.json"), HfConfig.write(spec, StorageType.BF16)))).isEqualTo(spec);
        return spec;
    }

    private static Mlp.Experts mixture(DecoderSpec spec) {
        return spec.stack().experts().orElseThrow();
    }

    @Test
    void olmoe() throws IOException {
        DecoderSpec spec = both("olmoe", "'num_experts':10,'clip_qkv':3.0,'norm_topk_prob':true");
        Attention attention = spec.layer(3).attention();
        assertThat(attention.headNorm()).isEqualTo(HeadNorm.ROW);
        assertThat(attention.clip()).isEqualTo(3);
        assertThat(mixture(spec)).isEqualTo(new Mlp.Experts(10, 8, mixture(spec).expert(), 0.01, Routing.softmax(true), null, false));
        assertThat(mixture(both("olmoe", "")).count()).isEqualTo(64);
    }

    @Test
    void granite() throws IOException {
        DecoderSpec spec = both("granitemoe", "'embedding_multiplier':12.0,'residual_multiplier':0.22,'logits_scaling':6.0,'attention_multiplier':0.1");
        assertThat(spec.stack().scales()).isEqualTo(new Scales(12, 0.22, 1 / 6.0, 0));
        assertThat(mixture(spec)).isEqualTo(new Mlp.Experts(8, 2, mixture(spec).expert(), 0.001, Routing.SOFTMAX, null, false));
        assertThat(mixture(both("granitemoeshared", "'shared_intermediate_size':18")).shared().width()).isEqualTo(18);
        assertThat(mixture(both("granitemoeshared", "")).shared()).isNull();
    }

    @Test
    void glmAndDots() throws IOException {
        DecoderSpec glm = both("glm4_moe", "'n_routed_experts':8,'num_experts_per_tok':3,'moe_intermediate_size':6,'n_group':4,'topk_group':2,'use_qk_norm':true");
        assertThat(glm.layer(0).mlp()).isInstanceOf(Mlp.Dense.class);
        assertThat(glm.layer(1).mlp()).isInstanceOf(Mlp.Experts.class);
        assertThat(glm.rope().rotaryDims()).isEqualTo(4);
        assertThat(mixture(glm).routing()).isEqualTo(new Routing(Routing.Score.SIGMOID, true, false, true, 4, 2, 2, 1));
        DecoderSpec dots = both("dots1", "'n_routed_experts':8,'num_experts_per_tok':3,'moe_intermediate_size':6,'n_shared_experts':2,'sliding_window':7,"
                + "'max_window_layers':2,'routed_scaling_factor':2.5");
        assertThat(dots.windows()).containsExactly(0, 0, 7, 7);
        assertThat(mixture(dots).shared().width()).isEqualTo(12);
        assertThat(mixture(dots).routing()).isEqualTo(new Routing(Routing.Score.SIGMOID, false, false, true, 1, 1, 2, 2.5));
    }

    @Test
    void ernie() throws IOException {
        DecoderSpec spec = both("ernie4_5_moe", "'moe_num_experts':4,'moe_k':2,'moe_intermediate_size':6,'moe_layer_interval':2");
        assertThat(spec.stack().layers().stream().map(layer -> layer.mlp() instanceof Mlp.Experts)).containsExactly(false, true, false, true);
        assertThat(mixture(spec).shared().width()).isEqualTo(12);
        assertThat(mixture(spec).routing()).isEqualTo(new Routing(Routing.Score.SOFTMAX, true, false, true, 1, 1, 1, 1));
        assertThat(mixture(both("ernie4_5_moe", "'moe_num_experts':4,'moe_k':2,'moe_num_shared_experts':0,'moe_layer_end_index':2")).shared()).isNull();
        assertThatThrownBy(() -> read("ernie4_5_moe", "'use_bias':true")).isInstanceOf(FormatException.class).hasMessageContaining("use_bias: expected false");
    }

    /** What files hold together is taken apart and put together again: experts gate before way up, one behind the other; a correction as a matrix of one row. */
    @Test
    void tensorsOfFilesAreTakenApartAndPutTogether() throws IOException {
        DecoderSpec granite = read("granitemoeshared", "'shared_intermediate_size':18,'num_local_experts':3");
        Map<String, TensorView> stored = together(granite);
        assertThat(shapes(stored)).containsEntry("model.layers.2.block_sparse_moe.input_linear.weight", "[3, 48, 32]")
                .containsEntry("model.layers.2.block_sparse_moe.output_linear.weight", "[3, 32, 24]").containsEntry("model.layers.2.shared_mlp.input_linear.weight", "[36, 32]")
                .containsEntry("model.layers.2.shared_mlp.output_linear.weight", "[32, 18]").containsKey("model.layers.2.block_sparse_moe.router.layer.weight");
        float[] all = stored.get("model.layers.2.block_sparse_moe.input_linear.weight").toFloats();
        List<String> order = granite.family().parameters(granite).stream().filter(p -> p.layer() == 2 && p.expert() >= 0 && !p.name().contains("down")).map(Parameter::name)
                .toList();
        assertThat(order.get(3)).isEqualTo("model.layers.2.block_sparse_moe.experts.1.up_proj.weight");
        assertThat(all[3 * 24 * 32 + 5]).isEqualTo(value(order.get(3), 5));
        DecoderSpec ernie = read("ernie4_5_moe", "'moe_num_experts':4,'moe_k':2,'moe_intermediate_size':6");
        assertThat(shapes(together(ernie))).containsEntry("model.layers.1.mlp.moe_statics.e_score_correction_bias", "[1, 4]");
    }

    /** @return as files have them, when they are the same weights once they are read */
    private static Map<String, TensorView> together(DecoderSpec spec) {
        var weights = new LinkedHashMap<String, TensorView>();
        for (Parameter p : spec.family().parameters(spec)) {
            float[] values = new float[(int) p.count()];
            for (int i = 0; i < values.length; i++) {
                values[i] = value(p.name(), i);
            }
            weights.put(p.name(), new TensorView(p.name(), StorageType.F32, p.shape(), MemorySegment.ofArray(values), Path.of("none")));
        }
        Map<String, TensorView> stored = spec.family().stored(spec, weights);
        Map<String, TensorView> again = spec.family().tidy(spec, stored);
        assertThat(again.keySet()).isEqualTo(weights.keySet());
        weights.forEach((name, view) -> {
            assertThat(again.get(name).shape()).as(name).isEqualTo(view.shape());
            assertThat(again.get(name).toFloats()).as(name).isEqualTo(view.toFloats());
        });
        return stored;
    }

    private static float value(String name, int i) {
        return name.hashCode() % 1000 + i / 4096f;
    }

    private static Map<String, String> shapes(Map<String, TensorView> views) {
        var shapes = new LinkedHashMap<String, String>();
        views.forEach((name, view) -> shapes.put(name, Arrays.toString(view.shape())));
        return shapes;
    }
}
