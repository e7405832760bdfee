package dev.zhulong.formats.family;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Norm;

/** What rotary decoders with LayerNorm share (GPT-NeoX, Phi, StableLM, StarCoder2): biases in all norms, and the names of their epsilon. */
abstract class LayerNormDecoder extends RotaryDecoder {
    @Override
    protected Norm norm() {
        return Norm.LAYER;
    }

    @Override
    protected boolean normBias() {
        return true;
    }

    @Override
    protected String epsilonField() {
        return "layer_norm_eps";
    }

    @Override
    public String ggufEpsilon() {
        return "attention.layer_norm_epsilon";
    }

    /** llama.cpp wants a head of its own. */
    @Override
    public boolean repeatsTiedHead() {
        return true;
    }

    /** For writing: refuses biases other than these. */
    final void requireBiases(DecoderSpec spec, boolean qkv, boolean output, boolean mlp) {
        ConfigFields.require(spec, spec.qkvBias() == qkv, "qkvBias", qkv, spec.qkvBias());
        ConfigFields.require(spec, spec.outputBias() == output, "outputBias", output, spec.outputBias());
        ConfigFields.require(spec, spec.mlpBias() == mlp, "mlpBias", mlp, spec.mlpBias());
    }
}
