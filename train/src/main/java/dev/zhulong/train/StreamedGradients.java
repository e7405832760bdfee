package dev.zhulong.train;

import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.SumOfSquares;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.DiskQueue.Transfer;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The sums of the gradients of layers, on the disk. A batch's gradient of a layer is added when it is whole, and the squares of the sums are added up as it is.
 * The layers that backward ends with are those that the next forward begins with: their sums wait for that in memory.
 */
final class StreamedGradients {
    private final StateFiles files;
    private final DiskQueue queue;
    private final LayerWindow[] windows;
    private final Map<StreamedLayer, Transfer> written = new HashMap<>();
    private final Map<String, SumOfSquares> squares = new HashMap<>();
    /** Which of the windows was asked for last. */
    private int recent;

    /**
     * @param one   memory for the largest layer
     * @param other the same
     */
    StreamedGradients(StateFiles files, DiskQueue queue, MemorySegment one, MemorySegment other) {
        this.files = files;
        this.queue = queue;
        windows = new LayerWindow[] {new LayerWindow(one), new LayerWindow(other)};
    }

    /** Squares of the sums, of the weights that have one. */
    Map<String, SumOfSquares> squares() {
        return squares;
    }

    /** Where a layer's sums are or will be, in the window that was not asked for last: they are read, if they are on the disk alone. */
    LayerWindow take(StreamedLayer layer) {
        if (windows[recent].layer != layer) {
            recent = 1 - recent;
        }
        LayerWindow window = windows[recent];
        if (window.layer != layer) {
            if (window.layer != null && !written.containsKey(window.layer)) {
                write(window);
            }
            window.layer = layer;
            Transfer stored = written.get(layer);
            if (stored != null) {
                window.last = queue.submit(layer.in(window.memory), (at, part) -> files.readGradients(layer.first() + at / Float.BYTES, part), window.last, stored);
            }
        }
        return window;
    }

    private void write(LayerWindow window) {
        StreamedLayer layer = window.layer;
        window.last = queue.submit(layer.in(window.memory), (at, part) -> files.writeGradients(layer.first() + at / Float.BYTES, part), window.last);
        written.put(layer, window.last);
    }

    /** Begins to read a layer's sums, if there are any: a gradient will come. */
    void expect(StreamedLayer layer) {
        if (written.containsKey(layer)) {
            take(layer);
        }
    }

    /** Adds the gradients that a layer's weights have. */
    void add(StreamedLayer layer) {
        if (layer.weights().stream().noneMatch(weight -> weight.isHere() && weight.tensor().grad() != null)) {
            return;
        }
        LayerWindow window = take(layer);
        queue.await(window.last);
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            for (int i = 0; i < layer.weights().size(); i++) {
                Weight weight = layer.weights().get(i);
                String name = weight.parameter().name();
                Tensor sum = Tensor.view(layer.in(window.memory, i), DType.F32, weight.parameter().shape());
                Tensor gradient = weight.tensor().grad();
                if (gradient != null && squares.containsKey(name)) {
                    sum.add_(gradient);
                } else if (gradient != null) {
                    sum.copy_(gradient);
                }
                if (gradient != null) {
                    squares.put(name, SumOfSquares.of(List.of(sum)));
                }
            }
        }
        written.remove(layer);
        if (layer.index() >= windows.length) {
            write(window);
        }
    }

    /** Forgets the sums. */
    void clear() {
        for (LayerWindow window : windows) {
            queue.await(window.last);
            window.layer = null;
        }
        written.clear();
        squares.clear();
    }
}
