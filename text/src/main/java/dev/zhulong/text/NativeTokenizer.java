package dev.zhulong.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.function.BiFunction;

/**
 * One instance of Hugging Face's tokenizers library (through DJL), which encodes whole texts and adds nothing; in this process, or where it could
 * end it ({@link LibrarySafety}) in others. Safe for threads.
 */
final class NativeTokenizer implements AutoCloseable {
    /** Normalizers that leave a private spelling as it is. */
    private static final Set<String> COMPOSING = Set.of("NFC", "NFD", "NFKC", "NFKD");
    private static final char PRIVATE_OPEN = '\uFDD0';
    private static final char PRIVATE_CLOSE = '\uFDD1';

    /** Processes at once: more texts wait. */
    private static final int PROCESSES = Math.min(4, Runtime.getRuntime().availableProcessors());

    private final String name;
    private final byte[] json;
    /** Null where the library is not to run in this process. */
    private final Handle library;
    private final ConcurrentLinkedQueue<TokenizerProcess> idle = new ConcurrentLinkedQueue<>();
    private final Semaphore free = new Semaphore(PROCESSES);
    private volatile boolean closed;

    private NativeTokenizer(JsonNode json, String name) {
        this.name = name;
        this.json = json.toString().getBytes(StandardCharsets.UTF_8);
        if (LibrarySafety.holds(json)) {
            try {
                library = Handle.open(this.json);
            } catch (RuntimeException e) {
                throw new IllegalArgumentException(name + ": the tokenizers library refuses it: " + oneLine(e), e);
            }
        } else {
            library = null;
            idle.add(TokenizerProcess.start(this.json, name));
        }
    }

    /** The library's own object. */
    record Handle(ai.djl.huggingface.tokenizers.HuggingFaceTokenizer library) {
        static {
            // Without it DJL contacts a host when its first instance is made.
            if (System.getProperty("offline") == null) {
                System.setProperty("offline", "true");
            }
        }

        static Handle open(byte[] json) {
            try {
                return new Handle(ai.djl.huggingface.tokenizers.HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json),
                        Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false")));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        int[] encode(String text) {
            TokenizersLibrary rust = TokenizersLibrary.LIB;
            long encoding = rust.encode(library.getHandle(), text, false);
            try {
                return ints(rust.getTokenIds(encoding));
            } finally {
                rust.deleteEncoding(encoding);
            }
        }

        /** The spans in code points, as the library counts them. */
        TextPieces pieces(String text) {
            TokenizersLibrary rust = TokenizersLibrary.LIB;
            long encoding = rust.encode(library.getHandle(), text, false);
            try {
                int[] ids = ints(rust.getTokenIds(encoding));
                var spans = rust.getTokenCharSpans(encoding);
                int[] from = new int[ids.length];
                int[] to = new int[ids.length];
                for (int i = 0; i < ids.length; i++) {
                    int before = i == 0 ? 0 : to[i - 1];
                    from[i] = spans[i] == null ? before : spans[i].getStart();
                    to[i] = spans[i] == null ? before : spans[i].getEnd();
                }
                return new TextPieces(ids, from, to, ints(rust.getWordIds(encoding)));
            } finally {
                rust.deleteEncoding(encoding);
            }
        }

        private static int[] ints(long[] values) {
            int[] out = new int[values.length];
            for (int i = 0; i < out.length; i++) {
                out[i] = (int) values[i];
            }
            return out;
        }
    }

    static String oneLine(Throwable e) {
        return String.valueOf(e.getMessage()).replaceAll("\\s+", " ").strip();
    }

    /** Knows all added tokens. */
    static NativeTokenizer withControl(JsonNode json, String name) {
        ObjectNode root = bare(json);
        keepIds(root, root.path("added_tokens"));
        return new NativeTokenizer(root, name);
    }

