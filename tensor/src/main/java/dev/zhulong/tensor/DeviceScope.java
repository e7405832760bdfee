package dev.zhulong.tensor;

import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.TensorOptions;

/**
 * While open, tensors that this thread makes are made on its device; without one, on the processor. What an operation makes lies where its inputs do.
 *
 * <pre>{@code
 * try (var on = DeviceScope.open(Device.parse("cuda"))) {
 *     Tensor ids = Tensor.of(new int[] {1, 2, 3}, 1, 3);   // on the GPU
 * }
 * }</pre>
 */
public final class DeviceScope implements AutoCloseable {
    /** Of each thread; null stands for the processor. */
    private static final ThreadLocal<Device> CURRENT = new ThreadLocal<>();

    private final Device before;

    private DeviceScope(Device before) {
        this.before = before;
    }

    /** @throws IllegalArgumentException if there is no such device here; says what is missing, and what to add */
    public static DeviceScope open(Device device) {
        device.require();
        Device before = CURRENT.get();
        set(device.isCpu() ? null : device);
        return new DeviceScope(before);
    }

    /** Where this thread makes tensors. */
    public static Device current() {
        Device device = CURRENT.get();
        return device == null ? Device.CPU : device;
    }

    static TensorOptions options(DType type) {
        Libtorch.load();
        Device device = CURRENT.get();
        var options = new TensorOptions(type.torch);
        return device == null ? options : options.device(new DeviceOptional(device.torch()));
    }

    private static void set(Device device) {
        if (device == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(device);
        }
    }

    @Override
    public void close() {
        set(before);
    }
}
