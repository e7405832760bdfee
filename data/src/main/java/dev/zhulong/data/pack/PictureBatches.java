package dev.zhulong.data.pack;

import java.util.AbstractList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** Deals labelled pictures out to steps: nothing but seed and step decides a batch, and every picture is taken once an epoch. Pictures are asked for when their batch is. */
public final class PictureBatches {
    private final int[] labels;
    private final IntFunction<float[]> pixels;
    private final int height;
    private final int width;
    private final int batch;
    private final RowOrder order;

    /**
     * @param labels of the pictures, numbers of their classes
     * @param pixels of a picture, {@code [channels, height, width]}
     * @param batch  pictures a step
     */
    public PictureBatches(int[] labels, IntFunction<float[]> pixels, int height, int width, int batch, long seed) {
        this.labels = labels;
        this.pixels = pixels;
        this.height = height;
        this.width = width;
        this.batch = batch;
        this.order = new RowOrder(labels.length, row -> 1, batch, 0, 1, seed);
    }

    /** The batch of a step. */
    public PictureBatch get(long step) {
        return of(order.step(step).stream().mapToInt(RowOrder.Place::row).toArray());
    }

    /** For evaluation: the first {@code most} pictures in their order, made when they are asked for. */
    public List<PictureBatch> inOrder(int most) {
        int n = Math.min(most, labels.length);
        return new AbstractList<>() {
            @Override
            public PictureBatch get(int index) {
                return of(IntStream.range(index * batch, Math.min(n, (index + 1) * batch)).toArray());
            }

            @Override
            public int size() {
                return (n + batch - 1) / batch;
            }
        };
    }

    private PictureBatch of(int[] numbers) {
        float[] all = null;
        int[] own = new int[numbers.length];
        for (int i = 0; i < numbers.length; i++) {
            float[] one = pixels.apply(numbers[i]);
            all = all == null ? new float[Math.multiplyExact(one.length, numbers.length)] : all;
            System.arraycopy(one, 0, all, i * one.length, one.length);
            own[i] = labels[numbers[i]];
        }
        return new PictureBatch(numbers.length, height, width, all, own);
    }
}
