package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorRandom;
import dev.zhulong.tensor.TensorScope;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A decoder-only Transformer with its weights, F32: {@code embed → blocks → norm → head}.
 *
 * <pre>{@code
 * try (Decoder model = DecoderFiles.load(path); var scope = TensorScope.open()) {
 *     Tensor logits = model.logits(Tensor.of(ids, 1, ids.length));
 * }
 * }</pre>
 */
public final class Decoder implements AutoCloseable {
    private final DecoderSpec spec;
    private final Parameters table;
    private final Map<String, Tensor> parameters;
    private final List<Block> blocks;
    private final RotaryTable rotary;
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private final List<QuantizedMatrix> quantized;
    private LoraAdapter adapter;

    /** Over {@code parameters}, which this object owns from now on and which must be kept out of scopes. */
    Decoder(DecoderSpec spec, Map<String, Tensor> parameters) {
        this(spec, parameters, Map.of());
    }

    /** The same with the weights of some projections in blocks, by module name. */
    Decoder(DecoderSpec spec, Map<String, Tensor> parameters, Map<String, QuantizedMatrix> blocksOf) {
        this.spec = spec;
        this.table = Parameters.of(spec);
        this.parameters = Collections.unmodifiableMap(parameters);
        this.blocks = IntStream.range(0, spec.layers()).mapToObj(this::block).toList();
        this.rotary = spec.rope() == null ? null : new RotaryTable(spec.rope());
        blocksOf.forEach((module, matrix) -> linears.get(module).quantized(matrix));
        this.quantized = List.copyOf(blocksOf.values());
    }

    /** Whether projections are held in blocks: then they are frozen, and only an adapter can be trained. */
    public boolean isQuantized() {
        return !quantized.isEmpty();
    }

    /** Bytes of all weights as they are held. */
    public long bytes() {
        return parameters.values().stream().mapToLong(t -> 4 * t.elements()).sum() + quantized.stream().mapToLong(QuantizedMatrix::bytes).sum();
    }

    /** Where its weights lie; its forward pass runs in a scope of this device. */
    public Device device() {
        return headWeight().device();
    }

