package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.KeyValues;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Pass;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The engine over libtorch: every architecture of the model module.
 *
 * <p>Spans run one after another: a matrix product's rounding depends on how many rows it has, and a sequence's logits must not depend on
 * what shares its batch.
 */
public final class TorchEngine implements LanguageModel {
    private final Decoder model;
    private final Device device;

    /** Over a model that this engine owns and closes, its adapter too if it has one; computes on the device it lies on. */
    public TorchEngine(Decoder model) {
        this.model = model;
        this.device = model.device();
    }

    /** Loads a Hugging Face directory onto the device whose scope is open. */
    public static TorchEngine load(Path directory) {
        return new TorchEngine(DecoderFiles.load(directory));
    }

    @Override
    public DecoderSpec spec() {
        return model.spec();
    }

    @Override
    public KvCache newCache(int capacity) {
        if (capacity <= 0) {
            throw new IllegalArgumentException("a cache needs room for at least one token, asked for " + capacity);
        }
        try (var on = DeviceScope.open(device)) {
            return new Cache(model.spec(), capacity);
        }
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        spans.forEach(this::check);
        List<float[]> out = new ArrayList<>(spans.size());
        for (Span span : spans) {
            out.add(run((Cache) span.cache(), span.ids(), span.logits()));
        }
        return out;
    }

    private void check(Span span) {
        span.wanted(model.spec());
        KvCache cache = span.cache();
        if (cache.length() + span.ids().length > cache.capacity()) {
            throw new IllegalArgumentException(span.ids().length + " tokens after " + cache.length() + " do not fit a cache of " + cache.capacity());
        }
        for (int id : span.ids()) {
            if (id < 0 || id >= model.spec().vocabSize()) {
                throw new IllegalArgumentException("token id " + id + " is outside the vocabulary of " + model.spec().vocabSize());
            }
        }
    }

    private float[] run(Cache cache, int[] ids, Logits wanted) {
        try (var on = DeviceScope.open(device);
                var scope = TensorScope.open();
                var off = NoGrad.open()) {
            int[] all = cache.toRead(ids);
            Pass pass = model.cached(all.length, cache);
            Tensor hidden = model.hidden(Tensor.of(all, 1, all.length), pass).narrow(1, all.length - ids.length, ids.length);
            cache.length += all.length;
            return switch (wanted) {
                case NONE -> new float[0];
                case LAST -> model.head().logits(hidden.narrow(1, ids.length - 1, 1)).toFloats();
                case ALL -> model.head().logits(hidden).toFloats();
                case HIDDEN -> hidden.toFloats();
            };
        }
    }

    @Override
    public void close() {
        model.adapter().ifPresent(LoraAdapter::close);
        model.close();
    }

    /** Keys and values of one sequence, F32, room reserved up front. */
    static final class Cache implements KvCache, KeyValues {
        private final int capacity;
        private final Tensor[] keys;
        private final Tensor[] values;
        private int length;
        private final LongRopeTokens longRope;

        Cache(DecoderSpec spec, int capacity) {
            this.capacity = capacity;
            longRope = LongRopeTokens.of(spec);
            keys = new Tensor[spec.layers()];
            values = new Tensor[spec.layers()];
            for (int l = 0; l < keys.length; l++) {
                Attention attention = spec.layer(l).attention();
                keys[l] = Tensor.empty(DType.F32, 1, attention.kvHeads(), capacity, attention.headDim()).keep();
                values[l] = Tensor.empty(DType.F32, 1, attention.kvHeads(), capacity, attention.valueDim()).keep();
            }
        }

        /** What must be read for these ids to follow. */
        private int[] toRead(int[] next) {
            int[] again = longRope == null ? new int[0] : longRope.noted(length, next);
            if (again.length == 0) {
                return next;
            }
            length = 0;
            int[] all = Arrays.copyOf(again, again.length + next.length);
            System.arraycopy(next, 0, all, again.length, next.length);
            return all;
        }

        @Override
        public Pair append(int layer, Tensor k, Tensor v) {
            int seq = (int) k.size(2);
            keys[layer].narrow(2, length, seq).copy_(k);
            values[layer].narrow(2, length, seq).copy_(v);
            return new Pair(keys[layer].narrow(2, 0, length + (long) seq), values[layer].narrow(2, 0, length + (long) seq));
        }

        @Override
        public int length() {
            return length;
        }

        @Override
        public int capacity() {
            return capacity;
        }

        @Override
        public void truncate(int to) {
            if (to < 0 || to > length) {
                throw new IllegalArgumentException("cannot cut a cache of " + length + " tokens to " + to);
            }
            length = to;
        }

        @Override
        public void close() {
            for (int l = 0; l < keys.length; l++) {
                keys[l].close();
                values[l].close();
            }
        }
    }
}
