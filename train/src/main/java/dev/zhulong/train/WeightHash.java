package dev.zhulong.train;

import dev.zhulong.tensor.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collection;
import java.util.zip.CRC32C;

/** A number that two models have in common where all their bits are equal, and hardly otherwise. */
final class WeightHash {
    private WeightHash() {}

    static long of(Collection<Tensor> weights) {
        var even = new CRC32C();
        var odd = new CRC32C();
        int i = 0;
        for (Tensor weight : weights) {
            float[] values = weight.toFloats();
            ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asFloatBuffer().put(values);
            (i++ % 2 == 0 ? even : odd).update(bytes);
        }
        return even.getValue() << 32 | odd.getValue();
    }
}
