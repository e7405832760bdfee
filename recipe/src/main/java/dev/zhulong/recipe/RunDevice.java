package dev.zhulong.recipe;

import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.MachineSpeed;
import java.util.Optional;

/** What a recipe's field {@code device} means for its run. */
final class RunDevice {
    /** The field's name: where a run is computed is no part of what it computes, and may change from start to start. */
    static final String FIELD = "device";

    private RunDevice() {}

    /**
     * Bytes that the run may take where it is computed, {@code processor} on the processor; everything where a GPU's free memory is not known.
     *
     * @throws IllegalArgumentException if the device is not there; says what is missing, and what to add
     */
    static long available(String name, long processor) {
        Device device = Device.parse(name);
        device.require();
        if (device.isCpu()) {
            return processor;
        }
        long free = device.freeBytes();
        return free < 0 ? Long.MAX_VALUE : free;
    }

    /** What is to be said of a run there before it begins; mostly nothing. */
    static Optional<String> notice(String name) {
        Device device = Device.parse(name);
        return device.isCpu() || device.freeBytes() >= 0 ? Optional.empty()
                : Optional.of("the free memory of " + device + " is not known; whether the run fits is not checked");
    }

    /** Its measured matrix speed in GFLOP/s; NaN for a GPU's, which is not measured. */
    static double gflops(String name) {
        return Device.parse(name).isCpu() ? MachineSpeed.gflops() : Double.NaN;
    }
}
