package dev.zhulong.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.global.torch;

/**
 * While open, F32 matrix products are computed by oneDNN instead of MKL where MKL is the slower of the two: on AMD's processors with AVX-512, where MKL keeps to
 * AVX2 and half the speed. Elsewhere it changes nothing.
 *
 * <p>The products stay F32; the order of their sums differs, and unlike MKL's it may depend on how many rows are multiplied together. So it is for training, where each step has
 * the same shapes whenever it is computed, and not for serving, which promises that a sequence's numbers do not depend on its neighbours.
 *
 * <p>libtorch has one such setting for the process: it is on as long as one of these is open on any thread.
 */
public final class FastProducts implements AutoCloseable {
    private static int open;
    /** Null until it is first asked for. */
    private static Boolean suits;

    private final boolean counted;

    private FastProducts(boolean counted) {
        this.counted = counted;
    }

    public static synchronized FastProducts open() {
        Libtorch.load();
        if (suits == null) {
            suits = mklIsSlow() && isExact();
        }
        if (suits && open++ == 0) {
            set(true);
        }
        return new FastProducts(suits);
    }

    /** Whether they are on: many small products in turn, as in tiled attention over short rows, are then better written as one. */
    public static synchronized boolean areOn() {
        return open > 0;
    }

    @Override
    public void close() {
        synchronized (FastProducts.class) {
            if (counted && --open == 0) {
                set(false);
            }
        }
    }

    private static void set(boolean on) {
        // allows reduced precision where oneDNN has instructions for it; where it has none, as isExact() makes sure, it only changes the library
        torch.globalContext().setFloat32MatmulPrecision(on ? "medium" : "highest");
    }

    private static boolean mklIsSlow() {
        Path cpu = Path.of("/proc/cpuinfo");
        try {
            String text = Files.isReadable(cpu) ? Files.readString(cpu) : "";
            return Libtorch.blas().equals("MKL") && text.contains("AuthenticAMD") && text.contains(" avx512bw");
        } catch (IOException e) {
            return false;
        }
    }

    /** Whether products keep all 24 bits of their factors: 1 + 2⁻²³ is no number of fewer. */
    private static boolean isExact() {
        set(true);
        try (var scope = TensorScope.open();
                var off = NoGrad.open();
                var processor = DeviceScope.open(Device.CPU)) {
            int n = 256;
            Tensor odd = Tensor.zeros(DType.F32, n, n).fill_(1 + Math.ulp(1f));
            Tensor first = Tensor.zeros(DType.F32, n, n);
            first.narrow(1, 0, 1).fill_(1);
            // each sum has one term, so that nothing is rounded
            for (float value : first.matmul(odd).toFloats()) {
                if (value != 1 + Math.ulp(1f)) {
                    return false;
                }
            }
            return true;
        } finally {
            set(false);
        }
    }
}
