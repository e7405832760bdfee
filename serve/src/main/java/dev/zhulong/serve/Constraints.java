package dev.zhulong.serve;

import dev.zhulong.infer.constrain.Constraint;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.Function;

/**
 * The constraints of schemas that requests ask for: compiled once, kept while there is memory for them, let go in the order in which they were not used. What is in
 * use counts as well: where that alone fills the memory, more is refused.
 */
final class Constraints {
    /** Of an entry with its key, besides the key's characters. */
    private static final int ENTRY = 300;

    /** A constraint while someone uses it. */
    final class Lease implements AutoCloseable {
        private final Entry entry;
        private boolean closed;

        private Lease(Entry entry) {
            this.entry = entry;
        }

        Constraint constraint() {
            return entry.constraint;
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                release(entry);
            }
        }
    }

    private static final class Entry {
        private final Constraint constraint;
        private final long keyBytes;
        private int users;
        /** As counted last: a constraint grows while it is used. */
        private long bytes;

        Entry(String schema, Constraint constraint) {
            this.constraint = constraint;
            keyBytes = ENTRY + (long) Character.BYTES * schema.length();
        }
    }

    private final Function<String, Constraint> compiler;
    private final long most;
    private final Semaphore turns;
    /** Those unused longest first. */
    private final Map<String, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
    private long bytes;

    /**
     * @param most  bytes of memory
     * @param turns how many are compiled at once, which takes memory too
     */
    Constraints(Function<String, Constraint> compiler, long most, int turns) {
        this.compiler = compiler;
        this.most = most;
        this.turns = new Semaphore(turns);
    }

    /** What leaves room on this process's heap for all else. */
    static Constraints onThisHeap(Function<String, Constraint> compiler) {
        long heap = Runtime.getRuntime().maxMemory();
        return new Constraints(compiler, heap / 8, Math.clamp(heap >> 30, 1, Runtime.getRuntime().availableProcessors()));
    }

    /**
     * The constraint of a schema, until the lease is closed.
     *
     * @throws IllegalArgumentException where the schema cannot be enforced
     * @throws ApiException             where those in use leave no memory for it, or the caller waits no longer
     */
    Lease take(String schema, Caller caller) {
        Lease known = known(schema);
        if (known != null) {
            return known;
        }
        caller.acquire(turns);
        try {
            known = known(schema);
            return known == null ? add(schema, compiler.apply(schema)) : known;
        } finally {
            turns.release();
        }
    }

    private synchronized Lease known(String schema) {
        Entry entry = entries.get(schema);
        if (entry == null) {
            return null;
        }
        entry.users++;
        return new Lease(entry);
    }

    private synchronized Lease add(String schema, Constraint constraint) {
        Lease known = known(schema);
        if (known != null) {
            // another turn was sooner
            return known;
        }
        var entry = new Entry(schema, constraint);
        entry.users = 1;
        entries.put(schema, entry);
        count(entry);
        if (!trim()) {
            entries.remove(schema);
            bytes -= entry.bytes;
            throw ApiException.later(503, "server_error", "out_of_memory", 5, "the schemas of the requests in progress fill the " + (most >> 20)
                    + " MB reserved for them: try again later, or send fewer different schemas at once");
        }
        return new Lease(entry);
    }

    private synchronized void release(Entry entry) {
        entry.users--;
        count(entry);
        trim();
    }

    private void count(Entry entry) {
        long now = entry.keyBytes + entry.constraint.bytes();
        bytes += now - entry.bytes;
        entry.bytes = now;
    }

    /** Lets go what nobody uses until all fits; false where it does not. */
    private boolean trim() {
        for (Iterator<Entry> each = entries.values().iterator(); bytes > most && each.hasNext();) {
            Entry entry = each.next();
            if (entry.users == 0) {
                each.remove();
                bytes -= entry.bytes;
            }
        }
        return bytes <= most;
    }

    /** Bytes of memory that are taken. */
    synchronized long bytes() {
        return bytes;
    }
}
