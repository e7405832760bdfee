package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;

/** Products of matrices run on as many threads as everything else, also after the number has been changed. */
class MklTakesTheNumberOfThreadsTest {
    private static int mkl() throws ReflectiveOperationException {
        return (int) Class.forName("org.bytedeco.mkl.global.mkl_rt").getMethod("MKL_Get_Max_Threads").invoke(null);
    }

    @Test
    void alsoWhenItIsChanged() throws ReflectiveOperationException {
        assumeTrue(Libtorch.blas().equals("MKL"), "this build has no MKL");
        int before = Libtorch.threads();
        try {
            for (int threads : new int[] {1, 3, 2}) {
                Libtorch.threads(threads);
                assertThat(mkl()).isEqualTo(threads);
            }
        } finally {
            Libtorch.threads(before);
        }
        assertThat(mkl()).isEqualTo(before);
    }
}
