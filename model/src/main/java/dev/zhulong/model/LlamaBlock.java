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
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear o;
    private final Tensor qNorm;
    private final Tensor kNorm;
    private final Linear gate;
    private final Linear up;
    private final Linear down;

    LlamaBlock(DecoderSpec spec, int layer, Map<String, Tensor> p, Map<String, Linear> linears) {
        this.spec = spec;
        this.layer = layer;
        String at = "model.layers." + layer + ".";
        inputNorm = p.get(at + "input_layernorm.weight");
        postNorm = p.get(at + "post_attention_layernorm.weight");
        q = Linear.of(p, at + "self_attn.q_proj", false, linears);
        k = Linear.of(p, at + "self_attn.k_proj", false, linears);
        v = Linear.of(p, at + "self_attn.v_proj", false, linears);
        o = Linear.of(p, at + "self_attn.o_proj", false, linears);
        qNorm = p.get(at + "self_attn.q_norm.weight");
        kNorm = p.get(at + "self_attn.k_norm.weight");
        gate = Linear.of(p, at + "mlp.gate_proj", false, linears);
        up = Linear.of(p, at + "mlp.up_proj", false, linears);
        down = Linear.of(p, at + "mlp.down_proj", false, linears);
    }

    @Override
    public Tensor forward(Tensor x, Context c) {
        x = x.add(attention(Norms.rms(x, inputNorm, spec.normEpsilon()), c));
        return x.add(mlp(Norms.rms(x, postNorm, spec.normEpsilon())));
    }

    private Tensor attention(Tensor h, Context c) {
        long batch = h.size(0);
        long seq = h.size(1);
        Tensor[] qkv = Linear.applyAll(h, q, k, v);
        Tensor qs = qkv[0].view(batch, seq, spec.heads(), spec.headDim());
        Tensor ks = qkv[1].view(batch, seq, spec.kvHeads(), spec.headDim());
        Tensor vs = qkv[2].view(batch, seq, spec.kvHeads(), spec.headDim());
        if (spec.qkNorm()) {
            qs = Norms.rms(qs, qNorm, spec.normEpsilon());
            ks = Norms.rms(ks, kNorm, spec.normEpsilon());
        }
        qs = RotaryTable.rotate(qs, c.cos(), c.sin());
        ks = RotaryTable.rotate(ks, c.cos(), c.sin());
        Tensor y = c.attend(layer, qs.transpose(1, 2), ks.transpose(1, 2), vs.transpose(1, 2));
        return o.apply(y.transpose(1, 2).reshape(batch, seq, (long) spec.heads() * spec.headDim()));
    }

    private Tensor mlp(Tensor h) {
        Tensor[] wide = Linear.applyAll(h, gate, up);
        return down.apply(Activations.apply(spec.activation(), wide[0]).mul(wide[1]));
    }
}
