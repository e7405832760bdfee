package dev.zhulong.compress.recover;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Texts one after another in rows of equal length, dealt out in another order in each pass; the last tokens, which fill no row, are left out. */
final class TextRows {
    /** Of the rows one in so many is held out, and at least and at most so many: they are evaluated often. */
    private static final int HELD_OUT = 8;
    private static final int LEAST_HELD_OUT = 2;
    private static final int MOST_HELD_OUT = 16;

    private final int seq;
    private final int batch;
    private final long seed;
    private final int[] tokens;
    private final int[] documents;
    private final List<Integer> train = new ArrayList<>();
    private final List<Integer> heldOut = new ArrayList<>();

    /**
     * Tokenises them.
     *
     * @param texts of which some rows are held out
     * @param more  of which none are
     * @param seq   tokens a row
     * @param batch rows a step
     * @throws IllegalArgumentException where they fill too few rows
     */
    TextRows(List<String> texts, List<String> more, Tokenizer tokenizer, int seq, int batch, long seed) {
        this.seq = seq;
        this.batch = batch;
        this.seed = seed;
        var stream = IntStream.builder();
        var numbers = IntStream.builder();
        int given = 0;
        for (int i = 0; i < texts.size() + more.size(); i++) {
            int document = i;
            IntStream start = tokenizer.addsBos() && tokenizer.bos().isPresent() ? IntStream.of(tokenizer.bos().getAsInt()) : IntStream.empty();
            int[] ids = IntStream.concat(start, IntStream.of(tokenizer.encode(i < texts.size() ? texts.get(i) : more.get(i - texts.size())))).toArray();
            given += i < texts.size() ? ids.length : 0;
            for (int id : ids) {
                stream.add(id);
                numbers.add(document);
            }
        }
        tokens = stream.build().toArray();
        documents = numbers.build().toArray();
        // a target follows each input
        int rows = (tokens.length - 1) / seq;
        int judging = Math.min(rows, (given - 1) / seq);
        for (int row = 0; row < rows; row++) {
            boolean held = row < judging && heldOut.size() < MOST_HELD_OUT && (row % HELD_OUT == 0 || heldOut.size() < LEAST_HELD_OUT && judging - row <= LEAST_HELD_OUT - heldOut.size());
            (held ? heldOut : train).add(row);
        }
        if (train.isEmpty() || heldOut.isEmpty()) {
            throw new IllegalArgumentException("the texts are " + given + " tokens, too few to train on: " + 4 * seq + " are the least");
        }
    }

    /** The batch of a step. */
    Batch step(long step) {
        List<Integer> rows = new ArrayList<>();
        for (int i = 0; i < batch; i++) {
            long place = step * batch + i;
            rows.add(order(place / train.size())[(int) (place % train.size())]);
        }
        return of(rows);
    }

    private int[] order(long pass) {
        var random = new SplittableRandom(seed + pass);
        int[] order = train.stream().mapToInt(Integer::intValue).toArray();
        for (int i = order.length - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int other = order[j];
            order[j] = order[i];
            order[i] = other;
        }
        return order;
    }

    /** What is held out, every row once. */
    List<Batch> heldOut() {
        return IntStream.iterate(0, from -> from < heldOut.size(), from -> from + batch).mapToObj(from -> of(heldOut.subList(from, Math.min(from + batch, heldOut.size())))).toList();
    }

    private Batch of(List<Integer> rows) {
        var made = new Batch(rows.size(), seq);
        for (int row = 0; row < rows.size(); row++) {
            int from = rows.get(row) * seq;
            int begin = 0;
            for (int i = 0; i < seq; i++) {
                int at = from + i;
                begin = i == 0 || documents[at] != documents[at - 1] ? i : begin;
                int to = row * seq + i;
                made.tokens()[to] = tokens[at];
                made.targets()[to] = documents[at + 1] == documents[at] ? tokens[at + 1] : Batch.NO_TARGET;
                made.positions()[to] = i - begin;
                made.documents()[to] = documents[at] - documents[from];
            }
        }
        return made;
    }
}
