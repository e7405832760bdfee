package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.RopeConfig;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Latent;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufRope;
import dev.zhulong.formats.gguf.GgufShape;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What DeepSeek-V2 and V3 share (DeepSeek-AI 2024): keys and values made from one narrow row of a token, a part of each head that alone is turned, first
 * layers without experts, experts in groups, and some that all tokens share.
 */
public abstract class DeepSeek extends GroupedExperts {
    @Override
    public String ggufArchitecture() {
        return "deepseek2";
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        boolean bias = config.flag("attention_bias", false);
        return new Biases(bias, bias);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, spec.qkvBias() == spec.outputBias(), "outputBias", "as qkvBias " + spec.qkvBias(), spec.outputBias());
        config.put("attention_bias", spec.qkvBias());
    }

    // ---- attention ---------------------------------------------------------------------------------------------------------------------------

    private static int rotaryDim(JsonFields config) {
        return config.integer("qk_rope_head_dim", 2, MOST, 64);
    }

    /** {@code head_dim} is that of what turns, which follows from another field, and all heads have keys of their own. */
    @Override
    public DecoderSpec read(JsonFields config) {
        ObjectNode whole = config.object().deepCopy();
        long headDim = (long) config.integer("qk_nope_head_dim", 1, MOST, 128) + rotaryDim(config);
        if (headDim > MOST) {
            throw config.wrong("qk_nope_head_dim", "heads of at most " + MOST, headDim);
        }
        whole.put("head_dim", (int) headDim);
        int heads = config.integer("num_attention_heads", 1, MOST);
        if (config.isSet("num_key_value_heads") && config.integer("num_key_value_heads", 1, MOST) != heads) {
            throw config.wrong("num_key_value_heads", "num_attention_heads " + heads, config.node("num_key_value_heads"));
        }
        whole.put("num_key_value_heads", heads);
        return super.read(new JsonFields(config.file(), config.prefix(), whole));
    }

    @Override
    protected Rope rope(JsonFields config, int headDim, int contextLength) {
        return RopeConfig.read(config, rotaryDim(config), contextLength, defaults().theta());
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        int queryRank = config.has("q_lora_rank") && !config.isSet("q_lora_rank") ? 0 : config.integer("q_lora_rank", 1, MOST, 1536);
        return plain.withLatent(new Latent(queryRank, config.integer("kv_lora_rank", 1, MOST, 512), rotaryDim(config), config.integer("v_head_dim", 1, MOST, 128)))
                .withScores(scale(config, plain.headDim()), 0);
    }

    /** 0 where it is as usual. */
    private static double scale(JsonFields config, int headDim) {
        Optional<JsonFields> fields = config.object("rope_scaling").filter(scaling -> !scaling.object().isEmpty()).or(() -> config.object("rope_parameters"));
        boolean turned = fields.flatMap(f -> f.text(f.isSet("rope_type") ? "rope_type" : "type")).filter(type -> !type.equals("default")).isPresent();
        double all = turned && fields.get().isSet("mscale_all_dim") ? fields.get().number("mscale_all_dim") : 0;
        if (all == 0) {
            return 0;
        }
        double factor = fields.get().positive("factor");
        return factor <= 1 ? 0 : scale(headDim, factor, all);
    }

    private static double scale(int headDim, double factor, double all) {
        double mscale = 0.1 * all * Math.log(factor) + 1;
        return mscale * mscale / Math.sqrt(headDim);
    }

    @Override
    protected void writeRope(DecoderSpec spec, ObjectNode config) {
        Attention a = spec.layer(0).attention();
        RopeConfig.write(config, spec.rope(), a.latent().rotaryDim(), spec.contextLength());
        if (a.scale() != 0 && spec.rope().scaling() instanceof Scaling.Yarn yarn) {
            ((ObjectNode) config.get("rope_scaling")).put("mscale_all_dim", mscaleAllDim(a, yarn));
        }
    }

    /** The inverse of {@link #scale(int, double, double)}. */
    private static double mscaleAllDim(Attention a, Scaling.Yarn yarn) {
        double all = (Math.sqrt(a.scale() * Math.sqrt(a.headDim())) - 1) / (0.1 * Math.log(yarn.factor()));
        double rounded = Math.rint(all * 1e9) / 1e9;
        return scale(a.headDim(), yarn.factor(), rounded) == a.scale() ? rounded : all;
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        Attention a = spec.layer(0).attention();
        require(spec, a.latent() != null, "attention", "keys and values from a narrow row", "projected ones");
        config.put("head_dim", a.latent().rotaryDim());
        config.put("q_lora_rank", a.latent().queryRank() == 0 ? null : Integer.valueOf(a.latent().queryRank()));
        config.put("kv_lora_rank", a.latent().rank()).put("qk_rope_head_dim", a.latent().rotaryDim()).put("v_head_dim", a.latent().valueDim());
        config.put("qk_nope_head_dim", a.headDim() - a.latent().rotaryDim());
    }

    @Override
    protected void attentionParameters(ParameterList list, DecoderSpec spec, Attention a, String at, String gguf) {
        String name = at + "self_attn.";
        long hidden = spec.hiddenSize();
        Latent latent = a.latent();
        if (latent.queryRank() == 0) {
            list.projection(Role.Q, name + "q_proj", gguf + "attn_q", Init.NORMAL, Layout.SAME, a.width(), hidden, false);
        } else {
            list.projection(Role.Q_DOWN, name + "q_a_proj", gguf + "attn_q_a", Init.NORMAL, Layout.SAME, latent.queryRank(), hidden, a.qkvBias());
            norm(list, Role.Q_DOWN_NORM, name + "q_a_layernorm", gguf + "attn_q_a_norm", latent.queryRank());
            list.projection(Role.Q, name + "q_b_proj", gguf + "attn_q_b", Init.NORMAL, Layout.SAME, a.width(), latent.queryRank(), false);
        }
        list.projection(Role.KV_DOWN, name + "kv_a_proj_with_mqa", gguf + "attn_kv_a_mqa", Init.NORMAL, Layout.SAME, latent.rank() + latent.rotaryDim(), hidden,
                a.qkvBias());
        norm(list, Role.KV_DOWN_NORM, name + "kv_a_layernorm", gguf + "attn_kv_a_norm", latent.rank());
        list.projection(Role.KV_UP, name + "kv_b_proj", gguf + "attn_kv_b", Init.NORMAL, Layout.SAME,
                (long) a.heads() * (a.headDim() - latent.rotaryDim() + latent.valueDim()), latent.rank(), false);
        list.projection(Role.OUT, name + "o_proj", gguf + "attn_output", Init.RESIDUAL, Layout.SAME, hidden, (long) a.heads() * latent.valueDim(), a.outputBias());
    }

    // ---- GGUF: llama.cpp's src/models/deepseek2.cpp, conversion/deepseek.py (DeepseekV2Model), gguf-py/gguf/constants.py ------------------------
    //
    // Written in the form with keys and values up in one matrix, attn_kv_b, and heads' own widths in key_length and value_length; llama.cpp takes a file
    // without key_length_mla for that. Read in today's form too, in which that matrix is cut in two (GgufModel.CutUp) and these widths have keys of their own.

    private static final String QUERY_RANK = "attention.q_lora_rank";
    private static final String RANK = "attention.kv_lora_rank";
    private static final String KEY_LENGTH = "attention.key_length";
    private static final String VALUE_LENGTH = "attention.value_length";
    private static final String MLA_KEY_LENGTH = "attention.key_length_mla";
    private static final String MLA_VALUE_LENGTH = "attention.value_length_mla";
    private static final String LOG_MULTIPLIER = "rope.scaling.yarn_log_multiplier";
    private static final String ATTENTION_FACTOR = "rope.scaling.attn_factor";
    // Not llama.cpp's: whether neighbouring dimensions turn together, where they do not.
    private static final String NEIGHBOURS = "rope.neighbours";

    /**
     * llama.cpp has no biases here, one epsilon for all norms, rates a group by its two best experts, turns neighbours, and multiplies scores by the square
     * of what it multiplies YaRN's cosines and sines by, which is one beside a {@code yarn_log_multiplier} alone.
     */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        Attention a = spec.layer(0).attention();
        boolean turns = switch (spec.rope().scaling()) {
            case Scaling.None none -> true;
            case Scaling.Yarn yarn -> a.scale() != 0 && isOne(yarn.attentionFactor());
            default -> false;
        };
        boolean groups = spec.stack().experts().map(Mlp.Experts::routing).filter(routing -> routing.groups() > 1 && routing.best() != 2).isEmpty();
        return turns && groups && spec.rope().neighbours() && spec.normEpsilon() == Latent.EPSILON && !a.qkvBias() && !a.outputBias();
    }

    private static boolean isOne(double factor) {
        return Math.abs(factor - 1) < 1e-9;
    }

    /** All heads have keys of their own, as wide as no row of the file need be. */
    @Override
    public DecoderSpec read(GgufFile file) {
        GgufMetadata metadata = file.metadata();
        String at = metadata.architecture() + ".";
        boolean cut = metadata.has(at + MLA_KEY_LENGTH);
        if (cut && !file.tensors().containsKey("blk.0.attn_k_b.weight")) {
            throw metadata.wrong(at + MLA_KEY_LENGTH, "none, as keys and values are made by one matrix (attn_kv_b; with this key attn_k_b and attn_v_b make them)");
        }
        GgufShape shape = GgufShape.read(file, at, repeatsTiedHead(), at + (cut ? MLA_KEY_LENGTH : KEY_LENGTH));
        if (shape.kvHeads() != (cut ? 1 : shape.heads())) {
            throw metadata.wrong(at + "attention.head_count_kv", cut ? "1, as for llama.cpp all heads share one row" : "attention.head_count " + shape.heads());
        }
        Rope rope = GgufRope.read(file, at, shape.headDim(), shape.contextLength(), false).withNeighbours(metadata.flag(at + NEIGHBOURS, true));
        if (rope.scaling() instanceof Scaling.Yarn yarn && metadata.has(at + LOG_MULTIPLIER)) {
            rope = withAttentionFactor(rope, yarn, yarn.attentionFactor() / paperFactor(yarn));
        }
        return read(new GgufKeys(metadata, at, shape, rope, file.tensors()::containsKey));
    }

    private static Rope withAttentionFactor(Rope rope, Scaling.Yarn y, double factor) {
        return new Rope(rope.theta(), rope.rotaryDims(), new Scaling.Yarn(y.factor(), y.originalContext(), y.betaFast(), y.betaSlow(), isOne(factor) ? 1 : factor,
                y.truncate()), rope.neighbours());
    }

    /** What {@link GgufRope} takes for granted: the temperature of section 3.4 of the YaRN paper. */
    private static double paperFactor(Scaling.Yarn yarn) {
        return yarn.factor() <= 1 ? 1 : 0.1 * Math.log(yarn.factor()) + 1;
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        int heads = plain.heads();
        int turning = keys.rope().rotaryDims();
        if (turning >= plain.headDim()) {
            throw keys.metadata().wrong(keys.at() + "rope.dimension_count", "a number below attention.key_length " + plain.headDim());
        }
        var latent = new Latent(keys.integer(QUERY_RANK, 0, MOST, 0), keys.integer(RANK, 1, MOST), turning,
                keys.integer(keys.has(MLA_KEY_LENGTH) ? MLA_VALUE_LENGTH : VALUE_LENGTH, 1, MOST / heads));
        var attention = new Attention(heads, heads, plain.headDim(), keys.hasTensor("blk.0.attn_kv_a_mqa.bias"), plain.outputBias(), false, 0);
        return Collections.nCopies(keys.shape().layers(), attention.withLatent(latent).withScores(scale(keys, plain.headDim()), 0));
    }

    /** As llama.cpp computes it; in files that are not for it, without what it multiplies cosines and sines by. */
    private static double scale(GgufKeys keys, int headDim) {
        if (!(keys.rope().scaling() instanceof Scaling.Yarn yarn)) {
            return 0;
        }
        double attention = keys.isOwn() ? 1 : yarn.attentionFactor();
        double all = Math.rint(keys.positive(LOG_MULTIPLIER, 0) * 1e8) / 1e7;
        return yarn.factor() <= 1 || all == 0 && isOne(attention) ? 0 : attention * attention * scale(headDim, yarn.factor(), all);
    }

    @Override
    public void write(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        super.write(spec, at, metadata);
        Attention a = spec.layer(0).attention();
        if (!spec.rope().neighbours()) {
            metadata.put(at + NEIGHBOURS, GgufValue.of(false));
        }
        if (a.scale() == 0 || !(spec.rope().scaling() instanceof Scaling.Yarn yarn)) {
            return;
        }
        metadata.put(at + LOG_MULTIPLIER, GgufValue.of((float) (0.1 * mscaleAllDim(a, yarn))));
        metadata.remove(at + ATTENTION_FACTOR);
        if (!isOne(yarn.attentionFactor())) {
            metadata.put(at + ATTENTION_FACTOR, GgufValue.of((float) yarn.attentionFactor()));
        }
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Attention a = spec.layer(0).attention();
        requireInGguf("keys and values from a narrow row", true, a.latent() != null);
        if (a.latent().queryRank() > 0) {
            metadata.put(at + QUERY_RANK, GgufValue.of(a.latent().queryRank()));
        }
        metadata.put(at + RANK, GgufValue.of(a.latent().rank()));
        metadata.put(at + VALUE_LENGTH, GgufValue.of(a.latent().valueDim()));
    }

}
