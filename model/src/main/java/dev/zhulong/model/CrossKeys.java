package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/** Keys and values of an encoder's output, made once by each layer of the decoder and read at every step. Lives until it is closed. */
public final class CrossKeys implements AutoCloseable {
    private final Map<Integer, KeyValues.Pair> byLayer = new HashMap<>();

    /** Those of a layer, made where it is the first to ask. */
    KeyValues.Pair of(int layer, Supplier<KeyValues.Pair> make) {
        return byLayer.computeIfAbsent(layer, any -> {
            KeyValues.Pair pair = make.get();
            return new KeyValues.Pair(pair.k().contiguous().copy().keep(), pair.v().contiguous().copy().keep());
        });
    }

    /** Whether no layer has asked yet. */
    public boolean isEmpty() {
        return byLayer.isEmpty();
    }

    /** From now on row {@code i} is what row {@code rows[i]} was. */
    public void choose(int[] rows) {
        Tensor index = Tensor.of(rows, rows.length);
        byLayer.replaceAll((layer, pair) -> {
            var chosen = new KeyValues.Pair(pair.k().indexSelect(0, index).keep(), pair.v().indexSelect(0, index).keep());
            close(pair);
            return chosen;
        });
    }

    private static void close(KeyValues.Pair pair) {
        pair.k().close();
        pair.v().close();
    }

    @Override
    public void close() {
        byLayer.values().forEach(CrossKeys::close);
        byLayer.clear();
    }
}