    /** Spelling of mark {@code id} for {@link #withPrivateMarks}: noncharacters, which no text has ({@link #withoutPrivateMarks}). */
    static String privately(int id) {
        return PRIVATE_OPEN + Integer.toString(id) + PRIVATE_CLOSE;
    }

    /** A text in which nothing is a private mark. */
    static String withoutPrivateMarks(String text) {
        return text.replace(PRIVATE_OPEN, '\uFFFD');
    }

    /** The marks of a tokenizer, by their spelling: what {@link #withoutControl} takes out. */
    static Map<String, Integer> marks(JsonNode json) {
        Map<String, Integer> marks = new LinkedHashMap<>();
        for (JsonNode token : json.path("added_tokens")) {
            if (isMark(token) && !token.path("content").asText().isEmpty()) {
                marks.put(token.path("content").asText(), token.path("id").asInt());
            }
        }
        return marks;
    }

    /**
     * Knows all added tokens, but the marks, as they are spelled, are plain text: one stands where a text has its private spelling, whatever is
     * beside it and whatever a normalizer would make of it.
     */
    static NativeTokenizer withPrivateMarks(JsonNode json, String name) {
        ObjectNode root = bare(json);
        Map<String, Integer> marks = marks(json);
        hide(root, marks.keySet());
        boolean composes = COMPOSING.contains(json.path("normalizer").path("type").asText("NFC"));
        for (JsonNode each : root.path("added_tokens")) {
            if (each instanceof ObjectNode token && marks.containsKey(token.path("content").asText())) {
                token.put("content", privately(token.path("id").asInt())).put("single_word", false)
                        .put("normalized", composes && token.path("normalized").asBoolean(false));
            }
        }
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
        return token.path("special").asBoolean(false) || isSpelledAsMark(token.path("content").asText());
    }

    static boolean isSpelledAsMark(String text) {
        return text.length() > 2 && (text.startsWith("<") && text.endsWith(">") || text.startsWith("[") && text.endsWith("]"));
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
                    pieces.addArray().add(hidden(pieces.size() - 1)).add(0.0);
                }
                if (pieces.get(id) instanceof ArrayNode piece) {
                    piece.set(0, JsonNodeFactory.instance.textNode(content));
                }
            }
        }
    }

    /**
     * Ids of a text.
     *
     * @throws EncodingException where the library fails on it
     */
    int[] encode(String text) {
        return ask(text, Handle::encode, TokenizerProcess::encode);
    }

    /**
     * Ids of a text, and where in it each lies, in UTF-16 units.
     *
     * @throws EncodingException where the library fails on it
     */
    TextPieces pieces(String text) {
        return ask(text, Handle::pieces, TokenizerProcess::pieces).inUnitsOf(text);
    }

    private <T> T ask(String text, BiFunction<Handle, String, T> here, BiFunction<TokenizerProcess, String, T> apart) {
        if (library == null || text.length() > LibrarySafety.LONGEST_TEXT) {
            return askApart(text, apart);
        }
        try {
            return here.apply(library, text);
        } catch (RuntimeException e) {
            throw new EncodingException(name, "the tokenizers library refuses a text of " + text.length() + " characters: " + oneLine(e), e);
        }
    }

    private <T> T askApart(String text, BiFunction<TokenizerProcess, String, T> apart) {
        free.acquireUninterruptibly();
        try {
            TokenizerProcess process = idle.poll();
            if (process == null || !process.isAlive()) {
                process = TokenizerProcess.start(json, name);
            }
            try {
                return apart.apply(process, text);
            } finally {
                if (process.isAlive()) {
                    idle.add(process);
                }
                if (closed) {
                    closeIdle();
                }
            }
        } finally {
            free.release();
        }
    }

    private void closeIdle() {
        for (TokenizerProcess process; (process = idle.poll()) != null;) {
            process.close();
        }
    }

    @Override
    public void close() {
        closed = true;
        closeIdle();
        if (library != null) {
            library.library().close();
        }
    }
}
