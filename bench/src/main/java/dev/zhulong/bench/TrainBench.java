package dev.zhulong.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.TensorView;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.Optimizer;
import dev.zhulong.train.Precision;
import dev.zhulong.train.Ranks;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.TrainStep;
import dev.zhulong.train.schedule.Constant;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.LongFunction;

/**
 * The step that the trainer repeats, {@link TrainStep}, alone: gradient norm clipped at 1, fused AdamW (3e-4, 0.9, 0.95, decay 0.1 on
 * the matrices), random tokens. What an eager PyTorch script with the same shape flags does, for a comparison in one run.
 */
public final class TrainBench {
    /** Shape of the decoder and the batch. */
    public record Shape(int vocab, int hidden, int layers, int heads, int kvHeads, int ffn, int batch, int seq) {
        DecoderSpec spec() {
            return new DecoderSpec(
                    Family.of("llama"), vocab, hidden, layers, heads, kvHeads, hidden / heads, ffn, seq, DecoderSpec.Norm.RMS, 1e-5,
                    DecoderSpec.Activation.SILU, true,
                    new DecoderSpec.Rope(10000, hidden / heads, new DecoderSpec.Scaling.None()), false, false, false, false, false,
                    java.util.Collections.nCopies(layers, 0), -1, List.of());
        }
    }

    /**
     * What was measured.
     *
     * @param parameters      trained weights
     * @param tokensPerSecond of the median step, the first third left out
     * @param loss            nats a token of the last step
     * @param peakRssMb       largest resident memory of the process so far, MiB; 0 where the system does not say
     */
    public record Result(long parameters, double tokensPerSecond, double loss, long peakRssMb) {
        /** The line scripts read. */
        public String line() {
            return String.format(Locale.ROOT, "parameters %d tokens/s %.0f loss %.4f peak_rss_mb %d", parameters, tokensPerSecond, loss, peakRssMb);
        }
    }

    private TrainBench() {}

