package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayersAreCalibratedInTurnTest {
    @TempDir
    Path temporary;

    private static CalibrationTokens tokens() {
        Random random = new Random(4);
        List<int[]> chunks = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            chunks.add(random.ints(SmallModels.CONTEXT, 0, SmallModels.VOCAB).toArray());
        }
        return new CalibrationTokens(List.of("random"), chunks);
    }

    private Path model(String name, DecoderSpec spec) throws IOException {
        return SmallModels.write(temporary.resolve(name), spec);
    }

    private Path llama() throws IOException {
        return model("model", SmallModels.spec(Family.of("llama"), 64, 96, true));
    }

    private static Quantization quantization(Path model, Precision precision, Path out) {
        return new Quantization(model, precision, out, false, 1, Progress.SILENT).calibration(tokens());
    }

    private Path done(Path model, Precision precision, String name) {
        Path out = temporary.resolve(name);
        quantization(model, precision, out).run();
        assertThat(out.resolveSibling("." + name + ".layers")).doesNotExist();
        return out;
    }

    /** keras #23512: inputs that are not those of rounded layers. */
    @Test
    void aLayerIsGivenWhatTheRoundedLayersBeforeItGive() throws IOException {
        Path model = llama();
        assertThat(secondLayer(model, WeightType.Q8_0)).isEqualTo(secondLayer(model, WeightType.Q8_0)).isNotEqualTo(secondLayer(model, WeightType.Q4_0));
    }

    private byte[] secondLayer(Path model, WeightType first) {
        try (StoredDecoder stored = StoredDecoder.open(model); var walk = new PartWalk(stored, tokens().chunks()); var pool = new ThreadPool(1);
                var state = new CalibrationState(temporary.resolve("layers"), "key")) {
            new CalibratedLayers(stored, walk, parameter -> parameter.layer() == 0 ? first : WeightType.Q4_0, state, pool, Progress.SILENT).run();
            byte[] blocks = state.blocks("model.layers.1.self_attn.q_proj.weight", 1).toArray(ValueLayout.JAVA_BYTE);
            state.delete();
            return blocks;
        }
    }

    /** Every layer, every time: plain rounding is never better by the measure that is printed. */
    @Test
    void everyLayersErrorIsLessThanThatOfPlainRounding() throws IOException {
        List<String> messages = new ArrayList<>();
        Path out = temporary.resolve("out.gguf");
        new Quantization(llama(), Precision.Q4_0, out, false, 1, event -> {
            if (event.isMessage()) {
                messages.add(event.note());
            }
        }).calibration(tokens()).run();
        List<String> layers = messages.stream().filter(message -> message.startsWith("layer ")).toList();
        assertThat(layers).hasSize(2);
        for (String line : layers) {
            Matcher errors = Pattern.compile("error (\\S+) of .* plainly, (\\S+) with").matcher(line);
            assertThat(errors.find()).as(line).isTrue();
            assertThat(Double.parseDouble(errors.group(2))).as(line).isLessThan(Double.parseDouble(errors.group(1))).isPositive();
        }
    }

    @Test
    void aStoppedRunGoesOnToTheSameBytes() throws IOException {
        Path model = llama();
        byte[] whole = Files.readAllBytes(done(model, Precision.Q4_0, "whole.gguf"));
        Path out = temporary.resolve("stopped.gguf");
        Progress stops = event -> {
            if (event.stage().equals("calibrating") && event.done() == 1) {
                throw new IllegalStateException("stopped");
            }
        };
        assertThatThrownBy(() -> new Quantization(model, Precision.Q4_0, out, false, 1, stops).calibration(tokens()).run()).hasMessage("stopped");
        assertThat(out).doesNotExist();
        assertThat(temporary.resolve(".stopped.gguf.layers").resolve("layer-0.safetensors")).exists();
        List<String> messages = new ArrayList<>();
        new Quantization(model, Precision.Q4_0, out, false, 1, event -> {
            if (event.isMessage()) {
                messages.add(event.note());
            }
        }).calibration(tokens()).run();
        assertThat(messages).anyMatch(message -> message.contains("going on after layer 0"));
        assertThat(Files.readAllBytes(out)).isEqualTo(whole);
        assertThat(temporary.resolve(".stopped.gguf.layers")).doesNotExist();
    }

    /** Layers of other types are of no use, and are not taken for these. */
    @Test
    void whatWasLeftForAnotherPurposeIsNotUsed() throws IOException {
        Path model = llama();
        Path out = temporary.resolve("other.gguf");
        Progress stops = event -> {
            if (event.stage().equals("calibrating") && event.done() == 1) {
                throw new IllegalStateException("stopped");
            }
        };
        assertThatThrownBy(() -> new Quantization(model, Precision.Q5_0, out, false, 1, stops).calibration(tokens()).run()).hasMessage("stopped");
        quantization(model, Precision.Q4_0, out).run();
        assertThat(Files.readAllBytes(out)).isEqualTo(Files.readAllBytes(done(model, Precision.Q4_0, "fresh.gguf")));
    }

    /** From a GGUF file the rows come in another order. */
    @Test
    void aGgufFileGivesTheBlocksOfItsDirectory() throws IOException {
        Path model = llama();
        Path whole = temporary.resolve("f32.gguf");
        new Quantization(model, Precision.F32, whole, false, 1, Progress.SILENT).run();
        try (GgufFile one = GgufFile.open(done(model, Precision.Q4_0, "a.gguf")); GgufFile other = GgufFile.open(done(whole, Precision.Q4_0, "b.gguf"))) {
            assertThat(one.metadata().text("zhulong.calibration.dataset")).contains("random");
            one.tensors().forEach((name, tensor) -> {
                MemorySegment same = other.tensor(name).data();
                assertThat(tensor.data().mismatch(same)).as(name).isEqualTo(-1);
            });
        }
    }

    /** Projections that are stored input by output, fused ones, experts, groups of 256 with two levels of scales, and Zhulong's own directories. */
    @Test
    void everyKindOfDecoderAndTarget() throws IOException {
        Path gpt2 = model("gpt2", SmallModels.spec(Family.of("gpt2"), 64, 128, true));
        differs(gpt2, Precision.Q4_0, "blk.1.attn_qkv.weight");
        Path mixture = model("mixture", SmallModels.mixture(64, 96));
        differs(mixture, Precision.Q4_0, "blk.1.ffn_down_exps.weight");
        Path wide = model("wide", SmallModels.spec(Family.of("llama"), 256, 256, true));
        differs(wide, Precision.Q2_K, "blk.0.ffn_up.weight");
        Path own = temporary.resolve("own");
        quantization(llama(), Precision.Q4, own).run();
        assertThat(own.resolve("model.safetensors")).exists();
    }

    private void differs(Path model, Precision precision, String tensor) {
        Path plain = temporary.resolve(model.getFileName() + ".plain.gguf");
        new Quantization(model, precision, plain, false, 1, Progress.SILENT).run();
        try (GgufFile one = GgufFile.open(plain); GgufFile other = GgufFile.open(done(model, precision, model.getFileName() + ".calibrated.gguf"))) {
            assertThat(one.tensor(tensor).type()).isEqualTo(other.tensor(tensor).type());
            assertThat(one.tensor(tensor).data().mismatch(other.tensor(tensor).data())).isNotEqualTo(-1);
        }
    }
}
