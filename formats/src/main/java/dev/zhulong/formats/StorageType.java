package dev.zhulong.formats;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How one element of a tensor is stored; the constants' names are safetensors' own.
 *
 * <p>The order is that of the reference implementation (alignment rises with it), by which a writer lays tensors out.
 * Formats below one byte an element (F4, F6) are not read.
 */
public enum StorageType {
    BOOL(1, "bool"),
    U8(1, "uint8"),
    I8(1, "int8"),
    F8_E5M2(1, "float8_e5m2"),
    F8_E4M3(1, "float8_e4m3fn"),
    F8_E8M0(1, "float8_e8m0fnu"),
    I16(2, "int16"),
    U16(2, "uint16"),
    F16(2, "float16"),
    BF16(2, "bfloat16"),
    I32(4, "int32"),
    U32(4, "uint32"),
    F32(4, "float32"),
    C64(8, "complex64"),
    F64(8, "float64"),
    I64(8, "int64"),
    U64(8, "uint64");

    private final int bytes;
    private final String torchName;

    StorageType(int bytes, String torchName) {
        this.bytes = bytes;
        this.torchName = torchName;
    }

    /** Bytes an element takes. */
    public int bytes() {
        return bytes;
    }

    /** The name in a safetensors header, such as {@code BF16}. */
    public String safetensorsName() {
        return name();
    }

    /** The name in a {@code config.json}, such as {@code bfloat16}. */
    public String torchName() {
        return torchName;
    }

    /** Whether elements are real numbers in floating point of at least 16 bits. */
    public boolean isFloat() {
        return this == F64 || this == F32 || this == F16 || this == BF16;
    }

    /** The type a safetensors header calls {@code name}; case matters. */
    public static Optional<StorageType> ofSafetensorsName(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    /** The type a {@code config.json} calls {@code name}, with or without the prefix {@code torch.}. */
    public static Optional<StorageType> ofTorchName(String name) {
        String bare = name.startsWith("torch.") ? name.substring("torch.".length()) : name;
        return Arrays.stream(values()).filter(type -> type.torchName.equals(bare)).findFirst();
    }

    static String known() {
        return Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "));
    }
}
