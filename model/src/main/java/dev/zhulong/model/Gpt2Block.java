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
    private final Tensor qkv;
    private final Tensor qkvBias;
    private final Tensor proj;
    private final Tensor projBias;
    private final Tensor fc;
    private final Tensor fcBias;
    private final Tensor out;
    private final Tensor outBias;

    Gpt2Block(DecoderSpec spec, int layer, Map<String, Tensor> p) {
        this.spec = spec;
        this.layer = layer;
        String at = "transformer.h." + layer + ".";
        norm1 = p.get(at + "ln_1.weight");
        norm1Bias = p.get(at + "ln_1.bias");
        norm2 = p.get(at + "ln_2.weight");
        norm2Bias = p.get(at + "ln_2.bias");
        qkv = p.get(at + "attn.c_attn.weight");
        qkvBias = p.get(at + "attn.c_attn.bias");
        proj = p.get(at + "attn.c_proj.weight");
        projBias = p.get(at + "attn.c_proj.bias");
        fc = p.get(at + "mlp.c_fc.weight");
        fcBias = p.get(at + "mlp.c_fc.bias");
        out = p.get(at + "mlp.c_proj.weight");
        outBias = p.get(at + "mlp.c_proj.bias");
    }

    @Override
    public Tensor forward(Tensor x, Context c) {
        long batch = x.size(0);
        long seq = x.size(1);
        long h = spec.hiddenSize();
        var parts = conv(x.layerNorm(norm1, norm1Bias, spec.normEpsilon()), qkv, qkvBias)
                .view(batch, seq, 3L * spec.heads(), spec.headDim())
                .transpose(1, 2)
                .split(1, spec.heads(), spec.heads(), spec.heads());
        Tensor y = c.attend(layer, parts.get(0), parts.get(1), parts.get(2));
        x = x.add(conv(y.transpose(1, 2).reshape(batch, seq, h), proj, projBias));
        Tensor m = Activations.apply(spec.activation(), conv(x.layerNorm(norm2, norm2Bias, spec.normEpsilon()), fc, fcBias));
        return x.add(conv(m, out, outBias));
    }

    private static Tensor conv(Tensor x, Tensor weight, Tensor bias) {
        return x.linear(weight.transpose(0, 1), bias);
    }
}
