package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.List;

/**
 * A dense decoder made into one with experts (sparse upcycling, Komatsuzaki et al. 2023): each expert begins as a copy of its layer's MLP, the routers are
 * fresh. As the weights of a token's experts sum to one, it computes what the dense model does until it is trained. Where a family has an expert that all
 * tokens share, that one is a copy too: it gives one half, since its scale begins as the sigmoid of nought, and the others are halved.
 */
public final class Upcycle {
    private static final double BALANCE = 0.01;

    private Upcycle() {}

    /**
     * A new model, which the caller closes.
     *
     * @param dense   a Llama or Mistral, which becomes a Mixtral, a Qwen2 or Qwen3, which becomes a Qwen2-MoE or Qwen3-MoE, or a Granite, which becomes one
     *                with experts
     * @param experts of each layer
     * @param chosen  of them for a token
     * @param noise   what is added to the copies, as a share of their own standard deviation; 0 for exact copies
     * @throws IllegalArgumentException where no family has experts in such a model
     */
    public static Decoder of(Decoder dense, int experts, int chosen, double noise, long seed) {
        DecoderSpec spec = spec(dense.spec(), experts, chosen);
        Decoder sparse = Decoder.random(spec, seed);
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            Parameters from = dense.table();
            for (Parameter p : sparse.table().all()) {
                if (p.role() == Role.ROUTER) {
                    continue;
                }
                if (p.role() == Role.SHARED_SCALE) {
                    sparse.parameters().get(p.name()).zero_();
                    continue;
                }
                Parameter source = from.find(p.role(), p.layer(), -1, p.bias()).orElseThrow();
                Tensor to = sparse.parameters().get(p.name());
                Tensor copy = dense.parameters().get(source.name());
                if (p.expert() >= 0 && noise > 0) {
                    double deviation = Math.sqrt(copy.square().mean(0, false).mean(0, false).item());
                    to.mul_(noise * deviation / Math.sqrt(to.square().mean(0, false).mean(0, false).item())).add_(copy);
                } else {
                    to.copy_(copy);
                }
                if (p.expert() >= 0 && p.role() == Role.DOWN && sharesOne(spec)) {
                    to.mul_(0.5);
                }
            }
            return sparse;
        } catch (RuntimeException | Error e) {
            sparse.close();
            throw e;
        }
    }

    private static boolean sharesOne(DecoderSpec sparse) {
        return sparse.stack().experts().orElseThrow().shared() != null;
    }

    private static DecoderSpec spec(DecoderSpec dense, int experts, int chosen) {
        String type = switch (dense.family().modelType()) {
            case "llama", "mistral" -> "mixtral";
            case "qwen2" -> "qwen2_moe";
            case "qwen3" -> "qwen3_moe";
            case "granite" -> "granitemoe";
            default -> throw new IllegalArgumentException("a model of the family " + dense.family().modelType()
                    + " cannot be given experts: expected a llama or mistral, which becomes a mixtral, a qwen2 or qwen3, which becomes a qwen2_moe or qwen3_moe, or"
                    + " a granite, which becomes a granitemoe");
        };
        boolean shares = type.equals("qwen2_moe");
        if (experts < 2) {
            throw new IllegalArgumentException("a mixture has at least 2 experts, found " + experts);
        }
        List<Layer> layers = dense.stack().layers().stream()
                .map(layer -> new Layer(layer.attention(), new Mlp.Experts(experts, chosen, (Mlp.Dense) layer.mlp(), BALANCE, Routing.SOFTMAX,
                        shares ? (Mlp.Dense) layer.mlp() : null, shares))).toList();
        return new DecoderSpec(Family.of(type), dense.stack().withLayers(layers), dense.vocabSize(), dense.tiedEmbeddings(), dense.bosId(), dense.eosIds());
    }
}
