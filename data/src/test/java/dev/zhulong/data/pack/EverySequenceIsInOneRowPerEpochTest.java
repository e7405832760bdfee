package dev.zhulong.data.pack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Traps 14, 15 and 24 for fine-tuning: whole sequences, apart from each other, each once an epoch over all ranks. */
class EverySequenceIsInOneRowPerEpochTest {
    private static final int SEQ = 24;

    @Provide
    Arbitrary<List<SupervisedTokens>> documents() {
        return Arbitraries.integers().between(2, SEQ + 1).flatMap(length -> Arbitraries.longs().map(bits -> document(length, bits)))
                .list().ofMinSize(1).ofMaxSize(40);
    }

    /** Ids and marks from the bits of a number; at least the last token is supervised. Ids are small, so that documents resemble each other. */
    private static SupervisedTokens document(int length, long bits) {
        var ids = new int[length];
        var supervised = new boolean[length];
        for (int i = 0; i < length; i++) {
            ids[i] = 1 + (int) (bits >>> (i % 32) & 3);
            supervised[i] = i > 0 && (bits >>> (i % 60) & 1) == 1;
        }
        supervised[length - 1] = true;
        return new SupervisedTokens(ids, supervised);
    }

    /** A document as its inputs, targets and positions appear in a row. */
    private static String seen(int[] tokens, int[] targets, int[] positions) {
        return Arrays.toString(tokens) + Arrays.toString(targets) + Arrays.toString(positions);
    }

    private static String expected(SupervisedTokens document) {
        int n = document.ids().length - 1;
        int[] targets = IntStream.range(0, n).map(i -> document.supervised()[i + 1] ? document.ids()[i + 1] : Batch.NO_TARGET).toArray();
        return seen(Arrays.copyOf(document.ids(), n), targets, IntStream.range(0, n).toArray());
    }

    /** What lies in the rows, document by document; filling is checked and left out. */
    private static void read(Batch batch, TreeMap<String, Integer> found) {
        for (int row = 0; row < batch.batch(); row++) {
            int base = row * batch.seq();
            int number = 0;
            for (int from = 0; from < batch.seq();) {
                int to = from;
                while (to < batch.seq() && batch.documents()[base + to] == number) {
                    to++;
                }
                assertThat(to).as("documents are numbered from 0 without gaps").isGreaterThan(from);
                int[] tokens = Arrays.copyOfRange(batch.tokens(), base + from, base + to);
                int[] targets = Arrays.copyOfRange(batch.targets(), base + from, base + to);
                int[] positions = Arrays.copyOfRange(batch.positions(), base + from, base + to);
                if (Arrays.stream(tokens).allMatch(id -> id == 0)) {
                    assertThat(to).as("filling is on the right").isEqualTo(batch.seq());
                    assertThat(targets).containsOnly(Batch.NO_TARGET);
                    assertThat(from).as("no row is empty").isPositive();
                } else {
                    found.merge(seen(tokens, targets, positions), 1, Integer::sum);
                }
                from = to;
                number++;
            }
        }
    }

    private static TreeMap<String, Integer> all(List<SupervisedTokens> documents, int times) {
        var all = new TreeMap<String, Integer>();
        documents.forEach(document -> all.merge(expected(document), times, Integer::sum));
        return all;
    }

    @Property(tries = 500, seed = "20261124")
    void wholeAndApartOverRanksAndEpochs(@ForAll("documents") List<SupervisedTokens> documents, @ForAll @IntRange(min = 0, max = 3) int kind,
            @ForAll @IntRange(min = 1, max = 3) int ranks, @ForAll @IntRange(min = 1, max = 3) int perStep, @ForAll long seed) {
        SupervisedRows rows = switch (kind) {
            case 0 -> SupervisedRows.packed(documents, SEQ, seed);
            case 1 -> SupervisedRows.unpacked(documents, SEQ, seed);
            case 2 -> SupervisedRows.inOrder(documents, SEQ);
            default -> SupervisedRows.packedInOrder(documents, SEQ);
        };
        // After so many epochs they end where a step ends.
        int epochs = ranks * perStep;
        var found = new TreeMap<String, Integer>();
        for (int rank = 0; rank < ranks; rank++) {
            var batches = new Batches(rows, perStep, rank, ranks);
            for (long step = 0; step < rows.rowsPerEpoch(); step++) {
                read(batches.get(step), found);
            }
        }
        assertThat(found).isEqualTo(all(documents, epochs));
        var third = new TreeMap<String, Integer>();
        read(new Batches(rows, 1).range(3 * rows.rowsPerEpoch(), Math.toIntExact(rows.rowsPerEpoch())), third);
        assertThat(third).isEqualTo(all(documents, 1));
        int inputs = documents.stream().mapToInt(document -> document.ids().length - 1).sum();
        assertThat(rows.density()).isCloseTo((double) inputs / (rows.rowsPerEpoch() * SEQ), within(1e-12));
    }

