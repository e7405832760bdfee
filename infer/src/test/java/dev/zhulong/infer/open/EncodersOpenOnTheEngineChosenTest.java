package dev.zhulong.infer.open;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.Encoder.Input;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TinyEncoder;
import dev.zhulong.infer.TorchEncoder;
import dev.zhulong.infer.cpu.CpuEncoder;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice.Precision;
import dev.zhulong.infer.open.EngineChoice.RouteWanted;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EncodersOpenOnTheEngineChosenTest {
    private static final EngineChoice TWO = EngineChoice.DEFAULT.withThreads(2);

    @TempDir
    Path directory;

    private static float[] states(OpenEncoder opened) {
        return opened.encoder().encode(List.of(Input.of(new int[] {5, 6, 7, 8}))).getFirst().states();
    }

    @Test
    void bothGiveTheSame() {
        TinyEncoder.save(TinyEncoder.spec("roberta"), directory, 5);
        assertThat(OpenEncoder.isEncoder(directory)).isTrue();
        try (OpenEncoder cpu = OpenEncoder.load(directory, TWO); OpenEncoder torch = OpenEncoder.load(directory, EngineChoice.DEFAULT.withEngine(Engine.TORCH));
                OpenEncoder rounded = OpenEncoder.load(directory, TWO.withWeights(WeightType.Q8_0)); OpenEncoder eight = OpenEncoder.load(directory, TWO.withPrecision(Precision.INT8))) {
            assertThat(cpu.encoder()).isInstanceOf(CpuEncoder.class);
            assertThat(torch.encoder()).isInstanceOf(TorchEncoder.class);
            assertThat(List.of(cpu.engine(), torch.engine(), rounded.engine(), eight.engine())).containsExactly("cpu f32", "torch f32", "cpu q8_0", "cpu q8_0");
            float[] a = states(cpu);
            float[] b = states(torch);
            for (int i = 0; i < a.length; i++) {
                assertThat(a[i]).isCloseTo(b[i], within(1e-4f));
            }
            assertThat(states(rounded)).isEqualTo(states(eight)).isNotEqualTo(a);
        }
    }

    @Test
    void whatIsForDecodersIsRefused() {
        TinyEncoder.save(TinyEncoder.spec("bert"), directory, 5);
        for (EngineChoice choice : List.of(TWO.withRoute(RouteWanted.THROUGHPUT), TWO.withContext(32), TWO.withPrecision(Precision.AUTO))) {
            assertThatThrownBy(() -> OpenEncoder.load(directory, choice)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is an encoder, for which only engine, weights, threads and device can be chosen");
        }
    }

    @Test
    void aDecoderIsNone() {
        try (Decoder model = TinyDecoder.random(Family.of("llama"), 3)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        assertThat(OpenEncoder.isEncoder(directory)).isFalse();
        assertThat(OpenEncoder.isEncoder(directory.resolve("absent"))).isFalse();
        assertThatThrownBy(() -> OpenEncoder.load(directory, TWO)).hasMessageContaining("expected an encoder such as BERT");
        assertThatThrownBy(() -> OpenEncoder.load(directory, EngineChoice.DEFAULT.withEngine(Engine.TORCH))).hasMessageContaining("an encoder such as BERT is needed here");
    }
}
