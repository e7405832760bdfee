package dev.zhulong.model;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.Role;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An encoder with its weights, F32: {@code embed → layers}, whose positions all see each other, and a head on the last layer.
 *
 * <pre>{@code
 * try (Encoder model = EncoderFiles.load(path); var scope = TensorScope.open()) {
 *     Tensor states = model.states(ids, segments, visible, rows);
 *     Tensor logits = model.logits(states, visible);
 * }
 * }</pre>
 */
public final class Encoder extends Network {
    private final RotaryTables rotary;
    private final List<Part> parts;
    /** Null where the head has no dense layer. */
    private final Linear headDense;
    private final Normalisation headNorm;

    /** Over {@code tensors} and {@code quantized}, which this object owns from now on and which must be kept out of scopes. */
    Encoder(EncoderSpec spec, Map<String, Tensor> tensors, Map<String, QuantizedMatrix> quantized) {
        super(spec, tensors, quantized);
        rotary = new RotaryTables(spec.stack());
        List<Part> all = new ArrayList<>();
        all.add(new EmbedPart(this, spec.stack(), spec.padId(), spec.firstPosition() - 1));
        for (int layer = 0; layer < spec.layers(); layer++) {
            all.add(new TransformerPart(this, spec.stack(), layer));
        }
        Normalisation last = norm(Role.FINAL_NORM, -1, spec.stack());
        if (last != null) {
            all.add(new NormPart(last));
        }
        parts = List.copyOf(all);
        headDense = linear(Role.HEAD_DENSE, -1, -1);
        headNorm = norm(Role.HEAD_NORM, -1, spec.stack());
    }

    /** Fresh weights on the device whose scope is open, the same for the same seed everywhere. */
    public static Encoder random(EncoderSpec spec, long seed) {
        return new Encoder(spec, fresh(spec, seed), Map.of());
    }

    @Override
    public EncoderSpec spec() {
        return (EncoderSpec) super.spec();
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    /** What the first part is given: I64 ids, and segments where the network has any, both [batch, seq]. Of a single segment every token is, whatever a tokenizer says. */
    public Tensor[] inputs(int[] ids, int[] segments, int batch) {
        Tensor tokens = Tensor.of(ids, batch, ids.length / batch);
        return spec().segments() == 0 ? new Tensor[] {tokens} : new Tensor[] {tokens,
                Tensor.of(spec().segments() == 1 ? new int[ids.length] : segments, batch, ids.length / batch)};
    }

    /**
     * Pass over {@code batch} whole sequences.
     *
     * @param ids     [batch · seq]: padding has no place in some families' counting of positions
     * @param visible which of them are seen; null for all
     */
    public Pass pass(int[] ids, boolean[] visible, int batch) {
        return pass(ids, visible, new boolean[0], batch);
    }

    /**
     * The same with global tokens as told, of a network that has them.
     *
     * @param globals [batch · seq]; empty for those that the network's head needs
     */
    public Pass pass(int[] ids, boolean[] visible, boolean[] globals, int batch) {
        int seq = ids.length / batch;
        int[] positions = new int[ids.length];
        boolean[] needed = new boolean[ids.length];
        boolean some = globals.length > 0;
        for (int row = 0; row < batch; row++) {
            int[] own = Arrays.copyOfRange(ids, row * seq, (row + 1) * seq);
            System.arraycopy(spec().positions(own), 0, positions, row * seq, seq);
            boolean[] byHead = spec().family().globals(spec(), own);
            System.arraycopy(byHead, 0, needed, row * seq, byHead.length);
            some |= byHead.length > 0;
        }
        return Pass.full(spec().stack(), rotary, Tensor.of(positions, batch, seq), visible, some ? globals.length > 0 ? globals : needed : null);
    }

    /** Ids to the last layer's states [batch, seq, hidden]; {@link #inputs} and {@link #pass} in one. */
    public Tensor states(int[] ids, int[] segments, boolean[] visible, int batch) {
        return run(inputs(ids, segments, batch), pass(ids, visible, batch))[0];
    }

    /**
     * The head.
     *
     * @param states  [batch, seq, hidden]
     * @param visible which tokens are no padding, [batch · seq], for heads that take the mean of these; null for all
     * @return of classes [batch, labels], from each row's first token; else [batch, seq, outputs]
     * @throws IllegalStateException where there is none
     */
    public Tensor logits(Tensor states, boolean[] visible) {
        return switch (spec().head()) {
            case Head.None none -> throw new IllegalStateException("this encoder has no head");
            case Head.Classes classes -> outputs(classes.mean() ? mean(states, visible) : states.select(1, 0), classes.dense());
            case Head.MaskedTokens tokens -> outputs(states, tokens.dense());
            case Head.Tags tags -> outputs(states, tags.dense());
            case Head.Spans spans -> outputs(states, spans.dense());
        };
    }

    /** The head over states none of which is padding's. */
    public Tensor logits(Tensor states) {
        return logits(states, null);
    }

    /**
     * Logits of some tokens alone: a head over masked tokens is as wide as the vocabulary, and few tokens are masked.
     *
     * @param states [n, hidden]
     * @return [n, outputs]
     */
    public Tensor logitsOfTokens(Tensor states) {
        return outputs(states, spec().head().dense());
    }

    private Tensor outputs(Tensor x, Optional<Dense> dense) {
        if (dense.isPresent()) {
            x = Activations.apply(dense.get().activation(), headDense.apply(x));
            x = headNorm == null ? x : headNorm.apply(x);
        }
        return x.linear(weight(spec().tiedEmbeddings() ? Role.EMBED : Role.HEAD, -1).tensor(), tensor(bias(Role.HEAD, -1)));
    }

    private static Tensor mean(Tensor states, boolean[] visible) {
        if (visible == null) {
            return states.mean(1, false);
        }
        int seq = (int) states.size(1);
        float[] shares = new float[visible.length];
        for (int row = 0; row < shares.length / seq; row++) {
            int count = 0;
            for (int i = row * seq; i < (row + 1) * seq; i++) {
                count += visible[i] ? 1 : 0;
            }
            for (int i = row * seq; i < (row + 1) * seq; i++) {
                shares[i] = visible[i] ? 1f / count : 0;
            }
        }
        return Tensor.of(shares, states.size(0), 1, seq).matmul(states).squeeze(1);
    }

    private static Tensor tensor(Weight weight) {
        return weight == null ? null : weight.tensor();
    }

    @Override
    public void close() {
        super.close();
        rotary.close();
    }
}
