package dev.zhulong.tensor;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a tensor's memory lies, and where operations on it are computed.
 *
 * @param kind  of device
 * @param index which GPU, from 0, in the order in which CUDA counts them; 0 for the others
 */
public record Device(Kind kind, int index) {
    /** Kinds of device. */
    public enum Kind {
        /** The processor. */
        CPU,
        /** An NVIDIA GPU. */
        CUDA,
        /** Shapes and types without numbers: an operation finds its result's shape, and whoever asks for numbers is refused. */
        META
    }

    /** The processor. */
    public static final Device CPU = new Device(Kind.CPU, 0);
    /** Shapes and types without numbers. */
    public static final Device META = new Device(Kind.META, 0);

    private static final Pattern CUDA = Pattern.compile("cuda(?::([0-9]{1,2}))?");

    /**
     * The device that {@code text} names: {@code cpu}, {@code cuda} (the first GPU) or {@code cuda:N}. Whether it is there is another question:
     * {@link #unavailable}.
     *
     * @throws IllegalArgumentException naming what was expected
     */
    public static Device parse(String text) {
        if (text.equals("cpu")) {
            return CPU;
        }
        Matcher cuda = CUDA.matcher(text);
        if (!cuda.matches()) {
            throw new IllegalArgumentException("unknown device '" + text + "': expected cpu, cuda or cuda:N with the number of a GPU, from 0");
        }
        return new Device(Kind.CUDA, cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)));
    }

    public boolean isCpu() {
        return kind == Kind.CPU;
    }

    /** Why nothing can be computed here, and what to add, in one line; null where it can. */
    public String unavailable() {
        return kind == Kind.CUDA ? Cuda.unavailable(index) : null;
    }

    /** Bytes of its memory that are free now; -1 where that is not known, and for the processor. */
    public long freeBytes() {
        return kind == Kind.CUDA ? CudaDriver.freeBytes(index) : -1;
    }

    /** @throws IllegalArgumentException if nothing can be computed here; says what is missing, and what to add */
    public void require() {
        if (kind == Kind.CUDA) {
            Cuda.require(index);
        }
    }

    static Device of(org.bytedeco.pytorch.Tensor t) {
        if (t.is_cpu()) {
            return CPU;
        }
        if (t.is_cuda()) {
            try (var device = t.device()) {
                return new Device(Kind.CUDA, device.index());
            }
        }
        if (t.is_meta()) {
            return META;
        }
        throw new IllegalStateException("a tensor on a device that has no name here");
    }

    org.bytedeco.pytorch.Device torch() {
        return new org.bytedeco.pytorch.Device(toString());
    }

    @Override
    public String toString() {
        return switch (kind) {
            case CPU -> "cpu";
            case CUDA -> "cuda:" + index;
            case META -> "meta";
        };
    }
}
