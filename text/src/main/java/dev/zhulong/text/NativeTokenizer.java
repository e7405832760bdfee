package dev.zhulong.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** One instance of Hugging Face's tokenizers library (through DJL), which encodes whole texts and adds nothing. Safe for threads. */
final class NativeTokenizer implements AutoCloseable {
    static {
        // Without it DJL contacts a host when its first instance is made.
        if (System.getProperty("offline") == null) {
            System.setProperty("offline", "true");
        }
    }

    private final ai.djl.huggingface.tokenizers.HuggingFaceTokenizer library;

    private NativeTokenizer(JsonNode json, String name) {
        try {
            library = ai.djl.huggingface.tokenizers.HuggingFaceTokenizer.newInstance(
                    new ByteArrayInputStream(json.toString().getBytes(StandardCharsets.UTF_8)),
                    Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false"));
        } catch (IOException | RuntimeException e) {
            throw new IllegalArgumentException(name + ": the tokenizers library refuses it: " + e.getMessage(), e);
        }
    }

    /** Knows all added tokens. */
    static NativeTokenizer withControl(JsonNode json, String name) {
        ObjectNode root = bare(json);
        keepIds(root, root.path("added_tokens"));
        return new NativeTokenizer(root, name);
    }

    /**
     * Knows no control tokens: those marked special and those that look like a mark ({@code <...>}, {@code [...]}) are taken out. Other
     * added tokens, such as runs of spaces, are text and stay.
     */
    static NativeTokenizer withoutControl(JsonNode json, String name) {
        ObjectNode root = bare(json);
        ArrayNode kept = JsonNodeFactory.instance.arrayNode();
        Set<String> removed = new HashSet<>();
        for (JsonNode token : json.path("added_tokens")) {
            if (isMark(token)) {
                removed.add(token.path("content").asText());
            } else {
                kept.add(token);
            }
        }
        root.set("added_tokens", kept);
        hide(root, removed);
        keepIds(root, kept);
        return new NativeTokenizer(root, name);
    }

    static boolean isMark(JsonNode token) {
        String text = token.path("content").asText();
        return token.path("special").asBoolean(false) || text.length() > 2
                && (text.startsWith("<") && text.endsWith(">") || text.startsWith("[") && text.endsWith("]"));
    }

    private static ObjectNode bare(JsonNode json) {
        ObjectNode root = json.deepCopy();
        root.putNull("truncation");
        root.putNull("padding");
        root.putNull("post_processor");
        return root;
    }

    /**
     * Without its entry among the added tokens, a mark can still be a piece of the model. BPE reaches no token that no merge makes; the
     * other models look pieces up by spelling, so the marks get one with spaces, which those models' normalizers leave in no text.
     */
    private static void hide(ObjectNode root, Set<String> removed) {
        JsonNode model = root.path("model");
        JsonNode vocab = model.path("vocab");
        if (vocab instanceof ArrayNode pieces) {
            for (int id = 0; id < pieces.size(); id++) {
                if (pieces.get(id) instanceof ArrayNode piece && removed.contains(piece.path(0).asText())) {
                    piece.set(0, JsonNodeFactory.instance.textNode(hidden(id)));
                }
            }
        } else if (vocab instanceof ObjectNode words && (!"BPE".equals(model.path("type").asText("BPE"))
                || model.path("ignore_merges").asBoolean(false))) {
            String unknown = model.path("unk_token").asText();
            for (String mark : removed) {
                if (words.has(mark) && !mark.equals(unknown)) {
                    int id = words.remove(mark).asInt();
                    words.put(hidden(id), id);
                }
            }
        }
    }

    private static String hidden(int id) {
        return " control " + id + " ";
    }

    /** The library numbers added tokens that the model lacks by itself, in order; the file's own ids hold once the model has them. */
    private static void keepIds(ObjectNode root, JsonNode added) {
        JsonNode vocab = root.path("model").path("vocab");
        for (JsonNode token : added) {
            int id = token.path("id").asInt();
            String content = token.path("content").asText();
            if (vocab instanceof ObjectNode words) {
                words.put(content, id);
            } else if (vocab instanceof ArrayNode pieces) {
                while (pieces.size() <= id) {
                    pieces.addArray().add(pieces.size() - 1 == id ? content : hidden(pieces.size() - 1)).add(0.0);
                }
            }
        }
    }

    int[] encode(String text) {
        TokenizersLibrary rust = TokenizersLibrary.LIB;
        long encoding = rust.encode(library.getHandle(), text, false);
        try {
            long[] ids = rust.getTokenIds(encoding);
            int[] out = new int[ids.length];
            for (int i = 0; i < out.length; i++) {
                out[i] = (int) ids[i];
            }
            return out;
        } finally {
            rust.deleteEncoding(encoding);
        }
    }

    @Override
    public void close() {
        library.close();
    }
}
