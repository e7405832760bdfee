package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.read.RowReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MixturesKeepTheirWeightsTest {
    private static final int SEQ = 16;

    private static DataSource source(String name, Optional<Double> weight) {
        return new DataSource(name, Path.of(name + ".jsonl"), weight, Optional.empty(), Map.of(), Optional.empty(), Optional.empty(),
                Optional.empty());
    }

    /** {@code count} examples whose prompt is the source's letter and whose answer is the number. */
    private static Map<String, TuneTokens> tokens(Map<String, Integer> counts) {
        var rows = new ArrayList<ExampleRow>();
        counts.forEach((name, count) -> IntStream.range(0, count).forEach(i ->
                rows.add(new ExampleRow(name, name + "#" + i, i, new Example.Completion(name, String.valueOf((char) (1000 + i)))))));
        return TuneTokens.of(rows, new ExampleEncoder(PlainChat.TOKENIZER, new PlainChat(), SEQ), new RowReport()).bySource();
    }

    /** How often each source's letter begins a document in the first rows. */
    private static Map<Integer, Integer> seen(MixtureRows rows, int count) {
        var seen = new TreeMap<Integer, Integer>();
        Batch batch = new Batches(rows.rows(), 1).range(0, count);
        for (int i = 0; i + 1 < batch.tokens().length; i++) {
            if (batch.tokens()[i] == PlainChat.BOS) {
                seen.merge(batch.tokens()[i + 1], 1, Integer::sum);
            }
        }
        return seen;
    }

    @Test
    void rowsAlternateByWeightWithoutDrift() {
        var mixture = new Mixture(List.of(source("a", Optional.of(2.0)), source("b", Optional.of(1.0)), source("c", Optional.of(1.0))));
        Map<String, TuneTokens> tokens = tokens(new LinkedHashMap<>(Map.of("a", 100, "b", 10, "c", 7)));
        MixtureRows rows = MixtureRows.of(mixture, tokens, SEQ, false, 1);
        for (int taken : new int[] {1, 4, 100, 399, 1024, 4000}) {
            Map<Integer, Integer> seen = seen(rows, taken);
            List<MixtureRows.Coverage> coverage = rows.coverage(taken);
            for (int i = 0; i < 3; i++) {
                double share = taken * new double[] {0.5, 0.25, 0.25}[i];
                assertThat((double) seen.getOrDefault('a' + i, 0)).isBetween(share - 1, share + 1);
                assertThat(coverage.get(i).rows()).isEqualTo(seen.getOrDefault('a' + i, 0).longValue());
            }
        }
        assertThat(rows.coverage(400).get(1).epochs()).isEqualTo(10);
        assertThat(rows.coverage(400).get(1).toString()).isEqualTo("b: 10 sequences, 10.00 epochs");
        assertThat(rows.coverage(400).get(0).epochs()).isEqualTo(2);
    }

    @Test
    void withoutWeightsEachExampleComesOnceAnEpoch() {
        var mixture = new Mixture(List.of(source("a", Optional.empty()), source("b", Optional.empty())));
        MixtureRows rows = MixtureRows.of(mixture, tokens(Map.of("a", 90, "b", 11)), SEQ, true, 1);
        assertThat(seen(rows, Math.toIntExact(rows.rows().rowsPerEpoch()))).isEqualTo(Map.of((int) 'a', 90, (int) 'b', 11));
        assertThat(rows.coverage(rows.rows().rowsPerEpoch()).get(1).epochs()).isEqualTo(1);
        assertThat(rows.rows().rowsPerEpoch()).isLessThan(60);
    }

    @Test
    void mixturesAreChecked() {
        assertThatThrownBy(() -> new Mixture(List.of())).hasMessageContaining("at least one");
        assertThatThrownBy(() -> new Mixture(List.of(source("a", Optional.empty()), source("a", Optional.empty())))).hasMessageContaining("'a'");
        assertThatThrownBy(() -> new Mixture(List.of(source("a", Optional.of(1.0)), source("b", Optional.empty())))).hasMessageContaining("'b'");
        assertThatThrownBy(() -> source("a", Optional.of(0.0))).hasMessageContaining("above 0");
        assertThatThrownBy(() -> MixtureRows.of(Mixture.of(source("b", Optional.empty())), tokens(Map.of("a", 1)), SEQ, true, 1))
                .hasMessageContaining("'b'").hasMessageContaining("nothing to train on");
        var moved = Mixture.of(source("a", Optional.empty())).in(Path.of("base"));
        assertThat(moved.sources().getFirst().path()).isEqualTo(Path.of("base", "a.jsonl"));
        assertThat(moved.weighted()).isFalse();
    }
}
