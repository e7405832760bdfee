package dev.zhulong.guard;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.OwnerOnly;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Set;
import java.util.function.Supplier;

/**
 * A line of JSON about every decision: when, for whom, which rule did what to which place. Of the text it keeps the SHA-256 of what had come when it was
 * decided, so that who has the text can show that this is it, and nobody else learns it.
 */
public final class AuditLog implements AutoCloseable {
    /** Keeps nothing. */
    public static final AuditLog NONE = new AuditLog(null);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Writer out;

    private AuditLog(Writer out) {
        this.out = out;
    }

    /** To a writer. */
    public static AuditLog to(Writer out) {
        return new AuditLog(out);
    }

    /** To a file, behind what it holds; one that is not there is made for its owner alone. */
    public static AuditLog to(Path file) {
        try {
            var channel = Files.newByteChannel(file, Set.of(StandardOpenOption.CREATE, StandardOpenOption.APPEND), OwnerOnly.file(file));
            return new AuditLog(new BufferedWriter(Channels.newWriter(channel, StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be written: " + e.getMessage(), e);
        }
    }

    /** @throws UncheckedIOException where it cannot be kept: then what was decided on is not told either */
    synchronized void decided(Decision decision, Context context, String policy, Supplier<String> hash) {
        if (out == null) {
            return;
        }
        ObjectNode line = JSON.createObjectNode().put("time", Instant.now().toString()).put("request", context.getRequest()).put("tenant", context.getTenant());
        line.put("text", context.isOutput() ? "output" : "input").put("rule", decision.rule()).put("action", decision.action().label());
        line.put("begin", decision.begin()).put("end", decision.end()).put("sha256", hash.get()).put("policy", policy);
        try {
            out.write(line + "\n");
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException("the audit log cannot be written: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        if (out != null) {
            try {
                out.close();
            } catch (IOException e) {
                throw new UncheckedIOException("the audit log cannot be written: " + e.getMessage(), e);
            }
        }
    }
}
