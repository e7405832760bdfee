package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.Provenance;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.tensor.Libtorch;

/** Names the machine and the versions for a report. */
final class MachineFacts {
    private MachineFacts() {}

    static Report.Machine of(double gflops) {
        return new Report.Machine(Machine.processor(), Runtime.getRuntime().availableProcessors(), Machine.totalMemory(), gflops, Libtorch.threads(),
                System.getProperty("os.name") + " " + System.getProperty("os.arch"),
                System.getProperty("java.vendor") + " " + Runtime.version(), Provenance.zhulongVersion(), Libtorch.version(), Libtorch.blas());
    }
}
