package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;

/**
 * The blocks of a {@link QuantizedMatrix} in a device's memory, made whole there by tensor operations, with the processor's bits.
 *
 * @param codes  a row a block: I8 numbers, or U8 pairs of NF4 codes
 * @param scales F32 [blocks, 1]
 * @param pairs  F32 [256, 2]: the two levels that a byte of NF4 codes stands for; null for I8
 */
record DeviceBlocks(Tensor codes, Tensor scales, Tensor pairs) implements AutoCloseable {
    /** On the device whose scope is open. The last block may be short: what is missing is zero. */
    static DeviceBlocks of(QuantizedMatrix.Format format, MemorySegment codes, MemorySegment scales) {
        boolean nf4 = format == QuantizedMatrix.Format.NF4;
        long blocks = scales.byteSize() / Float.BYTES;
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            Tensor own = Tensor.empty(nf4 ? DType.U8 : DType.I8, blocks, nf4 ? QuantizedMatrix.BLOCK / 2 : QuantizedMatrix.BLOCK).write_(memory -> {
                memory.asSlice(codes.byteSize()).fill((byte) 0);
                MemorySegment.copy(codes, 0, memory, 0, codes.byteSize());
            });
            return new DeviceBlocks(own.keep(), Tensor.copyOf(scales, DType.F32, blocks, 1).keep(), nf4 ? pairsOfLevels().keep() : null);
        }
    }

    private static Tensor pairsOfLevels() {
        float[] levels = new float[2 * 256];
        for (int pair = 0; pair < 256; pair++) {
            levels[2 * pair] = QuantizedMatrix.NF4[pair >> 4];
            levels[2 * pair + 1] = QuantizedMatrix.NF4[pair & 15];
        }
        return Tensor.of(levels, 256, 2);
    }

    /** A new F32 tensor of {@code shape} in the current scope. */
    Tensor dequantize(long... shape) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            Tensor numbers = pairs == null ? codes.to(DType.F32) : pairs.embedding(codes.to(DType.I32));
            Tensor whole = numbers.view(scales.size(0), QuantizedMatrix.BLOCK).mul_(scales).view(-1);
            return scope.handOut(whole.narrow(0, 0, shape[0] * shape[1]).view(shape));
        }
    }

    @Override
    public void close() {
        codes.close();
        scales.close();
        if (pairs != null) {
            pairs.close();
        }
    }
}