    private static List<SupervisedTokens> numbered(int count, int length) {
        return IntStream.range(0, count).mapToObj(i -> {
            var ids = new int[length];
            var marks = new boolean[length];
            Arrays.fill(ids, i + 1);
            marks[length - 1] = true;
            return new SupervisedTokens(ids, marks);
        }).toList();
    }

    @Test
    void rowsArePureFunctionsOfTheirNumber() {
        List<SupervisedTokens> documents = numbered(60, 7);
        var one = SupervisedRows.packed(documents, SEQ, 5);
        var other = SupervisedRows.packed(documents, SEQ, 5);
        Batch forwards = new Batches(one, 1).range(0, 60);
        for (int row = 59; row >= 0; row--) {
            int[] tokens = new Batches(other, 1).range(row, 1).tokens();
            assertThat(Arrays.copyOfRange(forwards.tokens(), row * SEQ, (row + 1) * SEQ)).isEqualTo(tokens);
        }
        assertThat(new Batches(SupervisedRows.packed(documents, SEQ, 6), 1).range(0, 60).tokens()).isNotEqualTo(forwards.tokens());
    }

    @Test
    void epochsDifferAlsoInWhatSharesARow() {
        var rows = SupervisedRows.packed(numbered(60, 9), SEQ, 5);
        assertThat(rows.rowsPerEpoch()).isEqualTo(20);
        var companies = new HashSet<List<Integer>>();
        for (long row = 0; row < 40; row++) {
            companies.add(Arrays.stream(rows.documentsOf(row)).sorted().boxed().toList());
        }
        assertThat(companies).hasSizeGreaterThan(35);
    }

    @Test
    void sequencesFillRowsToTheBrim() {
        var documents = new ArrayList<SupervisedTokens>();
        for (int length : new int[] {24, 23, 1, 12, 12, 8, 8, 8, 20, 4}) {
            documents.add(numbered(1, length + 1).getFirst());
        }
        var rows = SupervisedRows.packed(documents, SEQ, 1);
        assertThat(rows.rowsPerEpoch()).isEqualTo(5);
        assertThat(rows.density()).isEqualTo(1);
        assertThat(SupervisedRows.unpacked(documents, SEQ, 1).rowsPerEpoch()).isEqualTo(10);
    }

    @Test
    void inOrderIsInOrder() {
        var rows = SupervisedRows.inOrder(numbered(5, 3), SEQ);
        for (int row = 0; row < 10; row++) {
            assertThat(rows.documentsOf(row)).containsExactly(row % 5);
        }
    }

    @Test
    void whatDoesNotFitOrTeachIsAnError() {
        assertThatThrownBy(() -> SupervisedRows.packed(List.of(), SEQ, 1)).hasMessageContaining("no sequences");
        assertThatThrownBy(() -> SupervisedRows.packed(numbered(1, SEQ + 2), SEQ, 1)).hasMessageContaining("at most 25").hasMessageContaining("26");
        assertThatThrownBy(() -> SupervisedRows.packed(List.of(new SupervisedTokens(new int[3], new boolean[3])), SEQ, 1))
                .hasMessageContaining("0 supervised");
        assertThatThrownBy(() -> SupervisedRows.packed(List.of(new SupervisedTokens(new int[2], new boolean[] {true, true})), SEQ, 1))
                .hasMessageContaining("not the first");
    }

    @Test
    void pairsStayTogetherAndComeOnceAnEpoch() {
        List<SupervisedTokens> chosen = numbered(7, 3);
        List<SupervisedTokens> rejected = numbered(7, 5);
        var rows = PairedRows.shuffled(chosen, rejected, SEQ, 3);
        assertThat(rows.rowsPerEpoch()).isEqualTo(14);
        var orders = new HashSet<List<Integer>>();
        for (int epoch = 0; epoch < 4; epoch++) {
            Batch batch = new Batches(rows, 2).range(14L * epoch, 14);
            var order = new ArrayList<Integer>();
            for (int pair = 0; pair < 7; pair++) {
                int better = 2 * pair * SEQ;
                int worse = better + SEQ;
                assertThat(batch.tokens()[better]).isEqualTo(batch.tokens()[worse]);
                assertThat(batch.targets()[better + 1]).isEqualTo(batch.tokens()[better]);
                assertThat(batch.targets()[worse + 3]).isEqualTo(batch.tokens()[better]);
                assertThat(batch.tokens()[worse + 4]).as("padding is on the right").isZero();
                assertThat(rows.pairOf(14L * epoch + 2 * pair)).isEqualTo(batch.tokens()[better] - 1);
                order.add(batch.tokens()[better]);
            }
            assertThat(order).containsExactlyInAnyOrder(1, 2, 3, 4, 5, 6, 7);
            orders.add(order);
        }
        assertThat(orders).hasSizeGreaterThan(1);
        assertThatThrownBy(() -> PairedRows.inOrder(chosen, rejected.subList(1, 7), SEQ)).hasMessageContaining("7 chosen").hasMessageContaining("6");
    }
}
