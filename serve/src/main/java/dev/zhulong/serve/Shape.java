package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.serve.TokenTexts.TokenText;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;

/** How answers are told: one of OpenAI's two forms of them. */
abstract sealed class Shape permits ChatShape, TextShape {
    private static final SecureRandom RANDOM = new SecureRandom();
    /** What OpenAI's API tells for a token that cannot be. */
    private static final double IMPOSSIBLE = -9999;

    private final String id;
    private final long created = Instant.now().getEpochSecond();
    private final String fingerprint;
    private Request asked;

    Shape(String prefix, String fingerprint) {
        id = newId(prefix);
        this.fingerprint = fingerprint;
    }

    /** What is asked for is known. */
    void begin(Request asked) {
        this.asked = asked;
    }

    final Request asked() {
        return asked;
    }

    /** The prefix and what nobody guesses. */
    static String newId(String prefix) {
        byte[] bytes = new byte[12];
        RANDOM.nextBytes(bytes);
        return prefix + HexFormat.of().formatHex(bytes);
    }

    String id() {
        return id;
    }

    /** Events of a stream that tell {@code delta}; {@code begins} where it is its choice's first. */
    abstract List<ObjectNode> chunks(Delta delta, boolean begins);

    /** A whole answer, of all choices in their order. */
    abstract ObjectNode whole(List<Delta> choices, Usage usage);

    /** The last event of a stream that is to tell what it took. */
    abstract ObjectNode last(Usage usage);

    /** What all answers begin with. */
    final ObjectNode frame(String object) {
        ObjectNode tree = Json.object().put("id", id).put("object", object).put("created", created).put("model", asked.model().name());
        return tree.put("system_fingerprint", fingerprint).put("precision", asked.lane().precision().label());
    }

    /** A token, as chats tell it. */
    static ObjectNode token(TokenText token) {
        ObjectNode tree = Json.object().put("token", token.text()).put("logprob", logProb(token));
        var bytes = tree.putArray("bytes");
        for (byte each : token.bytes()) {
            bytes.add(each & 0xff);
        }
        return tree;
    }

    static double logProb(TokenText token) {
        return Math.max(token.logProb(), IMPOSSIBLE);
    }
}
