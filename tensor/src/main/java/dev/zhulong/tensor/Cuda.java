package dev.zhulong.tensor;

import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch;

/**
 * Whether libtorch can compute on a GPU, and the settings under which it does: F32 is F32 (no TF32), and the same operations give the same bits from run
 * to run.
 */
final class Cuda {
    private static boolean set;

    private Cuda() {}

    /** Why GPU number {@code index} cannot be used; null where it can. */
    static String unavailable(int index) {
        Libtorch.load();
        if (!Context.hasCUDART()) {
            String seen = CudaDriver.names().isEmpty() ? "" : " (the driver shows " + String.join(", ", CudaDriver.names()) + ")";
            return Libtorch.cudaPlatform()
                    ? "this build computes on the processor only" + seen + ": set ZHULONG_BUILD=-Dcuda (with Maven alone, -Dcuda), which takes libtorch's"
                            + " CUDA build, and have CUDA 13, cuDNN 9 and NCCL installed"
                    : "libtorch computes on GPUs only on Linux and Windows with an x86-64 processor" + seen;
        }
        int count = count();
        if (count == 0) {
            return CudaDriver.missing() + ": install a GPU's driver that CUDA 13 works with (580 or newer), and look at CUDA_VISIBLE_DEVICES";
        }
        return index < count ? null
                : "there is no GPU " + index + ": CUDA shows " + (count == 1 ? "one, cuda:0" : count + ", cuda:0 to cuda:" + (count - 1));
    }

    static synchronized void require(int index) {
        if (set && index < count()) {
            return;
        }
        String missing = unavailable(index);
        if (missing != null) {
            throw new IllegalArgumentException("device cuda:" + index + " cannot be used: " + missing);
        }
        var context = torch.globalContext();
        context.setAllowTF32CuBLAS(false);
        context.setAllowTF32CuDNN(false);
        context.setDeterministicCuDNN(true);
        // not only a warning: memory-efficient attention sums in a fixed order under the strict form alone. It goes with CUBLAS_WORKSPACE_CONFIG,
        // which Libtorch sets
        context.setDeterministicAlgorithms(true, false);
        // otherwise every empty tensor, the processor's too, is filled before it is used
        context.setDeterministicFillUninitializedMemory(false);
        set = true;
    }

    /** GPUs that libtorch can use. */
    static int count() {
        Libtorch.load();
        return Context.hasCUDART() ? torch.cuda_device_count() : 0;
    }
}
