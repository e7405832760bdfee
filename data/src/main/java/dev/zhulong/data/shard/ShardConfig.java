package dev.zhulong.data.shard;

import dev.zhulong.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * How documents become shards.
 *
 * @param tokenizerHash  hash of everything that decides how the tokenizer cuts text: {@code tokenizer.json}'s content, or {@link #hash}
 * @param contentHash    hash of the documents, {@code DocumentStore.contentHash()}
 * @param endOfSequence  whether each document ends with EOS; the tokenizer must then have one
 * @param tokensPerShard a file is closed when it holds so many
 */
public record ShardConfig(String tokenizerHash, String contentHash, boolean endOfSequence, long tokensPerShard) {
    /** Changes whenever the same tokenizer and documents would give other shards. */
    private static final String CODE = "zhulong-shards-1";

    public ShardConfig {
        if (tokensPerShard < 1) {
            throw new IllegalArgumentException("tokensPerShard must be at least 1, found " + tokensPerShard);
        }
    }

    /** EOS after each document, 256 Mi tokens a file. */
    public static ShardConfig of(String tokenizerHash, String contentHash) {
        return new ShardConfig(tokenizerHash, contentHash, true, 1L << 28);
    }

    /** The same without EOS, for tokenizers that have none. */
    public ShardConfig withoutEndOfSequence() {
        return new ShardConfig(tokenizerHash, contentHash, false, tokensPerShard);
    }

    /**
     * Names the shards this configuration makes with {@code tokenizer}, 16 hexadecimal digits: shards with another key are stale. Show it to
     * the user.
     */
    public String key(Tokenizer tokenizer) {
        MessageDigest digest = sha256();
        put(digest, CODE);
        put(digest, tokenizerHash);
        put(digest, contentHash);
        put(digest, endOfSequence + " " + tokenizer.addsBos() + " " + tokenizer.bos() + " " + tokenizer.eos() + " " + tokenizer.vocabSize());
        return HexFormat.of().formatHex(digest.digest(), 0, 8);
    }

    /**
     * Hash of a tokenizer by what it does, for one that has no file: every token's bytes, the control tokens, and the ids of a probe text.
     * Where there is a {@code tokenizer.json}, hash that instead.
     */
    public static String hash(Tokenizer tokenizer) {
        MessageDigest digest = sha256();
        for (int id = 0; id < tokenizer.vocabSize(); id++) {
            digest.update((byte) (tokenizer.isControl(id) ? 1 : 0));
            byte[] bytes = tokenizer.bytes(id);
            put(digest, Integer.toString(bytes.length));
            digest.update(bytes);
        }
        String probe = "The quick brown fox, 12345.678\n\tif (x != null) { return y; }  It's   caf\u00e9 \u4e2d\u6587\u6587\u672c \ud83d\ude00";
        for (int id : tokenizer.encode(probe)) {
            put(digest, Integer.toString(id));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static void put(MessageDigest digest, String value) {
        digest.update(value.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }
}