    /**
     * Runs {@code steps} steps.
     *
     * @param lora    rank of an adapter on every projection to train instead of the weights; 0 for the weights
     * @param initial weights to start from, or null for fresh ones
     * @param batches token ids to train on, or null for random ones
     * @param losses  told each step's loss
     */
    public static Result run(Shape shape, int steps, Precision precision, boolean recompute, int lora, Path initial, Path batches, Consumer<Double> losses) {
        double[] seconds = new double[steps];
        double last = 0;
        try (Decoder model = Decoder.random(shape.spec(), 0);
                LoraAdapter adapter = lora == 0 ? null : LoraAdapter.create(model, LoraConfig.of(lora, 2 * lora, LoraConfig.ALL_LINEAR), 0)) {
            if (initial != null) {
                load(model, initial);
            }
            if (adapter != null) {
                model.attach(adapter);
            }
            model.requiresGrad(true);
            LongFunction<Batch> rows = batches == null ? random(shape) : stored(shape, batches, steps);
            var settings = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1);
            var options = new TrainOptions(steps, 1, new Constant(3e-4, 0, steps), 1, settings, recompute, 0, 0, 0, 0, 1, precision);
            try (Optimizer optimizer = settings.of(model.trainable(), model.decayed())) {
                var next = new TrainStep<>(model, new NextToken(model), new TrainData<>(rows, List.of()), options, optimizer, Ranks.ALONE);
                long updates = 0;
                for (int step = 0; step < steps; step++) {
                    long start = System.nanoTime();
                    TrainStep.Result done = next.run(step, updates);
                    seconds[step] = (System.nanoTime() - start) / 1e9;
                    updates = done.updates();
                    last = done.loss().mean();
                    losses.accept(last);
                }
            }
            double[] timed = Arrays.copyOfRange(seconds, steps / 3, steps);
            Arrays.sort(timed);
            int n = timed.length;
            double median = n % 2 == 1 ? timed[n / 2] : (timed[n / 2 - 1] + timed[n / 2]) / 2;
            return new Result(adapter == null ? model.count() : adapter.count(), (double) shape.batch() * shape.seq() / median, last, peakRssMb());
        }
    }

    /** Trains {@code steps} steps with a batch of {@code shape} on each rank, and leaves the first third out. */
    public static DistributeBench.Steps among(Shape shape, int steps, Ranks ranks) {
        double[] seconds = new double[steps];
        double processor = 0;
        double loss = 0;
        try (Decoder model = Decoder.random(shape.spec(), 0)) {
            model.requiresGrad(true);
            var settings = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1);
            var options = new TrainOptions(steps, 1, new Constant(3e-4, 0, steps), 1, settings, false, 0, 0, 0, 0, 1);
            try (Optimizer optimizer = settings.of(model.trainable(), model.decayed())) {
                var next = new TrainStep<>(model, new NextToken(model), new TrainData<>(random(shape), List.of()), options, optimizer, ranks);
                double begun = processorSeconds();
                for (int step = 0; step < steps; step++) {
                    if (step == steps / 3) {
                        begun = processorSeconds();
                    }
                    long start = System.nanoTime();
                    loss = next.run(step, step).loss().mean();
                    seconds[step] = (System.nanoTime() - start) / 1e9;
                }
                processor = (processorSeconds() - begun) / (steps - steps / 3);
            }
        }
        return new DistributeBench.Steps(DistributeBench.median(Arrays.copyOfRange(seconds, steps / 3, steps)), processor, loss);
    }

    private static double processorSeconds() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
    }

    private static LongFunction<Batch> random(Shape shape) {
        SplittableRandom random = new SplittableRandom(0);
        return step -> {
            Batch b = new Batch(shape.batch(), shape.seq());
            for (int i = 0; i < b.tokens().length; i++) {
                b.tokens()[i] = random.nextInt(shape.vocab());
                b.targets()[i] = random.nextInt(shape.vocab());
                b.positions()[i] = i % shape.seq();
            }
            return b;
        };
    }

    /**
     * Ids from a safetensors file: one integer tensor [steps, batch, seq + 1] whose inputs and targets overlap, or two [steps, batch, seq]
     * (inputs, then targets, by name: {@code inputs}/{@code targets}, {@code i}/{@code t}, {@code x}/{@code y},
     * {@code input_ids}/{@code labels}), or the same a step at a time with the step's number in the name ({@code i.0}, {@code t.0}).
     */
    private static LongFunction<Batch> stored(Shape shape, Path file, int steps) {
        List<Batch> list = new ArrayList<>();
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            for (int s = 0; s < steps; s++) {
                list.add(BatchFile.read(stored, file, s, shape.batch(), shape.seq()));
            }
        }
        return step -> list.get((int) step);
    }

    /** Weights by Hugging Face's names, or by those of the PyTorch script ({@code e}, {@code b.0.q}, …, {@code n}, {@code h}). */
    private static void load(Decoder model, Path file) {
        try (SafetensorsFile stored = SafetensorsFile.open(file);
                var off = NoGrad.open()) {
            model.parameters().forEach((name, p) -> {
                TensorView view = stored.tensors().get(name);
                if (view == null) {
                    view = stored.tensors().get(scriptName(name));
                }
                if (view == null) {
                    throw new IllegalArgumentException(file + ": neither " + name + " nor " + scriptName(name) + " is there");
                }
                p.copy_(Tensor.of(view.requireShape(p.shape()).toFloats(), p.shape()));
            });
        }
    }

    private static String scriptName(String name) {
        return name.replace("model.embed_tokens.weight", "e")
                .replace("lm_head.weight", "h")
                .replace("model.norm.weight", "n")
                .replace("model.layers.", "b.")
                .replace("input_layernorm.weight", "n1")
                .replace("post_attention_layernorm.weight", "n2")
                .replaceAll("(self_attn|mlp)\\.(\\w+)_proj\\.weight", "$2");
    }

    private static long peakRssMb() {
        Path status = Path.of("/proc/self/status");
        try {
            for (String line : Files.isReadable(status) ? Files.readAllLines(status) : List.<String>of()) {
                if (line.startsWith("VmHWM:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
                }
            }
        } catch (java.io.IOException e) {
            return 0;
        }
        return 0;
    }

}
