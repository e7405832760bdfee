package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.model.reference.PairReference;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PicturesAndTextsEqualTheFloat64ReferenceTest {
    private static final int[] TEXT = {1, 7, 3, 29, 0, 0};

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"clip", "siglip"})
    void vectorsOfBothKinds(String family) {
        VisionSpec spec = TinyVision.spec(family);
        float[] pixels = TinyVision.pixels(1, 12, 12, 4);
        try (VisionEncoder model = TinyVision.loud(spec); var off = NoGrad.open(); var scope = TensorScope.open()) {
            var reference = new PairReference(spec, doubles(model));
            Tensor picture = VisionEncoder.ofLengthOne(model.vectors(model.states(model.pixels(pixels, 1, 12, 12))));
            assertNear(picture.toFloats(), reference.picture(picture(pixels)), 2e-6);
            Tensor text = VisionEncoder.ofLengthOne(model.textVectors(model.textStates(Tensor.of(TEXT, 1, TEXT.length)), TEXT));
            assertNear(text.toFloats(), reference.text(TEXT, family.equals("clip") ? 3 : 5), 2e-6);
        }
    }

    private static double[][][] picture(float[] pixels) {
        double[][][] picture = new double[3][12][12];
        for (int i = 0; i < pixels.length; i++) {
            picture[i / 144][i / 12 % 12][i % 12] = pixels[i];
        }
        return picture;
    }

    private static Map<String, double[]> doubles(VisionEncoder model) {
        Map<String, double[]> weights = new LinkedHashMap<>();
        model.parameters().forEach((name, tensor) -> {
            float[] floats = tensor.toFloats();
            double[] values = new double[floats.length];
            Arrays.setAll(values, i -> floats[i]);
            weights.put(name, values);
        });
        return weights;
    }

    private static void assertNear(float[] found, double[] expected, double tolerance) {
        assertThat(found).hasSize(expected.length);
        for (int i = 0; i < found.length; i++) {
            assertThat((double) found[i]).isCloseTo(expected[i], within(tolerance));
        }
    }

    /** What a causal tower reads after the end of a text changes nothing; another one sees padding. */
    @Test
    void paddingIsSeenBySiglipAlone() {
        int[] shorter = Arrays.copyOf(TEXT, 4);
        for (String family : new String[] {"clip", "siglip"}) {
            try (VisionEncoder model = TinyVision.loud(TinyVision.spec(family)); var off = NoGrad.open(); var scope = TensorScope.open()) {
                float[] one = model.textVectors(model.textStates(Tensor.of(TEXT, 1, 6)), TEXT).toFloats();
                float[] other = model.textVectors(model.textStates(Tensor.of(shorter, 1, 4)), shorter).toFloats();
                assertThat(apart(one, other) < 1e-5).as(family).isEqualTo(family.equals("clip"));
            }
        }
    }

    /** Pictures that are not as large as the positions, and not square, too. */
    @ParameterizedTest
    @ValueSource(strings = {"vit", "dinov2", "dinov2_with_registers", "clip", "siglip"})
    void aPictureDoesNotDependOnItsBatch(String family) {
        try (VisionEncoder model = TinyVision.loud(TinyVision.spec(family)); var off = NoGrad.open(); var scope = TensorScope.open()) {
            for (int[] size : new int[][] {{12, 12}, {9, 21}, {17, 8}}) {
                float[] all = TinyVision.pixels(3, size[0], size[1], 5);
                float[] together = model.vectors(model.states(model.pixels(all, 3, size[0], size[1]))).toFloats();
                int each = all.length / 3;
                int width = together.length / 3;
                for (int i = 0; i < 3; i++) {
                    float[] alone = model.vectors(model.states(model.pixels(Arrays.copyOfRange(all, i * each, (i + 1) * each), 1, size[0], size[1]))).toFloats();
                    assertThat(apart(alone, Arrays.copyOfRange(together, i * width, (i + 1) * width))).isLessThan(1e-5);
                }
            }
        }
    }

    private static double apart(float[] one, float[] other) {
        double most = 0;
        for (int i = 0; i < one.length; i++) {
            most = Math.max(most, Math.abs(one[i] - other[i]));
        }
        return most;
    }

    @ParameterizedTest
    @ValueSource(strings = {"vit", "dinov2", "dinov2_with_registers", "clip", "siglip"})
    void savedNetworksLoadWithEveryBit(String family) {
        try (VisionEncoder model = TinyVision.loud(TinyVision.spec(family))) {
            NetworkFiles.save(model, directory, StorageType.F32);
            try (VisionEncoder loaded = VisionEncoder.load(directory)) {
                assertThat(loaded.spec()).isEqualTo(model.spec());
                model.parameters().forEach((name, tensor) -> assertThat(loaded.parameters().get(name).toFloats()).as(name).isEqualTo(tensor.toFloats()));
            }
        }
    }
}
