package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class WrittenConfigsGiveTheSameSpecTest {

    @TempDir
    Path directory;

    static List<DecoderSpec> specs() {
        List<Scaling> scalings = List.of(new Scaling.None(), new Scaling.Linear(2.5), new Scaling.Dynamic(4, 512),
                new Scaling.Llama3(8, 1, 4, 128), new Scaling.Yarn(4, 128, 32, 1, 0.1 * Math.log(4) + 1, true),
                new Scaling.Yarn(3.7, 100, 24, 1.5, 1, false));
        var specs = new ArrayList<DecoderSpec>();
        for (Family family : List.of(Family.of("llama"), Family.of("mistral"), Family.of("qwen2"), Family.of("qwen3"))) {
            for (Scaling scaling : scalings) {
                for (boolean flag : new boolean[] {false, true}) {
                    specs.add(rotary(family, scaling, flag));
                }
            }
        }
        for (boolean tied : new boolean[] {false, true}) {
            specs.add(new DecoderSpec(Family.of("gpt2"), 65, 128, 3, 4, 4, 32, 500, 64, Norm.LAYER, 1e-5,
                    tied ? Activation.GELU_TANH : Activation.GELU, false, null, tied, true, true, true, false,
                    Collections.nCopies(3, 0), tied ? -1 : 3, tied ? List.of() : List.of(4)));
        }
        return specs;
    }

    private static DecoderSpec rotary(Family family, Scaling scaling, boolean flag) {
        boolean chosenBias = (family == Family.of("llama") || family == Family.of("qwen3")) && flag;
        List<Integer> windows = switch (family.modelType()) {
            case "mistral" -> Collections.nCopies(3, flag ? 77 : 0);
            case "qwen2" -> flag ? List.of(0, 64, 64) : List.of(0, 0, 0);
            case "qwen3" -> flag ? List.of(64, 0, 64) : List.of(0, 0, 0);
            default -> List.of(0, 0, 0);
        };
        return new DecoderSpec(family, 1001, 96, 3, 6, flag ? 2 : 6, 14, 250, 512, Norm.RMS, flag ? 1e-5 : 3.3e-6,
                flag ? Activation.GELU_TANH : Activation.SILU, true, new Rope(flag ? 1e6 : 12_345.5, flag ? 6 : 14, scaling), flag,
                chosenBias || family == Family.of("qwen2"), chosenBias, family == Family.of("llama") && flag, family == Family.of("qwen3"), windows,
                flag ? 5 : -1, flag ? List.of(6, 7) : List.of());
    }

    @ParameterizedTest
    @MethodSource("specs")
    void roundTrip(DecoderSpec spec) throws IOException {
        String text = HfConfig.write(spec, StorageType.BF16);
        Path path = Files.writeString(directory.resolve("config.json"), text);
        assertThat(HfConfig.read(path)).isEqualTo(spec);
        assertThat(HfConfig.storageType(path)).contains(StorageType.BF16);
        assertThat(HfConfig.write(HfConfig.read(path), StorageType.BF16)).isEqualTo(text);
    }

    @Test
    void everyPartialRotationReturns() {
        for (int headDim = 2; headDim <= 256; headDim += 2) {
            for (int rotary = 2; rotary <= headDim; rotary += 2) {
                int back = RopeConfig.rotaryDims(headDim, RopeConfig.partialFactor(rotary, headDim));
                assertThat(back).isEqualTo(rotary);
            }
        }
    }

    @Test
    void whatAFamilyCannotSayIsRefused() {
        DecoderSpec llama = rotary(Family.of("llama"), new Scaling.None(), false);
        var windowed = new DecoderSpec(llama.family(), 10, 96, 3, 6, 6, 14, 250, 512, llama.norm(), 1e-5, llama.activation(), true,
                llama.rope(), false, false, false, false, false, List.of(0, 8, 0), -1, List.of());
        assertThatThrownBy(() -> HfConfig.write(windowed, StorageType.F32)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a config.json of llama cannot say windows: expected 0, found [0, 8, 0]");
        var biased = new DecoderSpec(Family.of("mistral"), 10, 96, 3, 6, 6, 14, 250, 512, llama.norm(), 1e-5, llama.activation(), true,
                llama.rope(), false, true, false, false, false, List.of(0, 0, 0), -1, List.of());
        assertThatThrownBy(() -> HfConfig.write(biased, StorageType.F32)).hasMessageContaining("qkvBias: expected false, found true");
    }
}
