package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A student that learns from draws: the contract of objectives, how the draws are kept, and that they are what they stand for in the mean. */
class DrawnTargetsKeepTheContractTest extends ObjectiveContract<Distillation, Batch> {
    private static final double TEMPERATURE = 2;
    private static final int VOCAB = 23;

    @TempDir
    Path directory;

    private final Decoder student = Tiny.decoder(Family.of("llama"), true);
    private final Decoder teacher = Tiny.decoder(Family.of("gpt2"), false);
    private int asked;
    private DrawnTargets targets;

    DrawnTargetsKeepTheContractTest() {
        student.requiresGrad(true);
    }

    @AfterEach
    void close() {
        if (targets != null) {
            targets.close();
        }
        student.close();
        teacher.close();
    }

    private DrawnTargets targets(String owner, int draws) {
        TokenTeacher whole = TokenTeacher.of(teacher);
        return new DrawnTargets(batch -> {
            asked += batch.batch();
            return whole.of(batch);
        }, owner, Tiny.VOCAB, draws, TEMPERATURE, directory);
    }

    @Override
    Distillation objective() {
        targets = targets == null ? targets("a", 20) : targets;
        return new Distillation(student, targets, targets);
    }

    @Override
    Map<String, Tensor> weights() {
        return student.parameters();
    }

    @Override
    List<Batch> batches() {
        return List.of(Tiny.rows(8, Tiny.document(6, 1), Tiny.document(8, 2)), Tiny.packed(Tiny.document(9, 5), Tiny.document(3, 6)));
    }

    @Override
    long supervised(Batch batch) {
        return Arrays.stream(batch.targets()).filter(target -> target != Batch.NO_TARGET).count();
    }

    @Override
    Unit unit() {
        return Unit.NATS_A_TOKEN;
    }

    @Test
    void aTeacherReadsEachRowOnceWhateverIsKilled() throws IOException {
        Batch batch = batches().getFirst();
        Loss once = objective().evaluate(batch);
        assertThat(objective().evaluate(batch)).isEqualTo(once);
        assertThat(asked).isEqualTo(2);
        // one of its rows, and another
        objective().evaluate(Tiny.rows(8, Tiny.document(8, 2), Tiny.document(8, 3)));
        assertThat(asked).isEqualTo(3);
        assertThatIllegalArgumentException().isThrownBy(() -> targets("a", 20)).withMessageContaining("another run");
        targets.close();

        targets = targets("a", 20);
        assertThat(targets.rows()).isEqualTo(3);
        assertThat(objective().evaluate(batch)).isEqualTo(once);
        assertThat(asked).isEqualTo(3);
        targets.close();

        // what a kill in the midst of a write leaves, and bytes that the disk turned
        Path file = only();
        long whole = Files.size(file);
        for (long length : new long[] {whole - 1, whole - 30, 45, 20}) {
            try (var cut = new RandomAccessFile(file.toFile(), "rw")) {
                cut.setLength(length);
            }
            targets = targets("a", 20);
            assertThat(targets.rows()).isLessThan(3);
            assertThat(objective().evaluate(batch)).isEqualTo(once);
            targets.close();
        }
        try (var turned = new RandomAccessFile(file.toFile(), "rw")) {
            long place = Files.size(file) - 10;
            turned.seek(place);
            int there = turned.read();
            turned.seek(place);
            turned.write(there ^ 1);
        }
        targets = targets("a", 20);
        assertThat(targets.rows()).isEqualTo(1);
        assertThat(objective().evaluate(batch)).isEqualTo(once);
        targets.close();
        Files.writeString(file, "no draws at all, but as many letters as a header has, and some");
        assertThatIllegalArgumentException().isThrownBy(() -> targets("a", 20)).withMessageContaining("no draws of this teacher");
        Files.delete(file);
        targets = null;
    }

    private Path only() throws IOException {
        try (var files = Files.list(directory)) {
            return files.toList().getFirst();
        }
    }

    @Test
    void anotherTeacherAnotherNumberAndAnotherRowAreDrawnAnew() {
        Batch batch = batches().getFirst();
        try (var first = targets("a", 20); var other = targets("b", 20); var more = targets("a", 21)) {
            for (DrawnTargets each : List.of(first, other, more)) {
                new Distillation(student, each, each).evaluate(batch);
            }
            assertThat(asked).isEqualTo(6);
            // the same tokens, told apart as documents
            new Distillation(student, first, first).evaluate(Tiny.packed(Tiny.document(8, 2)));
            new Distillation(student, first, first).evaluate(Tiny.packed(Arrays.copyOf(Tiny.document(8, 2), 4), Arrays.copyOfRange(Tiny.document(8, 2), 4, 8)));
            assertThat(asked).isEqualTo(7);
        }
    }

