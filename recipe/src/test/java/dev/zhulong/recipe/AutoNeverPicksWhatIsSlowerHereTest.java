package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.train.Precision;
import dev.zhulong.train.Ranks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Trap 21: precision {@code auto} measures, says both speeds, and is asked once a run. */
class AutoNeverPicksWhatIsSlowerHereTest {
    @TempDir
    Path run;

    private static PretrainRecipe recipe(String precision) {
        return RecipeReader.defaults(PretrainRecipe.class, List.of("train.batch=2", "train.seq=64", "train.precision=" + precision));
    }

    private Precision of(String precision, Progress progress) {
        var spec = new DecoderSpec(Family.of("llama"), 300, 64, 1, 4, 4, 16, 128, 64, DecoderSpec.Norm.RMS, 1e-5, DecoderSpec.Activation.SILU, true,
                new DecoderSpec.Rope(10000, 16, new DecoderSpec.Scaling.None()), false, false, false, false, false, List.of(0), -1, List.of());
        return RunPrecision.of(recipe(precision).train(), spec.stack(), Ranks.ALONE, run, progress);
    }

    @ParameterizedTest
    @CsvSource({"100, 40, FP32", "100, 100, FP32", "100, 105, FP32", "100, 111, BF16", "100, 220, BF16", "0.5, 0.009, FP32"})
    void theFasterIsTakenWhereItIsWorthIt(double fp32, double bf16, Precision chosen) {
        assertThat(RunPrecision.faster(fp32, bf16)).isEqualTo(chosen);
    }

    @Test
    void bothSpeedsAreSaidAndTheChoiceStays() throws IOException {
        List<String> said = new ArrayList<>();
        Progress progress = event -> said.add(event.toString());
        Precision chosen = of("auto", progress);
        assertThat(said).hasSize(1);
        assertThat(said.getFirst()).containsIgnoringCase("precision " + chosen).containsPattern("[1-9][0-9]* GFLOP/s in fp32 and [0-9]+ in bf16");
        var kept = JsonFields.read(run.resolve(RunPrecision.FILE));
        assertThat(RunPrecision.faster(kept.number("fp32_gflops"), kept.number("bf16_gflops"))).isEqualTo(chosen);
        // a machine that has become another one does not change a run that has begun
        Precision other = chosen == Precision.BF16 ? Precision.FP32 : Precision.BF16;
        Files.writeString(run.resolve(RunPrecision.FILE), Files.readString(run.resolve(RunPrecision.FILE)).replace(chosen.name(), other.name()));
        assertThat(of("auto", progress)).isEqualTo(other);
        assertThat(said).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({"fp32, FP32", "bf16, BF16", "fp16, FP16"})
    void whatIsAskedForIsNotMeasured(String asked, Precision chosen) {
        List<String> said = new ArrayList<>();
        assertThat(of(asked, event -> said.add(event.toString()))).isEqualTo(chosen);
        assertThat(said).isEmpty();
        assertThat(run.resolve(RunPrecision.FILE)).doesNotExist();
    }
}
