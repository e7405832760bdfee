package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.Activations;
import dev.zhulong.kernels.MatMul;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.tensor.Int8Activations;
import dev.zhulong.tensor.Parallel;
import java.util.function.IntConsumer;

/** What products in flight need, for so many rows: activations in the forms of either route, and the threads. */
final class Products implements Parallel, AutoCloseable {
    private final int maxRows;
    private final int maxColumns;
    private final ThreadPool pool;
    private final MatMul matMul;
    private Activations activations;
    private Int8Activations bytes;

    Products(int maxRows, int maxColumns, ThreadPool pool) {
        this.maxRows = maxRows;
        this.maxColumns = maxColumns;
        this.pool = pool;
        matMul = new MatMul(pool);
    }

    MatMul matMul() {
        return matMul;
    }

    /** Made when the latency route is first taken. */
    Activations activations() {
        if (activations == null) {
            activations = new Activations(maxRows, maxColumns);
        }
        return activations;
    }

    /** Made when the throughput route is first taken. */
    Int8Activations bytes() {
        if (bytes == null) {
            bytes = new Int8Activations(maxRows, maxColumns);
        }
        return bytes;
    }

    @Override
    public void run(IntConsumer work, int count) {
        pool.run(work::accept, count);
    }

    @Override
    public void close() {
        if (bytes != null) {
            bytes.close();
        }
    }
}
