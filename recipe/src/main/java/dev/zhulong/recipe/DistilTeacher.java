package dev.zhulong.recipe;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.TokenTeacher;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A decoder that another learns from: a directory on libtorch in F32, or a GGUF file on the CPU engine as it is stored.
 *
 * @param network of a directory, from which a student can be cut
 * @param closing what is closed with it, in this order
 */
record DistilTeacher(DecoderSpec spec, TokenTeacher tokens, Optional<Decoder> network, List<AutoCloseable> closing) implements AutoCloseable {
    private static final int ROWS_AT_ONCE = 128;

    static DistilTeacher open(Path path, int seq) {
        if (!GgufFile.isOne(path)) {
            Decoder network = DecoderFiles.load(path);
            return new DistilTeacher(network.spec(), TokenTeacher.of(network), Optional.of(network), List.of(network));
        }
        ModelFiles files = ModelFiles.open(path, EngineChoice.DEFAULT.withEngine(EngineChoice.Engine.CPU).withCache(KvPages.Format.F32));
        try {
            LoadedModel loaded = files.load(seq);
            return new DistilTeacher(files.spec(), new EngineTeacher(loaded.model()), Optional.empty(), List.of(loaded, files));
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
    }

    /** Bytes of memory its weights take. */
    static long bytes(Path path) {
        try {
            // packed for the kernels beside the mapped file
            return GgufFile.isOne(path) ? 2 * Files.size(path) : Float.BYTES * Parameters.of(HfConfig.read(path.resolve("config.json"))).count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A digest of its weights, its shape and what its ids stand for. */
    static String digest(Path path) {
        List<String> hashes = new ArrayList<>(List.of(SameTokenizer.digest(path)));
        if (GgufFile.isOne(path)) {
            hashes.add(ContentHash.ofFile(path).sha256());
        } else {
            hashes.add(ContentHash.ofFile(path.resolve("config.json")).sha256());
            ModelDirectory.weightFiles(path).forEach(file -> hashes.add(ContentHash.ofFile(file).sha256()));
        }
        return String.join(" ", hashes);
    }

    /** Its perplexity on rows. */
    double perplexity(Iterable<Batch> batches) {
        double sum = 0;
        long count = 0;
        for (Batch batch : batches) {
            try (var scope = TensorScope.open(); var off = NoGrad.open()) {
                TokenTeacher.Rows rows = tokens.of(batch);
                int[] supervised = IntStream.range(0, batch.targets().length).filter(i -> batch.targets()[i] != Batch.NO_TARGET).toArray();
                for (int from = 0; from < supervised.length; from += ROWS_AT_ONCE) {
                    int[] some = Arrays.copyOfRange(supervised, from, Math.min(supervised.length, from + ROWS_AT_ONCE));
                    try (var inner = TensorScope.open()) {
                        Tensor targets = Tensor.of(Arrays.stream(some).map(i -> batch.targets()[i]).toArray(), some.length, 1);
                        for (float each : rows.logits(some).logSoftmax(-1).gather(1, targets).toFloats()) {
                            sum -= each;
                        }
                    }
                }
                count += supervised.length;
            }
        }
        return Math.exp(sum / count);
    }

    @Override
    public void close() {
        try {
            for (AutoCloseable each : closing) {
                each.close();
            }
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
