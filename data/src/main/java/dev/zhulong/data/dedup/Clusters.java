package dev.zhulong.data.dedup;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongPredicate;
import java.util.stream.IntStream;

/**
 * Clusters of equal and nearly equal documents over a whole corpus: documents are added, then joined with union-find. Memory is
 * about {@code 9 * bands * rows / 8 + 68} bytes a document whatever its length (some 270 bytes with the default).
 *
 * <p>Within one bucket of one band a document is compared with those that represent what the bucket holds, up to 32; where it is like none it becomes
 * one of them. A bucket's documents come in the order of their contents' hashes and are compared without regard to other buckets: which are joined depends
 * neither on the order in which they were added nor on which bucket is looked at first.
 */
public final class Clusters {
    private static final int CHUNK = 1 << 12;
    private static final int MAX_REPRESENTATIVES = 32;

    /** How much is joined. */
    public enum Kind { NONE, EXACT, NEAR }

    private final Kind kind;
    private final MinHash minHash;
    private final int hashes;
    private final List<long[]> exact = new ArrayList<>();
    private final List<long[]> keys = new ArrayList<>();
    private final List<byte[]> minima = new ArrayList<>();
    private int[] lengths = new int[CHUNK];
    private int size;
    private int[] parent;
    private int[] originals;

    public Clusters(Kind kind, MinHash minHash) {
        this.kind = kind;
        this.minHash = minHash;
        this.hashes = minHash.bands() * minHash.rows();
    }

    /** Adds the next document. */
    public void add(MinHash.Signature signature) {
        int at = size % CHUNK;
        if (at == 0) {
            exact.add(new long[2 * CHUNK]);
            if (kind == Kind.NEAR) {
                keys.add(new long[minHash.bands() * CHUNK]);
                minima.add(new byte[hashes * CHUNK]);
            }
        }
        if (size == lengths.length) {
            lengths = Arrays.copyOf(lengths, size + (size >> 1));
        }
        exact.getLast()[2 * at] = signature.exactHigh();
        exact.getLast()[2 * at + 1] = signature.exactLow();
        boolean words = signature.bands().length > 0;
        lengths[size] = words ? signature.length() : ~signature.length();
        if (kind == Kind.NEAR && words) {
            System.arraycopy(signature.bands(), 0, keys.getLast(), at * minHash.bands(), minHash.bands());
            System.arraycopy(signature.minima(), 0, minima.getLast(), at * hashes, hashes);
        }
        size++;
    }

    /** Documents added. */
    public int size() {
        return size;
    }

    /** Joins what belongs together; call once, after the last {@link #add}. */
    public void join() {
        join(_ -> true);
    }

    /**
     * The same of near-duplicates that meet in some of the buckets only. Buckets are apart from one another: what is joined in all of them, one after the
     * other or each in a process of its own, with at least the documents of its bucket, is what {@link #join()} joins.
     *
     * @param buckets whether the bucket of a band's key counts
     */
    public void join(LongPredicate buckets) {
        parent = new int[size];
        Arrays.setAll(parent, i -> i);
        originals = parent.clone();
        if (kind == Kind.NONE) {
            return;
        }
        joinExact();
        if (kind == Kind.NEAR) {
            int[] compared = compared();
            for (int band = 0; band < minHash.bands(); band++) {
                joinBand(band, compared, buckets);
            }
        }
    }

    /** Joins two documents that were found to be alike elsewhere; after {@link #join()}. */
    public void join(int a, int b) {
        union(a, b);
    }

    /**
     * The documents to compare, in the order of their contents' hashes. An exact copy can only meet what its original meets; text without words is
     * compared exactly or not at all.
     */
    private int[] compared() {
        return IntStream.range(0, size).filter(document -> lengths[document] >= 0 && originals[document] == document).boxed()
                .sorted(Comparator.comparingLong(this::contentHash).thenComparingLong(this::restOfHash)).mapToInt(Integer::intValue).toArray();
    }

    private long restOfHash(int document) {
        return exact.get(document / CHUNK)[2 * (document % CHUNK) + 1];
    }

    /** Smallest document of the cluster {@code document} belongs to: equal for two documents exactly when they are in one cluster. */
    public int cluster(int document) {
        int root = document;
        while (parent[root] != root) {
            parent[root] = parent[parent[root]];
            root = parent[root];
        }
        return root;
    }

    /** Hash of the document's text with case folded and white space run together; the same in every run. */
    public long contentHash(int document) {
        return exact.get(document / CHUNK)[2 * (document % CHUNK)];
    }

    /** Whether two documents have the same text but for case and white space. */
    public boolean sameText(int a, int b) {
        return contentHash(a) == contentHash(b) && restOfHash(a) == restOfHash(b);
    }

    /** The first document with this document's text, itself when there is none before; known only when duplicates are looked for. */
    public int original(int document) {
        return originals[document];
    }

    /** Characters of the document. */
    public int length(int document) {
        return lengths[document] < 0 ? ~lengths[document] : lengths[document];
    }

    /** Estimated Jaccard similarity of two documents' shingles; only when near-duplicates are looked for. */
    public double similarity(int a, int b) {
        return MinHash.similarity(minima.get(a / CHUNK), a % CHUNK * hashes, minima.get(b / CHUNK), b % CHUNK * hashes, hashes);
    }

    private void joinExact() {
        var heads = new int[tableSize()];
        for (int document = 0; document < size; document++) {
            int slot = slot(contentHash(document), heads.length);
            while (heads[slot] != 0 && !sameText(heads[slot] - 1, document)) {
                slot = slot + 1 & heads.length - 1;
            }
            if (heads[slot] == 0) {
                heads[slot] = document + 1;
            } else {
                originals[document] = heads[slot] - 1;
                union(heads[slot] - 1, document);
            }
        }
    }

    private void joinBand(int band, int[] compared, LongPredicate buckets) {
        var heads = new int[tableSize()]; // first document of a bucket, plus one
        var next = new int[size];         // further representatives of the bucket, plus one
        for (int document : compared) {
            long key = key(document, band);
            if (!buckets.test(key)) {
                continue;
            }
            int slot = slot(key, heads.length);
            while (heads[slot] != 0 && key(heads[slot] - 1, band) != key) {
                slot = slot + 1 & heads.length - 1;
            }
            if (heads[slot] == 0) {
                heads[slot] = document + 1;
                continue;
            }
            boolean joined = false;
            int last = heads[slot];
            int seen = 0;
            for (int other = heads[slot]; other != 0 && seen < MAX_REPRESENTATIVES; other = next[other - 1], seen++) {
                last = other;
                if (similarity(other - 1, document) >= minHash.threshold()) {
                    union(other - 1, document);
                    joined = true;
                }
            }
            if (!joined && seen < MAX_REPRESENTATIVES) {
                next[last - 1] = document + 1;
            }
        }
    }

    private long key(int document, int band) {
        return keys.get(document / CHUNK)[document % CHUNK * minHash.bands() + band];
    }

    private int tableSize() {
        return Integer.highestOneBit(Math.max(8, size)) << 2;
    }

    private static int slot(long hash, int tableSize) {
        return (int) Hash64.mix(hash) & tableSize - 1;
    }

    /** The smaller root wins, so that a cluster's name does not depend on the order of unions. */
    private void union(int a, int b) {
        int rootA = cluster(a);
        int rootB = cluster(b);
        if (rootA < rootB) {
            parent[rootB] = rootA;
        } else {
            parent[rootA] = rootB;
        }
    }
}
