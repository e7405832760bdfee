package dev.zhulong.formats;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/**
 * SHA-256 of content: equal for the same bytes wherever and whenever they were written.
 *
 * @param sha256 64 hexadecimal digits in lower case
 */
public record ContentHash(String sha256) {
    private static final int SAMPLE_HEAD = 1 << 20;
    private static final int SAMPLE = 1 << 12;
    private static final int SAMPLES = 256;

    public ContentHash {
        if (!sha256.matches("[0-9a-f]{64}")) {
            throw new IllegalArgumentException("expected 64 hexadecimal digits in lower case, found " + FormatException.quote(sha256));
        }
    }

    /** Of a file or a directory, whichever {@code path} is. */
    public static ContentHash of(Path path) {
        return Files.isDirectory(path) ? ofDirectory(path) : ofFile(path);
    }

    /**
     * Of a file's bytes, streamed; what {@code sha256sum} prints.
     *
     * @throws UncheckedIOException when it cannot be read
     */
    public static ContentHash ofFile(Path file) {
        MessageDigest digest = sha256Digest();
        byte[] buffer = new byte[1 << 20];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot hash " + file + ": " + AtomicFile.describe(e), e);
        }
        return of(digest);
    }

    /**
     * Of a directory's regular files, links followed: SHA-256 of the lines {@code <sha256 of content>  <name>\n}, in UTF-8, sorted by
     * name; names are relative with {@code /}. Left out are the provenance ({@code zhulong.json}) directly in it, which tells of the
     * content and is not it, and temporary files of {@link AtomicFile}. Empty directories do not count.
     *
     * @throws UncheckedIOException when something cannot be read or links go round
     */
    public static ContentHash ofDirectory(Path directory) {
        Map<String, Path> files = new TreeMap<>();
        try (var walk = Files.walk(directory, FileVisitOption.FOLLOW_LINKS)) {
            walk.filter(Files::isRegularFile).filter(file -> !AtomicFile.isLeftover(file))
                    .forEach(file -> files.put(relativeName(directory, file), file));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot hash " + directory + ": " + AtomicFile.describe(e), e);
        }
        files.remove(Provenance.FILE);
        MessageDigest digest = sha256Digest();
        files.forEach((name, file) ->
                digest.update((ofFile(file).sha256 + "  " + name + "\n").getBytes(StandardCharsets.UTF_8)));
        return of(digest);
    }

    /** Of bytes at hand. */
    public static ContentHash ofBytes(byte[] bytes) {
        MessageDigest digest = sha256Digest();
        digest.update(bytes);
        return of(digest);
    }

    /**
     * Of a file's size, the time of its last change and samples of its bytes, the first and the last among them: read in a moment however large
     * the file. Enough to tell one file from another where a mistake costs no more than work done anew; a copy has another time.
     *
     * @throws UncheckedIOException when it cannot be read
     */
    public static ContentHash ofSamples(Path file) {
        MessageDigest digest = sha256Digest();
        try (FileChannel channel = FileChannel.open(file)) {
            long size = channel.size();
            digest.update((size + " bytes, changed " + Files.getLastModifiedTime(file).toInstant()).getBytes(StandardCharsets.UTF_8));
            sample(channel, 0, SAMPLE_HEAD, digest);
            for (int i = 1; i <= SAMPLES && size > SAMPLE_HEAD; i++) {
                sample(channel, size * i / SAMPLES - SAMPLE, SAMPLE, digest);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + AtomicFile.describe(e), e);
        }
        return of(digest);
    }

    private static void sample(FileChannel channel, long from, int bytes, MessageDigest digest) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes);
        while (buffer.hasRemaining() && channel.read(buffer, from + buffer.position()) > 0) { }
        digest.update(buffer.flip());
    }

    private static String relativeName(Path directory, Path file) {
        return directory.relativize(file).toString().replace(file.getFileSystem().getSeparator(), "/");
    }

    private static ContentHash of(MessageDigest digest) {
        return new ContentHash(HexFormat.of().formatHex(digest.digest()));
    }

    private static MessageDigest sha256Digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    @Override
    public String toString() {
        return sha256;
    }
}
