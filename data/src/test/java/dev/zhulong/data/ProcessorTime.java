package dev.zhulong.data;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/** Time that processors have spent, in seconds: unlike a clock's it does not grow while others use the machine. */
public final class ProcessorTime {
    private ProcessorTime() {}

    public static double ofThisThread() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() * 1e-9;
    }

    /** Of all threads of this process, the compiler's and the collector's too. */
    public static double ofTheProcess() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() * 1e-9;
    }
}
