package dev.zhulong.distribute;

import java.net.InetSocketAddress;
import java.time.Duration;
import javax.net.ssl.SSLContext;

/**
 * A rank's place among those that train together.
 *
 * @param rank       of this process, from 0
 * @param size       how many there are
 * @param generation how often the ranks were started again; those of another generation are refused
 * @param host       where the {@linkplain Rendezvous rendezvous} is
 * @param port       of it
 * @param bind       address of this machine that the other ranks connect to, and the only one that is listened on
 * @param key        that all ranks know; without it nobody is let in
 * @param timeout    after which a rank that answers nothing is taken for dead
 * @param advertised address and port that the other ranks connect to where that is not this machine's own, as behind a proxy or a container's forwarded port; null for what is
 *                   listened on
 * @param listens    port that is listened on; 0 for a free one
 * @param encryption of all connections, once the key is shown; null for none
 * @param staleness  versions that a gradient may be behind, where the first rank serves the others ({@link WorkServer}); null where all add up what they have
 */
public record Group(int rank, int size, int generation, String host, int port, String bind, byte[] key, Duration timeout, InetSocketAddress advertised, int listens,
        SSLContext encryption, Integer staleness) {
    /** Of ranks that reach one another directly, by whatever port is free. */
    public Group(int rank, int size, int generation, String host, int port, String bind, byte[] key, Duration timeout) {
        this(rank, size, generation, host, port, bind, key, timeout, null, 0, null);
    }

    /** Where all add up what they have. */
    public Group(int rank, int size, int generation, String host, int port, String bind, byte[] key, Duration timeout, InetSocketAddress advertised, int listens,
            SSLContext encryption) {
        this(rank, size, generation, host, port, bind, key, timeout, advertised, listens, encryption, null);
    }

    public Group {
        if (size < 1 || rank < 0 || rank >= size) {
            throw new IllegalArgumentException("rank " + rank + " of " + size + " ranks: a rank is at least 0 and less than their number");
        }
        if (key.length < 16) {
            throw new IllegalArgumentException("the ranks' key has " + key.length + " bytes: give at least 16");
        }
        if (staleness != null && (staleness < 0 || size < 2)) {
            throw new IllegalArgumentException("a parameter server needs a staleness of at least 0 and two ranks, of which the first serves the others, found " + staleness + " and " + size);
        }
        key = key.clone();
    }

    /** The same, of which the first serves the others; all add up what they have where {@code versions} is null. */
    public Group serving(Integer versions) {
        return new Group(rank, size, generation, host, port, bind, key, timeout, advertised, listens, encryption, versions);
    }
}
