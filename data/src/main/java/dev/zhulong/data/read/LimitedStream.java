package dev.zhulong.data.read;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.function.LongSupplier;

/** A decompressed stream that refuses to grow out of all proportion to what it was compressed to. */
final class LimitedStream extends FilterInputStream {
    private static final long ALWAYS_ALLOWED = 64L << 20;

    private final LongSupplier compressed;
    private final int maxRatio;
    private long count;

    LimitedStream(InputStream in, LongSupplier compressed, int maxRatio) {
        super(in);
        this.compressed = compressed;
        this.maxRatio = maxRatio;
    }

    /** Thrown for what looks like a decompression bomb. */
    static final class BombException extends IOException {
        BombException(int maxRatio) {
            super("grows over " + maxRatio + " times when unpacked");
        }
    }

    @Override
    public int read() throws IOException {
        int b = in.read();
        if (b >= 0) {
            check(1);
        }
        return b;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        int n = in.read(buffer, offset, length);
        if (n > 0) {
            check(n);
        }
        return n;
    }

    @Override
    public long skip(long n) throws IOException {
        long skipped = in.skip(n);
        check(skipped);
        return skipped;
    }

    @Override
    public boolean markSupported() {
        return false;
    }

    private void check(long n) throws IOException {
        count += n;
        if (count > ALWAYS_ALLOWED && count / maxRatio > compressed.getAsLong()) {
            throw new BombException(maxRatio);
        }
    }
}
