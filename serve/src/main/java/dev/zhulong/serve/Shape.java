package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.serve.TokenTexts.TokenText;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;

/** How answers are told: one of the forms that clients know. */
abstract sealed class Shape permits ChatShape, MessagesShape, OllamaShape, ResponsesShape, TextShape {
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

    /** The prompt was read, and something is written. */
    void firstToken() {}

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

    /** How a stream tells its events apart. */
    EventStream.Style style() {
        return EventStream.Style.MARKED;
    }

    /** Events before those of any choice; {@code usage} is what is known of it then. */
    List<ObjectNode> opening(Usage usage) {
        return List.of();
    }

    /** Events after those of all choices, when all is told. */
    abstract List<ObjectNode> ending(Usage usage);

    /** What went wrong, in the form in which these clients expect it. */
    ObjectNode problem(ApiException problem) {
        return problem.json();
    }

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
