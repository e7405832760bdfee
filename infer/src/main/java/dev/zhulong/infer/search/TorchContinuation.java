package dev.zhulong.infer.search;

import dev.zhulong.model.CrossKeys;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.KeyValues;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Texts that an encoder–decoder writes of others, on libtorch: the sources are encoded once, and their keys and values made once. */
public final class TorchContinuation implements Continuation {
    private final EncoderDecoder model;
    private final int width;
    private final Rows cache = new Rows();
    private final CrossKeys cross = new CrossKeys();
    /** By row, the source that it is written of, filled up to {@link #width}. */
    private int[][] sources;
    private boolean[][] visible;
    private Tensor encoded;

    /** @param texts ids of the sources, of any lengths above 0 */
    public TorchContinuation(EncoderDecoder model, List<int[]> texts) {
        this.model = model;
        width = texts.stream().mapToInt(text -> text.length).max().orElseThrow();
        sources = new int[texts.size()][width];
        visible = new boolean[texts.size()][width];
        for (int i = 0; i < texts.size(); i++) {
            int[] text = texts.get(i);
            if (text.length == 0) {
                throw new IllegalArgumentException("there is no text to read: it has no tokens");
            }
            Arrays.fill(sources[i], model.spec().ids().pad());
            System.arraycopy(text, 0, sources[i], 0, text.length);
            Arrays.fill(visible[i], 0, text.length, true);
        }
        int[] all = Arrays.stream(sources).flatMapToInt(Arrays::stream).toArray();
        try (var on = DeviceScope.open(model.device());
                var inner = TensorScope.open();
                var off = NoGrad.open()) {
            encoded = model.encode(all, texts.size(), model.sourcePass(all, hidden(visible), texts.size())).keep();
        }
    }

    private TorchContinuation(EncoderDecoder model, Tensor encoded) {
        this.model = model;
        this.encoded = encoded;
        width = (int) encoded.size(1);
        sources = new int[(int) encoded.size(0)][0];
        visible = new boolean[sources.length][width];
        for (boolean[] row : visible) {
            Arrays.fill(row, true);
        }
    }

    /** Of what an encoder has given already, all of which is seen. @param encoded [rows, positions, hidden], kept; this owns it from now on */
    public static TorchContinuation ofEncoded(EncoderDecoder model, Tensor encoded) {
        return new TorchContinuation(model, encoded);
    }

    /** Null where nothing is padding. */
    private boolean[] hidden(boolean[][] rows) {
        boolean[] all = new boolean[rows.length * width];
        boolean padded = false;
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(rows[i], 0, all, i * width, width);
            padded |= !rows[i][width - 1];
        }
        return padded ? all : null;
    }

    @Override
    public float[][] append(int[] tokens) {
        return step(tokens, tokens.length, 0);
    }

    /**
     * Reads several tokens of the one row that there is, at once.
     *
     * @param at places among them
     * @return what follows each of these places, [places][vocab]
     */
    public float[][] read(int[] tokens, int... at) {
        return step(tokens, 1, at);
    }

    private float[][] step(int[] tokens, int rows, int... at) {
        try (var on = DeviceScope.open(model.device());
                var inner = TensorScope.open();
                var off = NoGrad.open()) {
            Tensor states = model.decode(encoded, tokens, rows, model.step(tokens, rows, cache, hidden(visible), cross));
            cache.length += tokens.length / rows;
            Tensor asked = states.size(1) == at.length ? states : states.indexSelect(1, Tensor.of(at, at.length));
            float[] all = model.logits(asked).toFloats();
            float[][] logits = new float[rows * at.length][];
            int vocab = all.length / logits.length;
            Arrays.setAll(logits, row -> Arrays.copyOfRange(all, row * vocab, (row + 1) * vocab));
            return logits;
        }
    }

    @Override
    public void choose(int[] rows) {
        boolean sameSources = rows.length == sources.length;
        for (int i = 0; sameSources && i < rows.length; i++) {
            sameSources = sources[rows[i]] == sources[i];
        }
        try (var on = DeviceScope.open(model.device());
                var inner = TensorScope.open();
                var off = NoGrad.open()) {
            cache.choose(rows);
            if (!sameSources && cross.isEmpty()) {
                Tensor chosen = encoded.indexSelect(0, Tensor.of(rows, rows.length)).keep();
                encoded.close();
                encoded = chosen;
            } else if (!sameSources) {
                cross.choose(rows);
            }
        }
        if (!sameSources) {
            int[][] before = sources;
            boolean[][] seen = visible;
            sources = Arrays.stream(rows).mapToObj(row -> before[row]).toArray(int[][]::new);
            visible = Arrays.stream(rows).mapToObj(row -> seen[row]).toArray(boolean[][]::new);
        }
    }

    @Override
    public void close() {
        cache.close();
        cross.close();
        encoded.close();
    }

    /** Keys and values of what was written, [rows, heads, tokens, d] a layer. */
    private static final class Rows implements KeyValues {
        private final Map<Integer, Pair> layers = new HashMap<>();
        private int length;

        @Override
        public Pair append(int layer, Tensor k, Tensor v) {
            Pair before = layers.get(layer);
            Pair all = before == null ? new Pair(k.contiguous().copy().keep(), v.contiguous().copy().keep())
                    : new Pair(Tensor.cat(2, before.k(), k).keep(), Tensor.cat(2, before.v(), v).keep());
            close(before);
            layers.put(layer, all);
            return all;
        }

        @Override
        public int length() {
            return length;
        }

        void choose(int[] rows) {
            Tensor index = Tensor.of(rows, rows.length);
            layers.replaceAll((layer, pair) -> {
                var chosen = new Pair(pair.k().indexSelect(0, index).keep(), pair.v().indexSelect(0, index).keep());
                close(pair);
                return chosen;
            });
        }

        private static void close(Pair pair) {
            if (pair != null) {
                pair.k().close();
                pair.v().close();
            }
        }

        void close() {
            layers.values().forEach(Rows::close);
            layers.clear();
        }
    }
}