    /** Fresh weights on the device whose scope is open, the same for the same seed everywhere. */
    public static Decoder random(DecoderSpec spec, long seed) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (var random = new TensorRandom()) {
            Libtorch.seed(random, seed);
            Parameters.of(spec).forEach(p -> {
                Tensor t = Tensor.empty(dev.zhulong.tensor.DType.F32, p.shape()).keep();
                switch (p.init()) {
                    case NORMAL -> t.normal_(random, 0, 0.02);
                    case RESIDUAL -> t.normal_(random, 0, 0.02 / Math.sqrt(2.0 * spec.layers()));
                    case ONE -> t.fill_(1);
                    case ZERO -> t.zero_();
                }
                tensors.put(p.name(), t);
            });
        }
        return new Decoder(spec, tensors);
    }

    public DecoderSpec spec() {
        return spec;
    }

    /** The weights it has, by what they do. */
    public Parameters table() {
        return table;
    }

    private Block block(int layer) {
        return table.find(Role.QKV, layer).isPresent() ? new Gpt2Block(spec, layer, parameters, linears) : new LlamaBlock(spec, layer, parameters, linears);
    }

    private Tensor weight(Role role) {
        return parameters.get(table.get(role).name());
    }

    /** Hugging Face names to weights, in state-dictionary order; a tied head is not listed, nor is what is quantized. */
    public Map<String, Tensor> parameters() {
        return parameters;
    }

    /** Number of weights. */
    public long count() {
        return table.count();
    }

    /** Layers, first to last. */
    public List<Block> blocks() {
        return blocks;
    }

    /** Projections inside the blocks, by module name. */
    Map<String, Linear> linears() {
        return linears;
    }

    /**
     * Puts an adapter on, which stays its owner's. The weights below it are frozen from now on.
     *
     * @throws IllegalStateException if there is one already
     */
    public void attach(LoraAdapter lora) {
        if (adapter != null) {
            throw new IllegalStateException("this model has an adapter already: remove it first");
        }
        requiresGrad(false);
        adapter = lora;
        apply(lora);
    }

    /** Takes the adapter off, if there is one. */
    public void detach() {
        adapter = null;
        linears.values().forEach(linear -> linear.adapt(null));
    }

    /** The adapter that was put on. */
    public Optional<LoraAdapter> adapter() {
        return Optional.ofNullable(adapter);
    }

    /** The model without its adapter until closed: the reference that a policy is compared with, in the same weights. */
    public AdapterOff withoutAdapter() {
        linears.values().forEach(linear -> linear.adapt(null));
        return () -> {
            if (adapter != null) {
                apply(adapter);
            }
        };
    }

    /** Puts the adapter back. */
    @FunctionalInterface
    public interface AdapterOff extends AutoCloseable {
        @Override
        void close();
    }

    private void apply(LoraAdapter lora) {
        lora.parts().forEach((module, part) -> linears.get(module).adapt(part));
    }

    /** What training changes: the adapter's weights if there is one, else all. */
    public Map<String, Tensor> trainable() {
        return adapter == null ? parameters : adapter.parameters();
    }

    /** Names of the trainable weights that weight decay applies to. */
    public List<String> decayed() {
        return adapter == null ? table.decayed() : List.copyOf(adapter.parameters().keySet());
    }

    /** Marks every trainable weight as trained, or none. */
    public void requiresGrad(boolean on) {
        trainable().values().forEach(p -> p.requiresGrad(on));
    }

    /** Context for whole sequences of {@code seq} tokens. */
    public Context causal(int seq) {
        return Context.causal(spec, rotary, seq);
    }

    /** Context for packed rows; both I64 [batch, seq]. */
    public Context packed(Tensor positions, Tensor documents) {
        return Context.packed(spec, rotary, positions, documents);
    }

    /** Context for {@code seq} tokens that follow those in {@code cache}. */
    public Context cached(int seq, KeyValues cache) {
        return Context.cached(spec, rotary, seq, cache);
    }

    /** I64 ids [batch, seq] to the residual stream [batch, seq, hidden]. */
    public Tensor embed(Tensor ids, Context context) {
        Tensor x = weight(Role.EMBED).embedding(ids);
        return table.find(Role.POSITIONS).isEmpty() ? x : x.add(weight(Role.POSITIONS).embedding(context.positions()));
    }

    /** Final norm, [.., hidden] to [.., hidden]. */
    public Tensor norm(Tensor x) {
        Tensor weight = weight(Role.FINAL_NORM);
        return switch (spec.norm()) {
            case RMS -> Norms.rms(x, weight, spec.normEpsilon());
            case LAYER -> x.layerNorm(weight, parameters.get(table.bias(Role.FINAL_NORM, -1).orElseThrow().name()), spec.normEpsilon());
        };
    }

    /** Weight of the head [vocab, hidden]: the embedding's where they are tied. */
    public Tensor headWeight() {
        return weight(spec.tiedEmbeddings() ? Role.EMBED : Role.HEAD);
    }

    /** Everything before the head: I64 ids [batch, seq] to normed [batch, seq, hidden]. */
    public Tensor hidden(Tensor ids, Context context) {
        Tensor x = embed(ids, context);
        for (Block block : blocks) {
            try (var scope = TensorScope.open()) {
                x = scope.handOut(block.forward(x, context));
            }
        }
        return norm(x);
    }

    /** I64 ids [batch, seq], from position 0, to logits [batch, seq, vocab]. */
    public Tensor logits(Tensor ids) {
        return hidden(ids, causal((int) ids.size(1))).linear(headWeight(), null);
    }

    @Override
    public void close() {
        parameters.values().forEach(Tensor::close);
        quantized.forEach(QuantizedMatrix::close);
        if (rotary != null) {
            rotary.close();
        }
    }
}
