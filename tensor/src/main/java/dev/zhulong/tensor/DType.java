package dev.zhulong.tensor;

import org.bytedeco.pytorch.global.torch.ScalarType;

/** Element types. */
public enum DType {
    F32(ScalarType.Float, 4),
    F64(ScalarType.Double, 8),
    F16(ScalarType.Half, 2),
    BF16(ScalarType.BFloat16, 2),
    I64(ScalarType.Long, 8),
    I32(ScalarType.Int, 4),
    I16(ScalarType.Short, 2),
    I8(ScalarType.Char, 1),
    U8(ScalarType.Byte, 1),
    BOOL(ScalarType.Bool, 1);

    final ScalarType torch;
    private final int bytes;

    DType(ScalarType torch, int bytes) {
        this.torch = torch;
        this.bytes = bytes;
    }

    /** Bytes an element takes. */
    public int bytes() {
        return bytes;
    }

    static DType of(ScalarType type) {
        // intern() maps the value that came from native code to the enum's own constant
        ScalarType wanted = type.intern();
        for (DType d : values()) {
            if (d.torch == wanted) {
                return d;
            }
        }
        throw new IllegalArgumentException("dtype " + wanted + " has no counterpart here");
    }

    /** Whether it holds floating-point numbers, which alone have gradients. */
    public boolean isFloat() {
        return switch (this) {
            case F32, F64, F16, BF16 -> true;
            default -> false;
        };
    }
}
