package dev.zhulong.bench;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.TensorView;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Batches of token ids in a safetensors file. */
final class BatchFile {
    private static final List<List<String>> PAIRS = List.of(
            List.of("inputs", "targets"), List.of("i", "t"), List.of("x", "y"), List.of("input_ids", "labels"), List.of("ids", "targets"),
            List.of("input", "target"), List.of("tokens", "targets"), List.of("idx", "targets"), List.of("ids", "labels"));

    private BatchFile() {}

    static Batch read(SafetensorsFile file, Path path, int step, int batch, int seq) {
        for (List<String> pair : PAIRS) {
            for (String suffix : List.of("", "." + step, "_" + step, Integer.toString(step))) {
                TensorView in = file.tensors().get(pair.get(0) + suffix);
                TensorView out = file.tensors().get(pair.get(1) + suffix);
                if (in != null && out != null) {
                    int at = suffix.isEmpty() ? step : 0;
                    return batch(slice(in, at, (long) batch * seq, path), slice(out, at, (long) batch * seq, path), batch, seq);
                }
            }
        }
        if (file.tensors().size() == 1) {
            TensorView only = file.tensors().values().iterator().next();
            long[] shape = only.shape();
            if (shape[shape.length - 1] == seq + 1) {
                long[] ids = slice(only, step, (long) batch * (seq + 1), path);
                long[] in = new long[batch * seq];
                long[] out = new long[batch * seq];
                for (int b = 0; b < batch; b++) {
                    System.arraycopy(ids, b * (seq + 1), in, b * seq, seq);
                    System.arraycopy(ids, b * (seq + 1) + 1, out, b * seq, seq);
                }
                return batch(in, out, batch, seq);
            }
            if (shape.length == 4 && (shape[0] == 2 || shape[1] == 2)) {
                long n = (long) batch * seq;
                boolean pairFirst = shape[0] == 2 && shape[1] != 2;
                long first = pairFirst ? step : 2L * step;
                long second = pairFirst ? shape[1] + step : 2L * step + 1;
                return batch(slice(only, first, n, path), slice(only, second, n, path), batch, seq);
            }
        }
        throw new IllegalArgumentException(path + ": no batch " + step + " of " + batch + " x " + seq + " found; expected inputs and targets "
                + "[steps, batch, seq], or one tensor [steps, batch, seq + 1]; it holds " + file.tensors().keySet());
    }

    private static long[] slice(TensorView view, long index, long length, Path path) {
        long[] all = view.toLongs();
        if ((index + 1) * length > all.length) {
            throw new IllegalArgumentException(path + ": tensor " + view.name() + " of shape " + Arrays.toString(view.shape())
                    + " has no batch " + index + " of " + length + " ids");
        }
        return Arrays.copyOfRange(all, Math.toIntExact(index * length), Math.toIntExact((index + 1) * length));
    }

    private static Batch batch(long[] in, long[] out, int batch, int seq) {
        Batch b = new Batch(batch, seq);
        for (int i = 0; i < in.length; i++) {
            b.tokens()[i] = Math.toIntExact(in[i]);
            b.targets()[i] = Math.toIntExact(out[i]);
            b.positions()[i] = i % seq;
        }
        return b;
    }
}
