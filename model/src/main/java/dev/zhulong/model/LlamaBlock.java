package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.tensor.Tensor;
import java.util.Map;

/**
 * Pre-norm block of the Llama family: grouped-query attention with rotary positions, then a gated MLP (Touvron et al. 2023). Mistral adds
 * a sliding window, Qwen2 a bias on query, key and value, Qwen3 a norm on each head of query and key.
 */
final class LlamaBlock implements Block {
    private final DecoderSpec spec;
    private final int layer;
    private final Tensor inputNorm;
    private final Tensor postNorm;
    private final Tensor q;
    private final Tensor k;
    private final Tensor v;
    private final Tensor o;
    private final Tensor qBias;
    private final Tensor kBias;
    private final Tensor vBias;
    private final Tensor oBias;
    private final Tensor qNorm;
    private final Tensor kNorm;
    private final Tensor gate;
    private final Tensor up;
    private final Tensor down;
    private final Tensor gateBias;
    private final Tensor upBias;
    private final Tensor downBias;

    LlamaBlock(DecoderSpec spec, int layer, Map<String, Tensor> p) {
        this.spec = spec;
        this.layer = layer;
        String at = "model.layers." + layer + ".";
        inputNorm = p.get(at + "input_layernorm.weight");
        postNorm = p.get(at + "post_attention_layernorm.weight");
        q = p.get(at + "self_attn.q_proj.weight");
        k = p.get(at + "self_attn.k_proj.weight");
        v = p.get(at + "self_attn.v_proj.weight");
        o = p.get(at + "self_attn.o_proj.weight");
        qBias = p.get(at + "self_attn.q_proj.bias");
        kBias = p.get(at + "self_attn.k_proj.bias");
        vBias = p.get(at + "self_attn.v_proj.bias");
        oBias = p.get(at + "self_attn.o_proj.bias");
        qNorm = p.get(at + "self_attn.q_norm.weight");
        kNorm = p.get(at + "self_attn.k_norm.weight");
        gate = p.get(at + "mlp.gate_proj.weight");
        up = p.get(at + "mlp.up_proj.weight");
        down = p.get(at + "mlp.down_proj.weight");
        gateBias = p.get(at + "mlp.gate_proj.bias");
        upBias = p.get(at + "mlp.up_proj.bias");
        downBias = p.get(at + "mlp.down_proj.bias");
    }

    @Override
    public Tensor forward(Tensor x, Context c) {
        x = x.add(attention(Norms.rms(x, inputNorm, spec.normEpsilon()), c));
        return x.add(mlp(Norms.rms(x, postNorm, spec.normEpsilon())));
    }

    private Tensor attention(Tensor h, Context c) {
        long batch = h.size(0);
        long seq = h.size(1);
        Tensor qs = h.linear(q, qBias).view(batch, seq, spec.heads(), spec.headDim());
        Tensor ks = h.linear(k, kBias).view(batch, seq, spec.kvHeads(), spec.headDim());
        Tensor vs = h.linear(v, vBias).view(batch, seq, spec.kvHeads(), spec.headDim());
        if (spec.qkNorm()) {
            qs = Norms.rms(qs, qNorm, spec.normEpsilon());
            ks = Norms.rms(ks, kNorm, spec.normEpsilon());
        }
        qs = RotaryTable.rotate(qs, c.cos(), c.sin());
        ks = RotaryTable.rotate(ks, c.cos(), c.sin());
        Tensor y = c.attend(layer, qs.transpose(1, 2), ks.transpose(1, 2), vs.transpose(1, 2));
        return y.transpose(1, 2).reshape(batch, seq, (long) spec.heads() * spec.headDim()).linear(o, oBias);
    }

    private Tensor mlp(Tensor h) {
        return Activations.apply(spec.activation(), h.linear(gate, gateBias)).mul(h.linear(up, upBias)).linear(down, downBias);
    }
}
