package dev.zhulong.infer;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.OwnerOnly;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** Ids with their keys and values in a file; {@code docs/session-files.md} has the format. */
final class CacheFile {
    /** {@code ZHLNG-KV} as it stands in the file. */
    private static final long MAGIC = 0x564b2d474e4c485aL;
    private static final int VERSION = 1;
    private static final int HEADER = 28;
    static final int LONGEST_IDENTITY = 1 << 16;

    /**
     * What a file gave.
     *
     * @param ids     whose keys and values are in the cache; none where there is a problem
     * @param problem why nothing could be taken from the file
     */
    record Content(int[] ids, Optional<String> problem) {
        private static Content not(String why) {
            return new Content(new int[0], Optional.of(why));
        }
    }

    private CacheFile() {}

    static void write(Path file, String model, int[] ids, StorableCache cache) {
        byte[] identity = identity(model, cache);
        if (identity.length > LONGEST_IDENTITY) {
            throw new IllegalArgumentException("the model's identity is longer than " + LONGEST_IDENTITY + " bytes");
        }
        ByteBuffer head = SummedChannel.little(HEADER + identity.length + Integer.BYTES * ids.length);
        head.putLong(MAGIC).putInt(VERSION).putInt(identity.length).putInt(ids.length).putLong(cache.bytes(ids.length)).put(identity);
        head.asIntBuffer().put(ids);
        AtomicFile.write(file, channel -> {
            var sums = new SummedChannel(channel);
            sums.write(head.rewind());
            cache.save(sums);
            ByteBuffer sum = SummedChannel.little(Integer.BYTES).putInt(sums.sum()).flip();
            sums.write(sum);
        }, OwnerOnly.file(file));
    }

    /** Reads into {@code cache}, which is empty; where there is a problem, it may have been filled in part. */
    static Content read(Path file, String model, StorableCache cache) {
        try (FileChannel channel = FileChannel.open(file)) {
            var sums = new SummedChannel(channel);
            long size = channel.size();
            if (size < HEADER) {
                return Content.not(file.getFileName() + " is damaged");
            }
            ByteBuffer head = sums.next(HEADER);
            if (head.getLong() != MAGIC || head.getInt() != VERSION) {
                return Content.not(file.getFileName() + " is damaged or of another version");
            }
            int identityBytes = head.getInt();
            int tokens = head.getInt();
            long bytes = head.getLong();
            if (identityBytes < 0 || identityBytes > LONGEST_IDENTITY || tokens < 0 || bytes < 0
                    || size - HEADER - identityBytes - (long) Integer.BYTES * tokens - Integer.BYTES != bytes) {
                return Content.not(file.getFileName() + " is damaged");
            }
            byte[] identity = new byte[identityBytes];
            sums.next(identityBytes).get(identity);
            byte[] expected = identity(model, cache);
            if (!Arrays.equals(identity, expected)) {
                return Content.not(file.getFileName() + " is of another model, precision, engine or processor");
            }
            if (tokens > cache.capacity()) {
                return Content.not(file.getFileName() + " holds " + tokens + " tokens and the context is " + cache.capacity());
            }
            if (bytes != cache.bytes(tokens)) {
                return Content.not(file.getFileName() + " is damaged");
            }
            int[] ids = new int[tokens];
            sums.next(Integer.BYTES * tokens).asIntBuffer().get(ids);
            cache.load(tokens, sums);
            int sum = sums.sum();
            return sums.next(Integer.BYTES).getInt() == sum ? new Content(ids, Optional.empty()) : Content.not(file.getFileName() + " is damaged");
        } catch (IOException e) {
            return Content.not(file.getFileName() + " cannot be read: " + e.getMessage());
        } catch (IllegalStateException e) {
            return Content.not(e.getMessage()); // no memory for its pages
        }
    }

    /** What a file must be of to be used here. */
    static byte[] identity(String model, StorableCache cache) {
        return (model + "\n" + cache.layout()).getBytes(StandardCharsets.UTF_8);
    }
}
