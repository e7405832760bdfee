package dev.zhulong.tensor;

/**
 * Where a tensor's memory lies.
 *
 * @param kind  processor or GPU
 * @param index which GPU; 0 for the processor
 */
public record Device(Kind kind, int index) {
    /** Kinds of device. */
    public enum Kind { CPU, CUDA }

    public static final Device CPU = new Device(Kind.CPU, 0);

    /** GPU number {@code index}; needs libtorch's GPU build on the class path ({@code -Dnative.device=-gpu} when building). */
    public static Device cuda(int index) {
        if (!Libtorch.cudaAvailable()) {
            throw new IllegalStateException("no CUDA device: build with -Dnative.device=-gpu on a machine with CUDA 13 and its driver");
        }
        return new Device(Kind.CUDA, index);
    }

    org.bytedeco.pytorch.Device torch() {
        return new org.bytedeco.pytorch.Device(kind == Kind.CPU ? "cpu" : "cuda:" + index);
    }

    @Override
    public String toString() {
        return kind == Kind.CPU ? "cpu" : "cuda:" + index;
    }
}
