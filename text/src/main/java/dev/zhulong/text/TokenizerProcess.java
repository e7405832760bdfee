package dev.zhulong.text;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/**
 * The tokenizers library in a process of its own, for what could end this one ({@link LibrarySafety}). Texts go in and ids come out over its
 * standard streams: how many numbers are wanted of each token (1: its id; 4: also its span and its word), a length and UTF-8, answered by {@value #DONE}, a
 * count and that many numbers, or by {@value #REFUSED} and a message. Not safe for several threads.
 */
final class TokenizerProcess implements AutoCloseable {
    private static final int DONE = 0;
    private static final int REFUSED = 1;
    /** A text that takes longer, and a second more for each hundred thousand bytes, will not be done. */
    private static final long SECONDS = 60;

    private final String name;
    private final Process process;
    private final DataInputStream in;
    private final DataOutputStream out;
    private volatile boolean closed;

    private TokenizerProcess(String name, Process process) {
        this.name = name;
        this.process = process;
        in = new DataInputStream(new BufferedInputStream(process.getInputStream()));
        out = new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), 1 << 16));
    }

    /**
     * Starts one.
     *
     * @param json a whole {@code tokenizer.json}; {@code name} is what errors call it
     * @throws EncodingException where the library refuses the tokenizer or crashes on it
     */
    static TokenizerProcess start(byte[] json, String name) {
        try {
            var child = new TokenizerProcess(name, new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+SuppressFatalErrorMessage", "-XX:-CreateCoredumpOnCrash", "--enable-native-access=ALL-UNNAMED",
                    "-cp", System.getProperty("java.class.path"), TokenizerProcess.class.getName()).start());
            child.ask(json, 1, "the tokenizer");
            return child;
        } catch (IOException e) {
            throw new UncheckedIOException(name + ": its tokenizer needs a separate process, which does not start: " + e.getMessage(), e);
        }
    }

    /**
     * Ids of a text.
     *
     * @throws EncodingException where the library fails on it; this process may then be dead ({@link #isAlive})
     */
    int[] encode(String text) {
        return ask(text.getBytes(StandardCharsets.UTF_8), 1, "a text of " + text.length() + " characters");
    }

    /** The same with spans in code points and words. */
    TextPieces pieces(String text) {
        int[] all = ask(text.getBytes(StandardCharsets.UTF_8), 4, "a text of " + text.length() + " characters");
        int n = all.length / 4;
        return new TextPieces(Arrays.copyOf(all, n), Arrays.copyOfRange(all, n, 2 * n), Arrays.copyOfRange(all, 2 * n, 3 * n),
                Arrays.copyOfRange(all, 3 * n, 4 * n));
    }

    boolean isAlive() {
        // one that has been given up may take a moment to be gone
        return !closed && process.isAlive();
    }

    private int[] ask(byte[] bytes, int each, String what) {
        var answer = CompletableFuture.supplyAsync(() -> exchange(bytes, each, what), task -> Thread.ofVirtual().start(task));
        try {
            return answer.get(SECONDS + bytes.length / 100_000, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            close();
            throw new EncodingException(name, "the tokenizers library did not finish " + what + "; simplify the expressions in its pre_tokenizer and"
                    + " normalizer, which may backtrack without bounds", e);
        } catch (InterruptedException e) {
            close();
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while " + name + " encodes", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof EncodingException refused) {
                throw refused;
            }
            closed = true;
            String reason = lastWords();
            close();
            throw new EncodingException(name, "the tokenizers library crashed on " + what + reason + "; correct its pre_tokenizer or normalizer, or split the text",
                    e.getCause());
        }
    }

    private int[] exchange(byte[] bytes, int each, String what) {
        try {
            out.writeByte(each);
            out.writeInt(bytes.length);
            out.write(bytes);
            out.flush();
            int kind = in.readByte();
            if (kind == REFUSED) {
                throw new EncodingException(name, "the tokenizers library refuses " + what + ": " + in.readUTF(), null);
            }
            if (kind != DONE) {
                throw new IOException("no answer begins with " + kind);
            }
            int[] ids = new int[in.readInt()];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = in.readInt();
            }
            return ids;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the panic said: the line behind the one that names its place. */
    private String lastWords() {
        if (process.onExit().completeOnTimeout(null, 5, TimeUnit.SECONDS).join() == null) {
            return "";
        }
        try (InputStream errors = process.getErrorStream()) {
            List<String> lines = new String(errors.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
            for (int i = 0; i + 1 < lines.size(); i++) {
                if (lines.get(i).contains("panicked at")) {
                    return ": " + lines.get(i + 1).strip();
                }
            }
        } catch (IOException e) {
            // nothing more is known
        }
        return "";
    }

    @Override
    public void close() {
        closed = true;
        process.destroyForcibly();
    }

    /** The process: a tokenizer, then texts, until the streams end. */
    public static void main(String[] args) throws IOException {
        var in = new DataInputStream(new BufferedInputStream(System.in));
        var out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
        // nothing but answers may come on that stream
        System.setOut(System.err);
        NativeTokenizer.Handle library = null;
        while (true) {
            byte[] bytes;
            boolean spans;
            try {
                spans = in.readByte() == 4;
                bytes = in.readNBytes(in.readInt());
            } catch (IOException e) {
                return;
            }
            try {
                int[] ids = new int[0];
                if (library == null) {
                    library = NativeTokenizer.Handle.open(bytes);
                } else if (spans) {
                    TextPieces pieces = library.pieces(new String(bytes, StandardCharsets.UTF_8));
                    ids = Stream.of(pieces.ids(), pieces.from(), pieces.to(), pieces.words()).flatMapToInt(Arrays::stream).toArray();
                } else {
                    ids = library.encode(new String(bytes, StandardCharsets.UTF_8));
                }
                out.writeByte(DONE);
                out.writeInt(ids.length);
                for (int id : ids) {
                    out.writeInt(id);
                }
            } catch (RuntimeException e) {
                out.writeByte(REFUSED);
                out.writeUTF(NativeTokenizer.oneLine(e));
            }
            out.flush();
        }
    }
}
