package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.train.log.EventFile;
import dev.zhulong.train.log.MetricsLog;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a run leaves for others to read: each step once, in the unit of what it minimises. */
class EachStepIsWrittenDownOnceTest {
    @TempDir
    Path run;

    /** Checkpoints come every third step: a run that ends before the first, behind it, and behind the second. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 4, 7})
    void aRunThatEndedAnywhereAndWentOn(long after) throws IOException {
        assertThatThrownBy(() -> train(after)).isInstanceOf(Stop.class);
        // what a crash amid cutting back leaves
        Files.writeString(run.resolve("metrics.jsonl.tmp"), "{");
        Files.writeString(run.resolve(".metrics.jsonl.1-0.zhulong-tmp"), "{");
        train(Long.MAX_VALUE);
        assertThat(MetricsLog.read(run.resolve("metrics.jsonl"))).filteredOn(line -> line.containsKey("loss")).extracting(line -> line.get("step"))
                .containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
        assertThat(steps("grad_norm")).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L);
        try (var left = Files.list(run)) {
            assertThat(left.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder("metrics.jsonl", "tensorboard", "checkpoints");
        }
    }

    /** A process that is killed amid a record leaves the part it has written. */
    @Test
    void aRecordCutShortIsTakenOut() throws IOException {
        Path events = run.resolve("tensorboard");
        Path file;
        try (EventFile first = EventFile.open(events)) {
            file = first.file();
            for (long step = 1; step <= 200; step++) {
                first.scalars(step, Map.of("grad_norm", 1.0));
            }
        }
        byte[] whole = Files.readAllBytes(file);
        for (int cut : new int[] {1, 5, 17, 40}) {
            Files.write(file, java.util.Arrays.copyOf(whole, whole.length - cut));
            EventFile.resume(events, 150).close();
            assertThat(steps("grad_norm")).hasSize(149).last().isEqualTo(149L);
        }
    }

    @Test
    void aFreshRunsEventsTakeNothingBack() throws IOException {
        train(Long.MAX_VALUE);
        try (var files = Files.list(run.resolve("tensorboard"))) {
            Path only = files.reduce((a, b) -> {
                throw new AssertionError("two event files");
            }).orElseThrow();
            byte[] start = {0x3a, 2, 8, 1};
            assertThat(new String(Files.readAllBytes(only), StandardCharsets.ISO_8859_1))
                    .doesNotContain(new String(start, StandardCharsets.ISO_8859_1));
        }
    }

    @Test
    void lossesCarryTheUnitOfTheirObjectiveAndNoBitsWhereThereAreNone() throws IOException {
        train(Long.MAX_VALUE);
        assertThat(MetricsLog.read(run.resolve("metrics.jsonl"))).allSatisfy(line -> assertThat(line).containsEntry("unit", "nats a token"))
                .anySatisfy(line -> assertThat(line).containsKeys("bits_per_byte", "loss")).anySatisfy(line ->
                        assertThat(line).containsKeys("validation_loss", "validation_bits_per_byte"));
        assertThat(steps("loss")).hasSize(8);

        Path pairs = run.resolve("pairs");
        try (Decoder model = Tiny.decoder(Family.of("llama"), true); LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, "q_proj"), 1)) {
            model.attach(adapter);
            var data = new TrainData<>(Tiny::batch, List.of(Tiny.batch(9)));
            new Trainer<>(model, new Dpo(model, 0.1, 0), data, Tiny.options(8, 1, 1), pairs, new TrainListener() {
                @Override
                public void step(Step step) {
                    assertThat(step.bitsPerByte()).isNaN();
                }
            }).train();
        }
        assertThat(MetricsLog.read(pairs.resolve("metrics.jsonl"))).isNotEmpty().allSatisfy(line ->
                assertThat(line).containsEntry("unit", "nats a pair").doesNotContainKeys("bits_per_byte", "validation_bits_per_byte"));
        String events = events(pairs);
        assertThat(events).contains("loss (nats a pair)", "validation_loss (nats a pair)").doesNotContain("bits_per_byte");
    }

    private void train(long stopAfter) {
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), Tiny.options(8, 1, 1), run, new TrainListener() {
                @Override
                public void step(Step step) {
                    if (step.step() == stopAfter) {
                        throw new Stop();
                    }
                }
            }).train();
        }
    }

    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private static String events(Path of) throws IOException {
        var all = new StringBuilder();
        try (var files = Files.list(of.resolve("tensorboard"))) {
            for (Path file : files.sorted().toList()) {
                all.append(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1));
            }
        }
        return all.toString();
    }

    /** Steps of the events that hold {@code tag}, in the order of the files and records. */
    private List<Long> steps(String tag) throws IOException {
        List<Long> steps = new ArrayList<>();
        try (var files = Files.list(run.resolve("tensorboard"))) {
            for (Path file : files.sorted().toList()) {
                ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
                while (in.hasRemaining()) {
                    byte[] event = new byte[(int) in.getLong()];
                    in.getInt();
                    in.get(event).getInt();
                    // time in nine bytes, then the step's key and its varint of one or two bytes
                    if (new String(event, StandardCharsets.ISO_8859_1).contains("\n" + (char) tag.length() + tag)) {
                        steps.add(event[10] >= 0 ? event[10] : (long) (event[10] & 0x7f | event[11] << 7));
                    }
                }
            }
        }
        return steps;
    }
}
