package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.tensor.Tensor;
import java.util.Map;

/**
 * Block of GPT-2 (Radford et al. 2019): LayerNorm, one fused projection for query, key and value, GELU MLP. Projections are stored
 * transposed, [in, out].
 */
final class Gpt2Block implements Block {
    private final DecoderSpec spec;
    private final int layer;
    private final Tensor norm1;
    private final Tensor norm1Bias;
    private final Tensor norm2;
    private final Tensor norm2Bias;
    private final Linear qkv;
    private final Linear proj;
    private final Linear fc;
    private final Linear out;

    Gpt2Block(DecoderSpec spec, int layer, Map<String, Tensor> p, Map<String, Linear> linears) {
        this.spec = spec;
        this.layer = layer;
        String at = "transformer.h." + layer + ".";
        norm1 = p.get(at + "ln_1.weight");
        norm1Bias = p.get(at + "ln_1.bias");
        norm2 = p.get(at + "ln_2.weight");
        norm2Bias = p.get(at + "ln_2.bias");
        qkv = Linear.of(p, at + "attn.c_attn", true, linears);
        proj = Linear.of(p, at + "attn.c_proj", true, linears);
        fc = Linear.of(p, at + "mlp.c_fc", true, linears);
        out = Linear.of(p, at + "mlp.c_proj", true, linears);
    }

    @Override
    public Tensor forward(Tensor x, Context c) {
        long batch = x.size(0);
        long seq = x.size(1);
        long h = spec.hiddenSize();
        var parts = qkv.apply(x.layerNorm(norm1, norm1Bias, spec.normEpsilon()))
                .view(batch, seq, 3L * spec.heads(), spec.headDim())
                .transpose(1, 2)
                .split(1, spec.heads(), spec.heads(), spec.heads());
        Tensor y = c.attend(layer, parts.get(0), parts.get(1), parts.get(2));
        x = x.add(proj.apply(y.transpose(1, 2).reshape(batch, seq, h)));
        Tensor m = Activations.apply(spec.activation(), fc.apply(x.layerNorm(norm2, norm2Bias, spec.normEpsilon())));
        return x.add(out.apply(m));
    }
}
