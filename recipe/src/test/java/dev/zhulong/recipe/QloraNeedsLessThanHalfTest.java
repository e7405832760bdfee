package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Peak resident memory of whole processes, above one that has loaded libtorch and does nothing. */
class QloraNeedsLessThanHalfTest {
    @TempDir
    Path temporary;

    /** Arguments: the model, the data, the run directory, the method ({@code idle} for none), where to write the peak in bytes. */
    public static final class Child {
        public static void main(String[] arguments) throws IOException {
            Tensor.zeros(DType.F32, 16).close();
            if (!arguments[3].equals("idle")) {
                FinetuneRecipe recipe = RecipeReader.defaults(FinetuneRecipe.class, List.of("model.from=" + arguments[0],
                        "data.sources=[{path: \"" + arguments[1] + "\"}]", "method=" + arguments[3], "train.steps=2", "train.batch=1",
                        "train.seq=64", "train.recompute=true", "data.held_out_rows=2"));
                try (var line = ProgressLine.on(System.out)) {
                    new FinetuneJob(recipe).run(Path.of(arguments[2]), line, 8L << 30);
                }
            }
            Files.writeString(Path.of(arguments[4]), Long.toString(ChildJvm.peak()));
        }
    }

    @Test
    void ofFullFineTuningsPeakWithSixtyMillionWeights() throws Exception {
        assumeTrue(ChildJvm.knowsPeak(), "needs Linux's /proc");
        Path tokenizer = temporary.resolve("tokenizer");
        TinyRun.run(TinyRun.recipe(TinyRun.texts(temporary.resolve("texts"), 10, 1), "train.steps=1", "train.warmup=0"), tokenizer);
        Path model = Files.createDirectories(temporary.resolve("model"));
        var spec = new DecoderSpec(Family.of("llama"), 4096, 512, 18, 8, 8, 64, 1408, 128, DecoderSpec.Norm.RMS, 1e-5,
                DecoderSpec.Activation.SILU, true, new DecoderSpec.Rope(10_000, 64, new DecoderSpec.Scaling.None()), true, false, false, false,
                false, Collections.nCopies(18, 0), 0, List.of(0));
        try (Decoder synthetic = Decoder.random(spec, 1)) {
            assertThat(synthetic.count()).isBetween(59_000_000L, 61_000_000L);
            NetworkFiles.save(synthetic, model, StorageType.BF16);
        }
        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(tokenizer.resolve(name), model.resolve(name));
        }
        Path data = Files.write(temporary.resolve("data.jsonl"), IntStream.range(0, 40).mapToObj(i -> "{\"prompt\": \"lamp " + i
                + "? \", \"completion\": \"lit\"}").toList());
        Map<String, Long> peaks = new TreeMap<>();
        for (String method : List.of("idle", "full", "qlora")) {
            Path peak = temporary.resolve(method + ".peak");
            Path log = temporary.resolve(method + ".log");
            Process child = ChildJvm.startMeasured(Child.class, log.toFile(), model.toString(), data.toString(), temporary.resolve(method).toString(),
                    method, peak.toString());
            assertThat(child.waitFor(400, TimeUnit.SECONDS)).isTrue();
            assertThat(child.exitValue()).as(Files.exists(log) ? Files.readString(log) : "").isZero();
            peaks.put(method, Long.parseLong(Files.readString(peak)));
        }
        long full = peaks.get("full") - peaks.get("idle");
        long qlora = peaks.get("qlora") - peaks.get("idle");
        System.out.printf("peaks in MB above an idle process of %d: full %d, qlora %d%n", peaks.get("idle") >> 20, full >> 20, qlora >> 20);
        assertThat(qlora).isLessThan(full / 2);
    }
}
