package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.reference.ReferenceDecoder;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class SavedDecodersLoadAsTheyWereTest {
    @TempDir
    Path directory;

    static Stream<DecoderSpec> specs() {
        return Stream.of(
                SpecDraft.of(Family.of("llama")).attentionBias().mlpBias().headDim(12).rope(500_000, 6, new Scaling.Llama3(8, 1, 4, 32)).build(),
                SpecDraft.of(Family.of("llama")).activation(Activation.GELU_TANH).rope(10_000, 8, new Scaling.Linear(2.5)).build(),
                SpecDraft.of(Family.of("llama")).tied(true).rope(10_000, 8, new Scaling.Dynamic(2, 64)).build(),
                SpecDraft.of(Family.of("mistral")).build(),
                SpecDraft.of(Family.of("qwen2")).windows(0, 6, 0).build(),
                SpecDraft.of(Family.of("qwen3")).rope(1_000_000, 12, new Scaling.Yarn(4, 16, 32, 1, 1.25, false)).build(),
                SpecDraft.of(Family.of("gpt2")).build());
    }

    @ParameterizedTest
    @MethodSource("specs")
    void withTheirSpecAndEveryBit(DecoderSpec spec) {
        try (LoudDecoder decoder = LoudDecoder.of(spec, 3)) {
            NetworkFiles.save(decoder.model(), directory, StorageType.F32);
            assertThat(ModelDirectory.readSpec(directory)).isEqualTo(spec);
            try (Decoder loaded = DecoderFiles.load(directory)) {
                assertThat(loaded.spec()).isEqualTo(spec);
                TiedHeadsAreCountedAndSavedOnceTest.assertSame(loaded, decoder.model());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = StorageType.class, names = {"BF16", "F16"})
    void inHalfAFloatTheyAreRoundedToTheNearestOnce(StorageType type) throws IOException {
        DecoderSpec spec = SpecDraft.of(Family.of("qwen3")).build();
        try (LoudDecoder decoder = LoudDecoder.of(spec, 3)) {
            NetworkFiles.save(decoder.model(), directory, type);
            byte[] first = Files.readAllBytes(directory.resolve("model.safetensors"));
            try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("model.safetensors"))) {
                assertThat(file.tensors().values()).allMatch(view -> view.type() == type);
            }
            Map<String, double[]> rounded = new LinkedHashMap<>();
            try (Decoder loaded = DecoderFiles.load(directory)) {
                loaded.parameters().forEach((name, tensor) -> {
                    float[] got = tensor.toFloats();
                    double[] exact = decoder.weights().get(name);
                    float[] expected = new float[exact.length];
                    for (int i = 0; i < exact.length; i++) {
                        expected[i] = type == StorageType.F16 ? Float.float16ToFloat(Float.floatToFloat16((float) exact[i]))
                                : nearestBf16((float) exact[i]);
                    }
                    assertThat(got).as(name).isEqualTo(expected);
                    double[] wide = new double[got.length];
                    Arrays.setAll(wide, i -> got[i]);
                    rounded.put(name, wide);
                });
                int[] ids = LoudDecoder.ids(spec, 9, 1);
                double[][] expected = ReferenceDecoder.of(spec, rounded).logits(ids);
                LogitsEqualTheFloat64ReferenceTest.assertClose(LoudDecoder.logits(loaded, ids), expected);
                NetworkFiles.save(loaded, directory, type);
            }
            assertThat(Files.readAllBytes(directory.resolve("model.safetensors"))).isEqualTo(first);
        }
    }

    /** Of the two values with 16 bits around {@code x}, the nearer, or the even one. */
    private static float nearestBf16(float x) {
        float below = Float.intBitsToFloat(Float.floatToRawIntBits(x) & 0xffff0000);
        float above = Float.intBitsToFloat((Float.floatToRawIntBits(x) & 0xffff0000) + 0x10000);
        double toBelow = Math.abs((double) x - below);
        double toAbove = Math.abs((double) above - x);
        if (toBelow == toAbove) {
            return (Float.floatToRawIntBits(below) >> 16 & 1) == 0 ? below : above;
        }
        return toBelow < toAbove ? below : above;
    }

    /** Storage types may differ from tensor to tensor. */
    @Test
    void withSomeWeightsInDouble() {
        try (LoudDecoder decoder = LoudDecoder.of(SpecDraft.of(Family.of("llama")).build(), 3)) {
            double[] exact = decoder.weights().get("model.norm.weight");
            var entry = SafetensorsWriter.Entry.of("model.norm.weight", StorageType.F64, new long[] {exact.length}, bytes(exact));
            try (Decoder loaded = DecoderFiles.load(new ModelFiles(decoder).with(entry).write(directory))) {
                TiedHeadsAreCountedAndSavedOnceTest.assertSame(loaded, decoder.model());
            }
        }
    }

    private static MemorySegment bytes(double[] values) {
        var bytes = java.nio.ByteBuffer.allocateDirect(8 * values.length).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        bytes.asDoubleBuffer().put(values);
        return MemorySegment.ofBuffer(bytes);
    }

    /** GPT-2's first files have no outer prefix, and carry the causal mask as a buffer. */
    @Test
    void gpt2WithoutPrefixAndWithMasks() {
        try (LoudDecoder decoder = LoudDecoder.of(SpecDraft.of(Family.of("gpt2")).build(), 3)) {
            ModelFiles files = new ModelFiles(decoder);
            decoder.model().parameters().forEach((name, tensor) ->
                    files.without(name).with(name.substring("transformer.".length()), tensor.toFloats(), tensor.shape()));
            files.with("h.0.attn.bias", new float[64 * 64], 1, 1, 64, 64).with("h.1.attn.masked_bias", new float[1], 1);
            try (Decoder loaded = DecoderFiles.load(files.write(directory))) {
                TiedHeadsAreCountedAndSavedOnceTest.assertSame(loaded, decoder.model());
            }
        }
    }
}
