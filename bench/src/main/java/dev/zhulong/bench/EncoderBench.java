package dev.zhulong.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.infer.EmbeddingHead;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.open.OpenEncoder;
import dev.zhulong.kernels.VectorSupport;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Speed of encoders: a batch of texts of one length, from token ids to pooled vectors. */
public final class EncoderBench {
    private static final OperatingSystemMXBean PROCESS = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** Rounds before those that count, at least; and their time, in which what surrounds the products is compiled too: few short texts take as long as many. */
    private static final int FEWEST = 3;
    private static final long WARM_UP_NANOS = 2_000_000_000L;

    private EncoderBench() {}

    /**
     * One figure.
     *
     * @param engine           in words, such as {@code cpu q8_0}
     * @param textsPerSecond   the median of the repetitions
     * @param processorSeconds a text, of all threads together; the median
     * @param flops            a text, of matrix products
     */
    public record Figure(String engine, double textsPerSecond, double processorSeconds, double flops) {
        /** The line scripts read. */
        public String line() {
            return String.format(Locale.ROOT, "%-12s %8.1f texts/s %8.1f GFLOP/s  %6.2f ms of processor time a text", engine, textsPerSecond, textsPerSecond * flops * 1e-9,
                    1e3 * processorSeconds);
        }
    }

    /** The shape of all-MiniLM-L6-v2: 6 layers of 384, 12 heads, an MLP of 1,536. */
    public static EncoderSpec miniLm() {
        var layer = new Layer(new Attention(12, 12, 32, true, true, false, 0), new Mlp.Dense(1536, Activation.GELU, false, true));
        var stack = new Stack(384, Collections.nCopies(6, layer), Norm.LAYER, 1e-12, NormPlace.AFTER, new Positions.Learned(0), 512);
        return new EncoderSpec((EncoderFamily) Family.of("bert"), stack, 30522, 2, 0, new EncoderSpec.Head.None());
    }

    /** Writes a model directory with random weights in F32. */
    public static void write(EncoderSpec spec, Path directory) {
        var random = new SplittableRandom(7);
        var entries = new ArrayList<SafetensorsWriter.Entry>();
        for (Parameter p : Parameters.of(spec)) {
            float[] values = new float[Math.toIntExact(p.count())];
            for (int i = 0; i < values.length; i++) {
                values[i] = (p.init() == Parameter.Init.ONE ? 1 : 0) + 0.05f * (float) random.nextGaussian();
            }
            entries.add(SafetensorsWriter.Entry.of(p.name(), p.shape(), values));
        }
        AtomicFile.writeString(directory.resolve("config.json"), HfConfig.write(spec, StorageType.F32));
        SafetensorsWriter.write(directory.resolve("model.safetensors"), Map.of("format", "pt"), entries);
    }

    /**
     * Times encoders of one model in turn, round after round, so that what else the machine does meets all of them.
     *
     * @param directory whose pooling makes the vectors
     * @param batch     texts a round
     * @param tokens    of a text
     */
    public static List<Figure> run(List<OpenEncoder> encoders, Path directory, int batch, int tokens, int repetitions) {
        EmbeddingHead head = EmbeddingHead.open(directory, EmbeddingConfig.read(directory));
        EncoderSpec spec = encoders.getFirst().encoder().spec();
        List<Encoder.Input> texts = IntStream.range(0, batch).mapToObj(i -> Encoder.Input.of(ids(spec, tokens, i)).statesAlone()).toList();
        double[][] wall = new double[encoders.size()][repetitions];
        long[] processor = new long[encoders.size()];
        long begin = System.nanoTime();
        for (int r = 0; r < FEWEST || System.nanoTime() - begin < WARM_UP_NANOS; r++) {
            for (OpenEncoder encoder : encoders) {
                round(encoder, texts, head);
            }
            VectorSupport.awaitKernels();
        }
        for (int r = 0; r < repetitions; r++) {
            for (int e = 0; e < encoders.size(); e++) {
                long from = PROCESS.getProcessCpuTime();
                long start = System.nanoTime();
                round(encoders.get(e), texts, head);
                wall[e][r] = (System.nanoTime() - start) * 1e-9;
                processor[e] += PROCESS.getProcessCpuTime() - from;
            }
        }
        return IntStream.range(0, encoders.size()).mapToObj(e -> new Figure(encoders.get(e).engine(), batch / InferBench.median(wall[e]),
                processor[e] * 1e-9 / repetitions / batch, flops(spec, tokens))).toList();
    }

    private static void round(OpenEncoder encoder, List<Encoder.Input> texts, EmbeddingHead head) {
        List<Encoder.Output> outputs = encoder.encoder().encode(texts);
        for (int i = 0; i < outputs.size(); i++) {
            head.vector(outputs.get(i).states(), texts.get(i).ids().length, 0);
        }
    }

    /** Two for each weight that multiplies and token, and for each number of a key and a value that a token looks at. */
    static double flops(EncoderSpec spec, int tokens) {
        double perToken = 0;
        for (Parameter p : Parameters.of(spec)) {
            perToken += p.isProjection() && p.layer() >= 0 ? 2.0 * p.count() : 0;
        }
        for (Layer layer : spec.stack().layers()) {
            int window = layer.attention().window();
            perToken += 4.0 * layer.attention().width() * (window == 0 ? tokens : Math.min(tokens, window + 1));
        }
        return perToken * tokens;
    }

    private static int[] ids(EncoderSpec spec, int n, long seed) {
        return new SplittableRandom(seed + 1).ints(n, Math.min(1000, spec.vocabSize() / 2), spec.vocabSize()).toArray();
    }
}
