package dev.zhulong.train;

import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.SumOfSquares;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.StreamedWeights.Layer;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;

/** The sums of the gradients of layers, on the disk. A batch's gradient of a layer is added when it is whole, and the squares of the sums are added up as it is. */
final class StreamedGradients {
    private static final class Window {
        private final MemorySegment memory;
        private Layer layer;
        /** The last thing asked for with its memory. */
        private Future<?> task = DiskQueue.NOTHING;

        Window(MemorySegment memory) {
            this.memory = memory;
        }
    }

    private final StateFiles files;
    private final DiskQueue reads;
    private final DiskQueue writes;
    private final Window[] windows;
    private final Map<Layer, Future<?>> written = new HashMap<>();
    private final Map<String, SumOfSquares> squares = new HashMap<>();
    private int next;

    StreamedGradients(StateFiles files, DiskQueue reads, DiskQueue writes, MemorySegment one, MemorySegment other) {
        this.files = files;
        this.reads = reads;
        this.writes = writes;
        windows = new Window[] {new Window(one), new Window(other)};
    }

    /** Squares of the sums, of the weights that have one. */
    Map<String, SumOfSquares> squares() {
        return squares;
    }

    /** Begins to read a layer's sums, if there are any: a gradient will come. */
    void expect(Layer layer) {
        if (written.containsKey(layer) && windows[next].layer != layer) {
            Window window = windows[next];
            Future<?> before = window.task;
            Future<?> stored = written.get(layer);
            window.layer = layer;
            window.task = reads.submit(() -> {
                DiskQueue.done(before);
                DiskQueue.done(stored);
                files.readGradients(layer.first(), layer.in(window.memory));
            });
        }
    }

    /** Adds the gradients that a layer's weights have. */
    void add(Layer layer) {
        if (layer.weights().stream().noneMatch(weight -> weight.isHere() && weight.tensor().grad() != null)) {
            return;
        }
        expect(layer);
        Window window = windows[next];
        window.layer = null;
        next = 1 - next;
        (written.containsKey(layer) ? reads : writes).await(window.task);
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
        window.task = writes.submit(() -> files.writeGradients(layer.first(), layer.in(window.memory)));
        written.put(layer, window.task);
    }

    /** Waits until all sums are written; their memory is free then. */
    void settle() {
        for (Window window : windows) {
            writes.await(window.task);
            window.layer = null;
        }
    }

    /** Forgets the sums. */
    void clear() {
        settle();
        written.clear();
        squares.clear();
    }
}
