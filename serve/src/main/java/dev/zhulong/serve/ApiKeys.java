package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.OwnerOnly;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Keys of those who may call, from a file that holds their SHA-256 alone: {@code {"keys": [{"name", "sha256", "requests_per_minute",
 * "tokens_per_minute"}]}}. A key is 32 random bytes, so that its plain hash can neither be guessed nor looked up.
 */
public final class ApiKeys {
    private static final String PREFIX = "zl-";
    private static final int BYTES = 32;

    private final Map<String, KeyHolder> byHash = new LinkedHashMap<>();

    private ApiKeys() {}

    /**
     * Reads the file.
     *
     * @throws IllegalArgumentException where it is malformed; says where
     */
    public static ApiKeys read(Path file) {
        var keys = new ApiKeys();
        Set<String> names = new HashSet<>();
        try {
            Fields root = Fields.of(Json.body(bytes(file)));
            for (JsonNode node : root.list("keys", Integer.MAX_VALUE)) {
                Fields entry = Fields.of(node, "keys[" + keys.byHash.size() + "]");
                String hash = entry.required("sha256");
                if (!hash.matches("[0-9a-f]{64}")) {
                    throw entry.wrong("sha256", "must have 64 hexadecimal digits");
                }
                String name = entry.required("name");
                if (!names.add(name)) {
                    throw entry.wrong("name", "occurs twice: " + Json.shortened(name) + "; remove one of the entries, because they would share a tenant and its limits");
                }
                var holder = new KeyHolder(name, entry.integer("requests_per_minute", 1, Integer.MAX_VALUE, null),
                        entry.integer("tokens_per_minute", 1, Integer.MAX_VALUE, null));
                if (keys.byHash.put(hash, holder) != null) {
                    throw entry.wrong("sha256", "occurs twice");
                }
            }
        } catch (ApiException e) {
            throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
        }
        return keys;
    }

    /**
     * Makes a key, and keeps its hash in the file, which need not be there yet. Whoever else makes one at the same time waits.
     *
     * @param requests a minute; null for no limit
     * @param tokens   a minute, of prompts and answers; null for no limit
     * @return the key, which nobody can tell again
     * @throws IllegalArgumentException where the file is malformed, or has a key of that name
     */
    public static synchronized String add(Path file, String name, Integer requests, Integer tokens) {
        // the file itself is replaced, and a lock on it with it; the lock's own file stays, as another process may hold it
        Path lock = file.resolveSibling("." + file.getFileName() + ".lock");
        try (var channel = FileChannel.open(lock, Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE), OwnerOnly.file(file)); var held = channel.lock()) {
            return addAlone(file, name, requests, tokens);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be written: " + e.getMessage(), e);
        }
    }

    private static String addAlone(Path file, String name, Integer requests, Integer tokens) {
        ObjectNode root = Json.object();
        if (Files.exists(file)) {
            read(file);
            root = Json.body(bytes(file));
        }
        ArrayNode all = root.withArray("keys");
        for (JsonNode entry : all) {
            if (entry.path("name").asText().equals(name)) {
                throw new IllegalArgumentException(file + " has a key called " + name + " already: remove its entry first");
            }
        }
        byte[] random = new byte[BYTES];
        new SecureRandom().nextBytes(random);
        String key = PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(random);
        ObjectNode entry = all.addObject().put("name", name).put("sha256", hash(key));
        if (requests != null) {
            entry.put("requests_per_minute", requests);
        }
        if (tokens != null) {
            entry.put("tokens_per_minute", tokens);
        }
        AtomicFile.writeString(file, root.toPrettyString() + "\n", OwnerOnly.file(file));
        return key;
    }

    private static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (AccessDeniedException e) {
            throw new UncheckedIOException(file + ": this user may not read it: run as its owner, or change the owner (chown)", e);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static String hash(String key) {
        return HexFormat.of().formatHex(sha256(key));
    }

    static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Whose key stands in an {@code Authorization} header.
     *
     * @param header null where there is none
     * @throws ApiException where it is nobody's
     */
    KeyHolder holder(String header) {
        if (header == null || !header.regionMatches(true, 0, "Bearer ", 0, 7)) {
            throw ApiException.of(401, "invalid_request_error", "missing_api_key", "this server requires an API key: Authorization: Bearer KEY");
        }
        KeyHolder holder = byHash.get(hash(header.substring(7).strip()));
        if (holder == null) {
            throw ApiException.of(401, "invalid_request_error", "invalid_api_key", "the API key is unknown");
        }
        return holder;
    }
}
