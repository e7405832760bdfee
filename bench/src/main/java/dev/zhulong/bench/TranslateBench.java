package dev.zhulong.bench;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.cpu.CpuEncoderDecoder;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.search.Continuation;
import dev.zhulong.infer.search.Continuations;
import dev.zhulong.infer.search.Search;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.infer.search.SearchOptions.Early;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.NetworkFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/** An encoder–decoder of T5-small's shape and random weights on both engines, which write in turns. */
public final class TranslateBench {
    /**
     * What is written.
     *
     * @param texts   side by side
     * @param source  tokens of each text that is read
     * @param tokens  written of each
     * @param beams   of each; 1 takes the likeliest token each time
     * @param rounds  of both engines
     * @param threads of both engines
     * @param weights of the CPU engine; empty for F32
     */
    public record Work(int texts, int source, int tokens, int beams, int rounds, int threads, Optional<WeightType> weights) {}

    /**
     * Medians of all rounds.
     *
     * @param cpu   tokens a second of all texts, encoding included
     * @param torch the same of libtorch
     */
    public record Result(double cpu, double torch) {
        /** How many times as many the CPU engine writes. */
        public double ratio() {
            return cpu / torch;
        }
    }

    private TranslateBench() {}

    /** T5-small's shape. */
    public static EncoderDecoderSpec spec() {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.put("model_type", "t5").put("vocab_size", 32128).put("d_model", 512).put("d_kv", 64).put("d_ff", 2048).put("num_layers", 6).put("num_heads", 8);
        config.put("pad_token_id", 0).put("eos_token_id", 1).put("decoder_start_token_id", 0).put("is_encoder_decoder", true);
        return (EncoderDecoderSpec) Family.of("t5").read(new JsonFields(Path.of("config.json"), "", config));
    }

    /** @param each told the seconds of each round, the CPU engine's first */
    public static Result run(Work work, Consumer<double[]> each) {
        return run(spec(), work, each);
    }

    /** The same of another shape. */
    public static Result run(EncoderDecoderSpec spec, Work work, Consumer<double[]> each) {
        try {
            Path directory = Files.createTempDirectory("zhulong-bench");
            try (EncoderDecoder torch = EncoderDecoder.random(spec, 1)) {
                NetworkFiles.save(torch, directory, StorageType.F32);
                try (ModelDirectory files = ModelDirectory.open(directory);
                        CpuEncoderDecoder cpu = CpuEncoderDecoder.load(files, work.weights, CpuOptions.of(work.threads))) {
                    return measured(Continuations.of(cpu), Continuations.of(torch), work, each);
                }
            } finally {
                FileTree.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Result measured(Continuations cpu, Continuations torch, Work work, Consumer<double[]> each) {
        List<int[]> sources = new ArrayList<>();
        for (int i = 0; i < work.texts; i++) {
            sources.add(new SplittableRandom(i).ints(work.source, 2, cpu.spec().sourceVocab()).toArray());
        }
        // what is compiled, and first calls
        seconds(cpu, sources, work);
        seconds(torch, sources, work);
        double[] ofCpu = new double[work.rounds];
        double[] ofTorch = new double[work.rounds];
        for (int round = 0; round < work.rounds; round++) {
            ofCpu[round] = seconds(cpu, sources, work);
            ofTorch[round] = seconds(torch, sources, work);
            each.accept(new double[] {ofCpu[round], ofTorch[round]});
        }
        double written = (double) work.texts * work.tokens;
        return new Result(written / median(ofCpu), written / median(ofTorch));
    }

    private static double seconds(Continuations model, List<int[]> sources, Work work) {
        // nothing ends a text before its length
        var options = new SearchOptions(0, List.of(), 0, work.beams, 1, Early.NEVER, work.tokens + 1, 0, 0, 1, -1, List.of(), List.of(), List.of(), false);
        long start = System.nanoTime();
        try (Continuation rows = model.begin(sources)) {
            Search.run(rows, sources.stream().map(any -> options).toList());
        }
        return (System.nanoTime() - start) / 1e9;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