    /** Of many rows with the same distribution the mean gradient is compared with that of the whole; then the same for the likeliest ids alone, which no number of rows makes right. */
    @Test
    void theGradientOfDrawsIsThatOfTheWholeInTheMean() {
        var random = new SplittableRandom(5);
        float[] student = logits(random);
        float[] teacher = logits(random);
        int rows = 400;
        int draws = 8;
        var batch = new Batch(rows, 1, IntStream.range(0, rows).toArray(), new int[rows], new int[rows], new int[rows]);
        try (var scope = TensorScope.open(); var drawn = new DrawnTargets(_ -> which -> repeated(teacher, which.length), "c", VOCAB, draws, TEMPERATURE, directory)) {
            Divergence.Rows whole = new Divergence.Forward().of(repeated(student, 1), repeated(teacher, 1), TEMPERATURE, true);
            Divergence.Rows found = drawn.of(batch).compare(repeated(student, rows), batch.tokens(), true);
            float[] expected = whole.gradient().toFloats();
            float[] gradients = found.gradient().toFloats();
            float[] exact = repeated(teacher, 1).mul(1 / TEMPERATURE).logSoftmax(-1).exp().toFloats();
            double[] p = IntStream.range(0, VOCAB).mapToDouble(id -> exact[id]).toArray();
            double worst = 0;
            for (int id = 0; id < VOCAB; id++) {
                double sigma = TEMPERATURE * Math.sqrt(p[id] * (1 - p[id]) / draws / rows);
                assertThat(mean(gradients, id)).as("id %d", id).isCloseTo(expected[id], within(3 * sigma + 1e-6));
                worst = Math.max(worst, Math.abs(likeliest(p, draws)[id] - p[id]) * TEMPERATURE / sigma);
            }
            assertThat(worst).as("of the likeliest ids, in standard errors").isGreaterThan(10);
            float[] each = found.each().toFloats();
            double mean = IntStream.range(0, rows).mapToDouble(i -> each[i]).average().orElseThrow();
            double spread = Math.sqrt(IntStream.range(0, rows).mapToDouble(i -> Math.pow(each[i] - mean, 2)).sum() / rows / rows);
            assertThat(mean).isCloseTo(whole.each().toFloats()[0], within(3 * spread));
        }
    }

    private static double mean(float[] gradients, int id) {
        double sum = 0;
        for (int at = id; at < gradients.length; at += VOCAB) {
            sum += gradients[at];
        }
        return sum * VOCAB / gradients.length;
    }

    /** As others keep a teacher: the largest probabilities, over their sum. */
    private static double[] likeliest(double[] p, int count) {
        double least = Arrays.stream(p).sorted().toArray()[p.length - count];
        double sum = Arrays.stream(p).filter(each -> each >= least).sum();
        return Arrays.stream(p).map(each -> each >= least ? each / sum : 0).toArray();
    }

    private static float[] logits(SplittableRandom random) {
        float[] logits = new float[VOCAB];
        for (int i = 0; i < VOCAB; i++) {
            logits[i] = (float) (2 * random.nextGaussian());
        }
        return logits;
    }

    private static Tensor repeated(float[] row, int count) {
        float[] all = new float[row.length * count];
        for (int i = 0; i < count; i++) {
            System.arraycopy(row, 0, all, i * row.length, row.length);
        }
        return Tensor.of(all, count, row.length);
    }

    @Test
    void drawsAreOfProbabilitiesThatNeedNotAddUpToOne() {
        float[] p = {0, 3, 0, 1, 0};
        int[] counts = new int[5];
        for (int seed = 0; seed < 400; seed++) {
            for (int id : Draws.draw(p, 0, 5, 10, seed)) {
                counts[id]++;
            }
        }
        assertThat(counts[0] + counts[2] + counts[4]).isZero();
        // 3 standard errors of 4,000 draws
        assertThat(counts[1]).isBetween(3000 - 83, 3000 + 83);
        Draws packed = Draws.of(new int[][] {{1, 1, 3}, {2, 2, 2}}, new float[] {-1, -2});
        assertThat(packed.counts()).containsExactly(2, 1, 3);
        Draws back = Draws.of(packed.bytes(), 2);
        assertThat(back.ids()).containsExactly(1, 3, 2);
        assertThat(back.starts()).containsExactly(0, 2, 3);
        assertThat(back.counts()).containsExactly(2, 1, 3);
        assertThat(back.entropy()).containsExactly(-1, -2);
    }
}
