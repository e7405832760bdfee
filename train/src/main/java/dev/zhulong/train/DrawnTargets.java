package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.IntStream;

/**
 * KL(p‖q) with an estimate for the teacher's p: tokens drawn from it, once for each row of text, and kept in a file. The teacher is asked for rows that are not in the file and for no others, so
 * that later epochs, and runs of other students, do without it. The gradient is that of the whole distributions in the mean.
 */
public final class DrawnTargets implements SoftTargets, AutoCloseable {
    /** Most draws a token. */
    public static final int MOST = Draws.MOST;
    /** Logits asked of a teacher at once, in floats. */
    private static final int AT_ONCE = 1 << 22;
    /** From the seed of a token to that of the next. */
    private static final long STEP = 0x9E3779B97F4A7C15L;

    private final TokenTeacher teacher;
    private final int width;
    private final int draws;
    private final double temperature;
    private final DrawFile file;

    /**
     * Opens the file, or begins one. Its name says of what it is, so that a directory may hold many.
     *
     * @param owner       digest of the teacher and its tokenizer, in hexadecimal digits
     * @param width       ids that teacher and student both have
     * @param draws       of each token, from 1 to {@value Draws#MOST}
     * @param temperature that logits of both are divided by, above 0
     * @throws IllegalArgumentException where another run writes the file
     */
    public DrawnTargets(TokenTeacher teacher, String owner, int width, int draws, double temperature, Path directory) {
        if (draws < 1 || draws > MOST) {
            throw new IllegalArgumentException("draws must be from 1 to " + MOST + ", found " + draws);
        }
        SoftTargets.requireTemperature(temperature);
        this.teacher = teacher;
        this.width = width;
        this.draws = draws;
        this.temperature = temperature;
        byte[] digest = sha256((owner + " " + width + " " + draws + " " + temperature).getBytes(StandardCharsets.UTF_8));
        file = DrawFile.open(directory.resolve("draws-" + HexFormat.of().formatHex(digest, 0, 6) + ".bin"), digest);
    }

    /** Rows that are there. */
    public int rows() {
        return file.rows();
    }

    @Override
    public OfBatch of(Batch batch) {
        Draws[] known = new Draws[batch.batch()];
        byte[][] keys = new byte[batch.batch()][];
        for (int row = 0; row < known.length; row++) {
            keys[row] = key(batch, row);
            byte[] bytes = file.get(keys[row]);
            known[row] = bytes == null ? null : Draws.of(bytes, batch.seq());
        }
        int[] missing = IntStream.range(0, known.length).filter(row -> known[row] == null).toArray();
        if (missing.length > 0) {
            ask(batch, missing, keys, known);
        }
        return (logits, rows, backward) -> SoftTargets.widened(compare(logits.size(1) == width ? logits : logits.narrow(1, 0, width), known, batch.seq(), rows, backward), logits);
    }

    private void ask(Batch batch, int[] missing, byte[][] keys, Draws[] known) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            TokenTeacher.Rows taught = teacher.of(batch.rows(missing));
            int atOnce = Math.clamp(AT_ONCE / width, 1, batch.seq());
            for (int i = 0; i < missing.length; i++) {
                known[missing[i]] = draw(taught, i * batch.seq(), batch.seq(), ByteBuffer.wrap(keys[missing[i]]).getLong());
                file.put(keys[missing[i]], known[missing[i]].bytes());
            }
        }
    }

    /** Tokens of a row, some at a time. */
    private Draws draw(TokenTeacher.Rows taught, int first, int seq, long seed) {
        int[][] drawn = new int[seq][];
        float[] entropies = new float[seq];
        int atOnce = Math.clamp(AT_ONCE / width, 1, seq);
        for (int from = 0; from < seq; from += atOnce) {
            int start = from;
            int count = Math.min(atOnce, seq - from);
            try (var scope = TensorScope.open()) {
                Tensor logits = taught.logits(IntStream.range(first + from, first + from + count).toArray());
                Tensor log = Divergence.scaled(logits.narrow(1, 0, width), temperature).logSoftmax(-1);
                Tensor exp = log.exp();
                System.arraycopy(exp.mul(log).sum(-1, false).toFloats(), 0, entropies, from, count);
                float[] p = exp.toFloats();
                // what a token draws depends on the row and its place in it alone
                IntStream.range(0, count).parallel().forEach(i -> drawn[start + i] = Draws.draw(p, i * width, width, draws, seed + (start + i) * STEP));
            }
        }
        return Draws.of(drawn, entropies);
    }

    /** Of all that the teacher sees. */
    private static byte[] key(Batch batch, int row) {
        int from = row * batch.seq();
        ByteBuffer seen = ByteBuffer.allocate(8 * batch.seq());
        for (int i = from; i < from + batch.seq(); i++) {
            seen.putInt(batch.tokens()[i]).putInt(batch.documents()[i]);
        }
        return Arrays.copyOf(sha256(seen.array()), DrawFile.KEY);
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private Divergence.Rows compare(Tensor logits, Draws[] known, int seq, int[] rows, boolean backward) {
        int n = rows.length;
        int most = 0;
        for (int row : rows) {
            most = Math.max(most, known[row / seq].different(row % seq));
        }
        int[] ids = new int[n * most];
        float[] shares = new float[n * most];
        float[] entropies = new float[n];
        for (int i = 0; i < n; i++) {
            Draws of = known[rows[i] / seq];
            int token = rows[i] % seq;
            entropies[i] = of.entropy()[token];
            for (int j = 0; j < of.different(token); j++) {
                ids[i * most + j] = of.ids()[of.starts()[token] + j];
                shares[i * most + j] = (of.counts()[of.starts()[token] + j] & 0xff) / (float) draws;
            }
        }
        Tensor index = Tensor.of(ids, n, most);
        Tensor p = Tensor.of(shares, n, most);
        Tensor q = Divergence.scaled(logits, temperature).logSoftmax(-1);
        Tensor each = Tensor.of(entropies, n, 1).sub(q.gather(1, index).mul(p).sum(-1, true)).mul(temperature * temperature);
        if (!backward) {
            return new Divergence.Rows(each, null);
        }
        return new Divergence.Rows(each, q.exp_().scatterAdd_(1, index, p.neg()).mul_(temperature));
    }

    @Override
    public void close() {
        file.close();
    }
}
