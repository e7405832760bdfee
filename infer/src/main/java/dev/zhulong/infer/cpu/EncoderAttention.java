package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.infer.cpu.EncoderPass.Sequence;
import dev.zhulong.kernels.FullAttention;
import dev.zhulong.kernels.FullAttention.Scores;
import dev.zhulong.kernels.Rotary;
import dev.zhulong.kernels.ThreadPool;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention of a layer of an encoder, whose positions see each other as far as its window reaches: a task is some neighbouring queries of a head of a
 * sequence. Families whose attention is more extend it.
 */
class EncoderAttention {
    /** Queries of a head that a thread is given at a time. */
    static final int QUERIES = 8 * FullAttention.TILE;

    final int heads;
    final int headDim;
    final int width;
    /** Positions on either side that are seen; the largest integer for all. */
    final int half;
    final float scale;
    private final Rotary rotary;

    /** A head's queries of a sequence, from one on. @param number of this head of this sequence, sequence after sequence */
    record Task(Sequence sequence, int number, int head, int query) {}

    /** @param rotary what turns queries and keys; null for nothing */
    EncoderAttention(Attention shape, Rotary rotary) {
        this.rotary = rotary;
        heads = shape.heads();
        headDim = shape.headDim();
        width = heads * headDim;
        half = shape.window() == 0 ? Integer.MAX_VALUE : shape.window() / 2;
        scale = (float) shape.scoreScale();
    }

    /** Bytes of weights besides the layer's. */
    long bytes() {
        return 0;
    }

    void close() {}

    /**
     * Fills the pass's {@code attended} from its queries, keys and values.
     *
     * @param in what these were made from [rows, hidden]
     */
    void apply(EncoderPass pass, float[] in, Sequence[] sequences) {
        ThreadPool pool = pass.pool();
        if (rotary != null) {
            rotary.reach(longest(sequences));
            pool.run(i -> turn(pass, sequences[i]), sequences.length);
        }
        pool.runShort(number -> prepare(pass, sequences, number), sequences.length * heads);
        List<Task> tasks = tasks(sequences);
        pool.run(number -> attend(pass, tasks.get(number)), tasks.size());
    }

    static int longest(Sequence[] sequences) {
        int longest = 0;
        for (Sequence sequence : sequences) {
            longest = Math.max(longest, sequence.length());
        }
        return longest;
    }

    private List<Task> tasks(Sequence[] sequences) {
        var list = new ArrayList<Task>();
        for (int number = 0; number < sequences.length * heads; number++) {
            Sequence sequence = sequences[number / heads];
            for (int query = 0; query < sequence.length(); query += QUERIES) {
                list.add(new Task(sequence, number, number % heads, query));
            }
        }
        return list;
    }

    private void turn(EncoderPass pass, Sequence sequence) {
        for (int i = 0; i < sequence.length(); i++) {
            rotary.turn(pass.qkv[0], (sequence.from() + i) * width, heads, headDim, i);
            rotary.turn(pass.qkv[1], (sequence.from() + i) * width, heads, headDim, i);
        }
    }

    final int keysOf(Sequence sequence, int head) {
        return sequence.places() * width + head * headDim * FullAttention.places(sequence.length());
    }

    /** Makes what all queries of a head of a sequence read: number {@code number}, sequence after sequence. */
    void prepare(EncoderPass pass, Sequence[] sequences, int number) {
        layOut(pass, sequences[number / heads], number % heads);
    }

    private void layOut(EncoderPass pass, Sequence sequence, int head) {
        FullAttention.layOut(pass.qkv[1], sequence.from() * width + head * headDim, width, sequence.length(), headDim, pass.keys, keysOf(sequence, head));
    }

    /** Runs a task's queries. */
    void attend(EncoderPass pass, Task task) {
        Sequence sequence = task.sequence();
        int count = Math.min(sequence.length() - task.query(), QUERIES);
        if (half >= sequence.length()) {
            int at = (sequence.from() + task.query()) * width + task.head() * headDim;
            FullAttention.attend(pass.qkv[0], at, width, count, pass.keys, keysOf(sequence, task.head()), pass.qkv[2], sequence.from() * width + task.head() * headDim,
                    sequence.seen(), sequence.length(), headDim, scale, pass.scores(sequence.length()), pass.attended, at);
            return;
        }
        for (int query = task.query(); query < task.query() + count; query += FullAttention.TILE) {
            near(pass, task, query, Math.min(FullAttention.TILE, task.query() + count - query));
        }
    }

    /** Queries that see what is near them. Padding that sees nothing looks at all tokens of its sequence alike, as in transformers. */
    private void near(EncoderPass pass, Task task, int query, int count) {
        Sequence sequence = task.sequence();
        boolean together = true;
        for (int i = query; i < query + count; i++) {
            together &= seesSomething(sequence, i);
        }
        if (!together) {
            for (int i = query; i < query + count; i++) {
                if (seesSomething(sequence, i)) {
                    tile(pass, task, i, 1);
                } else {
                    mean(pass, task, i);
                }
            }
            return;
        }
        tile(pass, task, query, count);
    }

    private void tile(EncoderPass pass, Task task, int query, int count) {
        int first = Math.max(0, query - half);
        int last = Math.min(task.sequence().length(), query + count + half);
        attend(pass, task, query, count, task.sequence().seen(), first, last, (i, scores, at, from, to) -> {
            for (int p = from; p < to; p++) {
                if (Math.abs(p - query - i) > half) {
                    scores[at + p] = Float.NEGATIVE_INFINITY;
                }
            }
        });
    }

    private boolean seesSomething(Sequence sequence, int query) {
        if (sequence.seen() == null) {
            return true;
        }
        for (int p = Math.max(0, query - half); p < Math.min(sequence.length(), query + half + 1); p++) {
            if (sequence.seen()[p]) {
                return true;
            }
        }
        return false;
    }

    private void mean(EncoderPass pass, Task task, int query) {
        Sequence sequence = task.sequence();
        int out = (sequence.from() + query) * width + task.head() * headDim;
        for (int d = 0; d < headDim; d++) {
            double sum = 0;
            for (int p = 0; p < sequence.length(); p++) {
                sum += pass.qkv[2][(sequence.from() + p) * width + task.head() * headDim + d];
            }
            pass.attended[out + d] = (float) (sum / sequence.length());
        }
    }

    /** Some neighbouring queries of a task. @param seen of each position, whether they may see it; null for all */
    final void attend(EncoderPass pass, Task task, int query, int count, boolean[] seen, int first, int last, Scores change) {
        Sequence sequence = task.sequence();
        int at = (sequence.from() + query) * width + task.head() * headDim;
        FullAttention.attend(pass.qkv[0], at, width, count, pass.keys, keysOf(sequence, task.head()), pass.qkv[2], sequence.from() * width + task.head() * headDim,
                seen, sequence.length(), first, last, headDim, scale, change, pass.scores(sequence.length()), pass.attended, at);
    }
}
