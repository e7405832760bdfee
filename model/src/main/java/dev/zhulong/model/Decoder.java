package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Role;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A decoder-only Transformer with its weights, F32: {@code embed → layers → norm → head}.
 *
 * <pre>{@code
 * try (Decoder model = DecoderFiles.load(path); var scope = TensorScope.open()) {
 *     Tensor logits = model.logits(Tensor.of(ids, 1, ids.length));
 * }
 * }</pre>
 */
public final class Decoder extends Network {
    private final RotaryTables rotary;
    private final List<Part> parts;

    /** Over {@code tensors}, which this object owns from now on and which must be kept out of scopes. */
    Decoder(DecoderSpec spec, Map<String, Tensor> tensors) {
        this(spec, tensors, Map.of());
    }

    /** The same with the weights of some projections in blocks, by module name. */
    Decoder(DecoderSpec spec, Map<String, Tensor> tensors, Map<String, QuantizedMatrix> quantized) {
        super(spec, tensors, quantized);
        this.rotary = new RotaryTables(spec.stack());
        List<Part> all = new ArrayList<>();
        all.add(new EmbedPart(this, spec.stack()));
        for (int layer = 0; layer < spec.layers(); layer++) {
            all.add(new TransformerPart(this, spec.stack(), layer));
        }
        all.add(new NormPart(norm(Role.FINAL_NORM, -1, spec.stack())));
        this.parts = List.copyOf(all);
    }

    /** Fresh weights on the device whose scope is open, the same for the same seed everywhere. */
    public static Decoder random(DecoderSpec spec, long seed) {
        return random(spec, seed, Placing.HERE);
    }

    /** The same, each weight put somewhere as soon as it is drawn. */
    public static Decoder random(DecoderSpec spec, long seed, Placing placing) {
        return new Decoder(spec, fresh(spec, seed, placing));
    }

    /** One whose weights are all away: whoever runs a part puts that part's weights in their places before. */
    public static Decoder away(DecoderSpec spec) {
        return new Decoder(spec, Map.of());
    }

    @Override
    public DecoderSpec spec() {
        return (DecoderSpec) super.spec();
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    /** Pass over whole sequences of {@code seq} tokens. */
    public Pass causal(int seq) {
        return Pass.causal(spec().stack(), rotary, seq);
    }

    /** Pass over packed rows; both I64 [batch, seq]. */
    public Pass packed(Tensor positions, Tensor documents) {
        return Pass.packed(spec().stack(), rotary, positions, documents);
    }

    /** Pass over {@code seq} tokens that follow those in {@code cache}. */
    public Pass cached(int seq, KeyValues cache) {
        return Pass.cached(spec().stack(), rotary, seq, cache);
    }

    /** From what {@link #hidden} gives to logits, with the weights as they are now. */
    public Head head() {
        Weight bias = bias(Role.HEAD, -1);
        return new Head(weight(spec().tiedEmbeddings() ? Role.EMBED : Role.HEAD, -1).tensor(), bias == null ? null : bias.tensor(), spec().stack().scales(),
                products());
    }

    /** Everything before the head: I64 ids [batch, seq] to normed [batch, seq, hidden]. */
    public Tensor hidden(Tensor ids, Pass pass) {
        return run(new Tensor[] {ids}, pass)[0];
    }

    /** I64 ids [batch, seq], from position 0, to logits [batch, seq, vocab]. */
    public Tensor logits(Tensor ids) {
        return head().logits(hidden(ids, causal((int) ids.size(1))));
    }

    @Override
    public void close() {
        super.close();
        rotary.close();
    }
}
