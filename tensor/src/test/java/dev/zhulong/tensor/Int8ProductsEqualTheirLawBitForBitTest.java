package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class Int8ProductsEqualTheirLawBitForBitTest {
    /** Pieces in threads of their own, last ones first. */
    private static final Parallel THREADS = (work, count) -> {
        List<Thread> threads = new ArrayList<>();
        for (int i = count - 1; i >= 0; i--) {
            int piece = i;
            threads.add(Thread.ofPlatform().start(() -> work.accept(piece)));
        }
        for (Thread t : threads) {
            try {
                t.join();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    };

    @BeforeEach
    void needsTheRoute() {
        assumeTrue(Int8Linear.unavailable() == null, "int8 products are not to be had on this processor");
    }

    @ParameterizedTest
    @EnumSource(Int8Product.class)
    void ofEveryShape(Int8Product product) {
        for (int[] shape : new int[][] {{1, 64, 3, 0}, {70, 96, 5, 3}, {33, 1537, 4, 9}, {288, 768, 17, 16}, {512, 2048, 9, 8}, {64, 5632, 2, 8}}) {
            var c = new Int8Case(shape[0], shape[1], shape[2], shape[3], 7);
            try (Int8Linear linear = c.pack(product, 2)) {
                assertThat(c.multiply(linear, 0, c.rows, Parallel.NOT)).as("%s", Arrays.toString(shape)).isEqualTo(c.oracle());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Int8Product.class)
    void whateverRowsShareTheCall(Int8Product product) {
        var c = new Int8Case(200, 544, 256, 8, 11);
        try (Int8Linear linear = c.pack(product, 2)) {
            float[] together = c.multiply(linear, 0, 256, Parallel.NOT);
            for (int count : new int[] {1, 2, 7, 8, 9, 33, 128, 129}) {
                for (int from : new int[] {0, 100, 256 - count}) {
                    if (from + count <= 256) {
                        assertThat(c.multiply(linear, from, count, Parallel.NOT)).as("%d rows from %d", count, from)
                                .isEqualTo(Arrays.copyOfRange(together, from * 200, (from + count) * 200));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Int8Product.class)
    void withAnyThreadsAndParts(Int8Product product) {
        var c = new Int8Case(200, 544, 40, 8, 12);
        float[] expected = c.oracle();
        for (int parts : new int[] {1, 2, 3, 8, 100}) {
            try (Int8Linear linear = c.pack(product, parts)) {
                assertThat(c.multiply(linear, 0, 40, THREADS)).isEqualTo(expected);
            }
        }
        int threads = Libtorch.threads();
        Libtorch.threads(4);
        try (Int8Linear linear = c.pack(product, 2)) {
            assertThat(c.multiply(linear, 0, 40, THREADS)).isEqualTo(expected);
            assertThat(org.bytedeco.pytorch.global.torch.get_num_threads()).isEqualTo(4);
        } finally {
            Libtorch.threads(threads);
        }
    }

    @Test
    void theLawIsNearTheExactProduct() {
        var c = new Int8Case(150, 1024, 20, 8, 13);
        float[] found = c.oracle();
        for (int r = 0; r < c.rows; r++) {
            for (int o = 0; o < c.outputs; o++) {
                assertThat(Math.abs(found[r * c.outputs + o] - c.exact(r, o))).isLessThanOrEqualTo(c.bound(r, o));
            }
        }
    }

    /** As if there were neither VNNI nor AVX-512: sums of two products go through 16 bits there. */
    @Test
    void onOlderProcessorsToo() throws Exception {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules",
                "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), Int8Case.class.getName()));
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("FBGEMM_ENABLE_INSTRUCTIONS", "AVX2");
        builder.environment().put("ONEDNN_MAX_CPU_ISA", "AVX2");
        builder.environment().put("ATEN_CPU_CAPABILITY", "avx2");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        assertThat(output).contains("equal under AVX2");
    }

    @ParameterizedTest
    @EnumSource(Int8Product.class)
    void whatIsNotFiniteSpoilsItsRowAlone(Int8Product product) {
        var c = new Int8Case(96, 256, 6, 4, 14);
        float[] expected = c.oracle();
        int inBytes = c.kept[0] == 17 ? 18 : 17;
        c.activations[256 + inBytes] = Float.NaN;
        c.activations[2 * 256 + inBytes] = Float.POSITIVE_INFINITY;
        c.activations[3 * 256 + c.kept[1]] = Float.NEGATIVE_INFINITY;
        c.activations[4 * 256 + c.kept[0]] = Float.NaN;
        try (Int8Linear linear = c.pack(product, 2)) {
            float[] found = c.multiply(linear, 0, 6, Parallel.NOT);
            for (int o = 0; o < 96; o++) {
                assertThat(found[o]).isEqualTo(expected[o]);
                assertThat(found[5 * 96 + o]).isEqualTo(expected[5 * 96 + o]);
                for (int r = 1; r < 5; r++) {
                    assertThat(found[r * 96 + o]).isNaN();
                }
            }
        }
    }

    @Test
    void zerosAndTinyValuesGiveZeros() {
        var c = new Int8Case(40, 64, 2, 0, 15);
        Arrays.fill(c.activations, 0, 64, 0f);
        Arrays.fill(c.activations, 64, 128, 0x1p-110f);
        try (Int8Linear linear = c.pack(Int8Product.FBGEMM, 1)) {
            assertThat(c.multiply(linear, 0, 2, Parallel.NOT)).containsOnly(0f);
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        var c = new Int8Case(40, 64, 2, 2, 16);
        c.weights[5 * 64 + 3] = Float.NaN;
        assertThatThrownBy(() -> c.pack(Int8Product.FBGEMM, 1)).hasMessageContaining("row 5 of the weights has a value that is not finite");
        c.weights[5 * 64 + 3] = 0;
        assertThatThrownBy(() -> Int8Linear.pack(c::row, 40, 64, new int[] {9, 9}, 1, 8, Parallel.NOT)).hasMessageContaining("[9, 9]: expected ascending");
        try (Int8Linear linear = c.pack(Int8Product.FBGEMM, 1); var a = new Int8Activations(2, 64)) {
            assertThatThrownBy(() -> a.set(c.activations, 0, 3, 64, c.kept, Parallel.NOT)).hasMessageContaining("there is room for [2, 64]");
            a.set(c.activations, 0, 2, 64, new int[0], Parallel.NOT);
            assertThatThrownBy(() -> linear.multiply(a, new float[80], 0, Parallel.NOT)).hasMessageContaining("expected the same columns");
            a.set(c.activations, 0, 2, 64, c.kept, Parallel.NOT);
            assertThatThrownBy(() -> linear.multiply(a, new float[80], 1, Parallel.NOT)).hasMessageContaining("there is room for 79");
        }
    }

    @Test
    void productsLeakNothing() {
        var c = new Int8Case(64, 128, 8, 2, 17);
        for (Int8Product product : Int8Product.values()) {
            Int8Linear linear = c.pack(product, 2);
            c.multiply(linear, 0, 8, Parallel.NOT);
            long before = Libtorch.nativeObjects();
            for (int i = 0; i < 200; i++) {
                c.multiply(linear, 0, 8, Parallel.NOT);
            }
            assertThat(Libtorch.nativeObjects() - before).isLessThan(20);
            linear.close();
        }
    }
}
