package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** A tokenizer's table: id to spelling, bytes and kind, and spelling to id. Ids may have holes. */
final class Vocabulary {
    private final String name;
    private final Decoding decoding;
    /** Spelling to id; null until it is asked for where it can be made of the spellings. */
    private volatile Map<String, Integer> ids;
    private final String[] spelling;
    /** Of each token once it was asked for: most of a large table never is. */
    private final AtomicReferenceArray<byte[]> bytes;
    private final boolean[] control;

    /** @param json the whole {@code tokenizer.json}; {@code name} is what errors call it */
    Vocabulary(JsonNode json, String name) {
        this(json, new Table(json, name), name);
    }

    /** The same with the tokens as a list, by id, each spelled differently; the JSON's added tokens are among them. */
    Vocabulary(JsonNode json, List<String> tokens, String name) {
        this(json, new Table(tokens), name);
    }

    private Vocabulary(JsonNode json, Table table, String name) {
        this.name = name;
        this.decoding = Decoding.of(json.path("decoder"), name);
        ids = table.ids;
        spelling = table.spelling;
        bytes = new AtomicReferenceArray<>(spelling.length);
        control = new boolean[spelling.length];
        for (JsonNode token : json.path("added_tokens")) {
            int id = token.path("id").intValue();
            control[id] = token.path("special").asBoolean(false);
            // An added token is matched in the raw text, so in a byte-level vocabulary its spelling is the text itself.
            if (control[id]) {
                bytes.set(id, new byte[0]);
            } else if (decoding.byteLevel()) {
                bytes.set(id, token.path("content").textValue().getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    /** Spelling to id, or null, and back. */
    private static final class Table {
        final Map<String, Integer> ids;
        final String[] spelling;

        Table(List<String> tokens) {
            spelling = tokens.toArray(new String[0]);
            ids = null;
        }

        Table(JsonNode json, String name) {
            ids = new HashMap<>();
            Map<Integer, String> table = new HashMap<>();
            read(json.path("model"), table, name);
            for (JsonNode token : json.path("added_tokens")) {
                if (!token.path("id").canConvertToInt() || !token.path("content").isTextual()) {
                    throw new IllegalArgumentException(name + ": an added token has no id or no content: " + token);
                }
                put(token.path("content").textValue(), token.path("id").intValue(), table, name);
            }
            int largest = table.keySet().stream().mapToInt(Integer::intValue).max().orElse(-1);
            if (largest < 0) {
                throw new IllegalArgumentException(name + ": the vocabulary is empty");
            }
            if (largest >= 1 << 24) {
                throw new IllegalArgumentException(name + ": token id " + largest + " is too large; expected less than " + (1 << 24));
            }
            spelling = new String[largest + 1];
            table.forEach((id, text) -> spelling[id] = text);
        }

        private void read(JsonNode model, Map<Integer, String> table, String name) {
            JsonNode vocab = model.path("vocab");
            if (vocab.isObject()) {
                vocab.properties().forEach(entry -> {
                    if (!entry.getValue().canConvertToInt()) {
                        throw new IllegalArgumentException(name + ": token " + entry.getKey() + " has the id " + entry.getValue()
                                + ", expected an integer");
                    }
                    put(entry.getKey(), entry.getValue().intValue(), table, name);
                });
            } else if (vocab.isArray()) {
                for (int id = 0; id < vocab.size(); id++) {
                    put(vocab.get(id).path(0).asText(), id, table, name);
                }
            } else {
                throw new IllegalArgumentException(name + ": model.vocab is missing; is this a tokenizer.json of the tokenizers library?");
            }
        }

        private void put(String text, int id, Map<Integer, String> table, String name) {
            if (id < 0) {
                throw new IllegalArgumentException(name + ": token " + text + " has the negative id " + id);
            }
            ids.put(text, id);
            table.put(id, text);
        }
    }

    Decoding decoding() {
        return decoding;
    }

    /** Largest id plus one. */
    int size() {
        return spelling.length;
    }

    OptionalInt id(String text) {
        Map<String, Integer> known = ids;
        if (known == null) {
            known = HashMap.newHashMap(spelling.length);
            for (int i = 0; i < spelling.length; i++) {
                known.put(spelling[i], i);
            }
            ids = known;
        }
        Integer id = known.get(text);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    String spelling(int id) {
        return spelling[check(id)];
    }

    /** The table's own array: not to be changed or handed out. */
    byte[] bytes(int id) {
        byte[] known = bytes.get(check(id));
        if (known == null) {
            known = decoding.bytes(spelling[id]);
            bytes.set(id, known);
        }
        return known;
    }

    boolean isControl(int id) {
        return control[check(id)];
    }

    boolean has(int id) {
        return id >= 0 && id < spelling.length && spelling[id] != null;
    }

    private int check(int id) {
        if (id < 0 || id >= spelling.length) {
            throw new IllegalArgumentException("token id " + id + " is outside the vocabulary of " + name + " (0 to "
                    + (spelling.length - 1) + ")");
        }
        if (spelling[id] == null) {
            throw new IllegalArgumentException("token id " + id + " is a hole in the vocabulary of " + name + ": no token has it");
        }
        return id;
    }
}
