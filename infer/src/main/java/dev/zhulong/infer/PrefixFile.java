package dev.zhulong.infer;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.OwnerOnly;
import dev.zhulong.infer.PrefixCache.Node;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Where what a {@link Scheduler} has read outlives it: read as it begins, written as it ends; {@code docs/session-files.md} has the format. A file that is
 * missing, damaged or of another model costs time and nothing else.
 *
 * @param file  made where there is none, for its owner alone
 * @param model what tells the model from every other, on one line
 * @param say   is told, in a line, why a file was not used or not written
 */
public record PrefixFile(Path file, String model, Consumer<String> say) {
    /** {@code ZHLNG-PX} as it stands in the file. */
    private static final long MAGIC = 0x58502d474e4c485aL;
    private static final int VERSION = 1;
    private static final int HEADER = 16;
    private static final int NODE = 12;
    private static final int LONGEST_SALT = 1 << 16;
    private static final int END = -2;

    void write(PrefixCache prefixes, StorableCache layout) {
        byte[] identity = CacheFile.identity(model, layout);
        try {
            AtomicFile.write(file, channel -> {
                var sums = new SummedChannel(channel);
                ByteBuffer head = SummedChannel.little(HEADER + identity.length).putLong(MAGIC).putInt(VERSION).putInt(identity.length).put(identity);
                sums.write(head.flip());
                prefixes.visit((above, salt, tokens, page) -> {
                    byte[] salted = salt == null ? new byte[0] : salt.getBytes(StandardCharsets.UTF_8);
                    ByteBuffer node = SummedChannel.little(NODE + salted.length + Integer.BYTES * tokens.remaining()).putInt(above).putInt(salted.length).putInt(tokens.remaining())
                            .put(salted);
                    while (tokens.hasRemaining()) {
                        node.putInt(tokens.get());
                    }
                    sums.write(node.flip());
                    page.save(sums);
                });
                sums.write(SummedChannel.little(Integer.BYTES).putInt(END).flip());
                ByteBuffer sum = SummedChannel.little(Integer.BYTES).putInt(sums.sum()).flip();
                sums.write(sum);
            }, OwnerOnly.file(file));
        } catch (UncheckedIOException e) {
            say.accept(e.getMessage());
        }
    }

    /**
     * Fills {@code prefixes}, which are empty.
     *
     * @param layout an empty cache of the model
     * @param room   asked for a page's memory
     */
    void read(PrefixCache prefixes, PagedKv layout, BooleanSupplier room) {
        if (!Files.exists(file)) {
            return;
        }
        String problem;
        try (FileChannel channel = FileChannel.open(file)) {
            problem = read(new SummedChannel(channel), prefixes, layout, room);
        } catch (IOException e) {
            problem = "cannot be read: " + e.getMessage();
        } catch (IllegalStateException e) {
            problem = "is not used: " + e.getMessage(); // no memory for its pages
        }
        if (problem != null) {
            prefixes.close();
            say.accept(file + " " + problem + ": prompts will be read again");
        }
    }

    /** Null where all is well. */
    private String read(SummedChannel from, PrefixCache prefixes, PagedKv layout, BooleanSupplier room) throws IOException {
        ByteBuffer head = from.next(HEADER);
        byte[] expected = CacheFile.identity(model, layout);
        if (head.getLong() != MAGIC || head.getInt() != VERSION) {
            return "is damaged or of another version";
        }
        int identityBytes = head.getInt();
        if (identityBytes < 0 || identityBytes > CacheFile.LONGEST_IDENTITY) {
            return "is damaged";
        }
        if (!Arrays.equals(from.next(identityBytes).array(), expected)) {
            return "is of another model, precision, engine or processor";
        }
        List<Node> nodes = new ArrayList<>();
        for (int above = from.next(Integer.BYTES).getInt(); above != END; above = from.next(Integer.BYTES).getInt()) {
            ByteBuffer node = from.next(NODE - Integer.BYTES);
            int saltBytes = node.getInt();
            int tokens = node.getInt();
            if (above < -1 || above >= nodes.size() || saltBytes < 0 || saltBytes > LONGEST_SALT || tokens < 1 || tokens > layout.pageTokens()) {
                return "is damaged";
            }
            String salt = StandardCharsets.UTF_8.decode(from.next(saltBytes)).toString();
            int[] ids = new int[tokens];
            from.next(Integer.BYTES * tokens).asIntBuffer().get(ids);
            Node parent = above < 0 ? null : nodes.get(above);
            if (above >= 0 && parent == null || !room.getAsBoolean()) {
                // what it follows had no room, nor has it
                from.next((int) layout.bytes(tokens));
                nodes.add(null);
            } else {
                nodes.add(prefixes.add(parent, salt, ids, layout.restore(from)));
            }
        }
        int sum = from.sum();
        return from.next(Integer.BYTES).getInt() == sum ? null : "is damaged";
    }
}
