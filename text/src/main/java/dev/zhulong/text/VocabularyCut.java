package dev.zhulong.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A tokenizer with fewer pieces: those that given texts need, all added tokens, and bytes or single characters, so that any text can still be said.
 *
 * <pre>{@code
 * VocabularyCut cut = VocabularyCut.of(Path.of("my-model"), used);
 * int id = cut.newId(oldId).orElseThrow();
 * cut.write(Path.of("smaller"));
 * }</pre>
 *
 * <p>New ids are in the order of the old ones, without holes. A text whose tokens all stay becomes the same tokens under their new ids; why is said at
 * {@link KeptPieces}. Every other text becomes more tokens than before and decodes to the same text.
 */
public final class VocabularyCut {
    private static final String TOKENIZER = "tokenizer.json";
    private static final String SPECIAL_TOKENS = "special_tokens_map.json";
    private static final String ADDED_TOKENS = "added_tokens.json";
    /** Files that hold the vocabulary once more, for tools that read no {@code tokenizer.json}. */
    private static final List<String> COPIES = List.of("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "vocab.json", "merges.txt",
            "vocab.txt");
    /** What BERT's and RoBERTa's own post-processors name, each as a text and its id. */
    private static final List<String> MARKS = List.of("cls", "sep");
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path directory;
    private final BitSet kept;
    private final int[] old;
    private final int[] now;

    private VocabularyCut(Path directory, BitSet kept) {
        this.directory = directory;
        this.kept = kept;
        old = kept.stream().toArray();
        now = new int[kept.length()];
        for (int id = 0; id < old.length; id++) {
            now[old[id]] = id;
        }
    }

    /**
     * Decides which pieces stay.
     *
     * @param directory with a {@code tokenizer.json}
     * @param used      ids that the texts become, and those that the model's configuration names
     * @throws IllegalArgumentException where there is no such file, or its vocabulary is of a kind that cannot be cut
     */
    public static VocabularyCut of(Path directory, Set<Integer> used) {
        Path file = directory.resolve(TOKENIZER);
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(directory + " has no " + TOKENIZER + ", whose vocabulary could be cut; save the tokenizer with transformers, which writes one");
        }
        ObjectNode config = TokenizerConfig.read(directory);
        ObjectNode whole = TokenizerConfig.withAddedTokens(HuggingFaceTokenizer.read(file), config);
        var all = new HashSet<>(used);
        Map<String, Integer> pieces = KeptPieces.pieces(whole.path("model"));
        TokenizerConfig.SPECIALS.forEach(key -> TokenizerConfig.special(config, key).map(pieces::get).ifPresent(all::add));
        ids(whole).forEach(all::add);
        BitSet kept = KeptPieces.of(whole, file.toString(), all);
        var known = new BitSet();
        pieces.values().forEach(known::set);
        whole.path("added_tokens").forEach(token -> known.set(token.path("id").intValue()));
        // a model may name ids that no token has: rows that pad its embedding
        kept.and(known);
        return new VocabularyCut(directory, kept);
    }

    /** Those that the file names outside of its vocabulary. */
    private static IntStream ids(JsonNode tokenizer) {
        IntStream.Builder ids = IntStream.builder();
        tokenizer.path("post_processor").findValues("ids").forEach(list -> list.forEach(id -> ids.add(id.intValue())));
        for (String mark : MARKS) {
            tokenizer.path("post_processor").findValues(mark).forEach(pair -> ids.add(pair.path(1).intValue()));
        }
        if (tokenizer.path("padding").has("pad_id")) {
            ids.add(tokenizer.path("padding").path("pad_id").intValue());
        }
        return ids.build();
    }

    /** Old ids by new ones. */
    public int[] oldIds() {
        return old.clone();
    }

    /** How many pieces stay. */
    public int size() {
        return old.length;
    }

    /** The id that a piece has now; empty for one that is gone. */
    public OptionalInt newId(int id) {
        return kept.get(id) ? OptionalInt.of(now[id]) : OptionalInt.empty();
    }

    /** Files beside {@code tokenizer.json} that hold the whole vocabulary in other forms, and are not written. */
    public List<String> leftOut() {
        return COPIES.stream().filter(name -> Files.isRegularFile(directory.resolve(name))).toList();
    }

    /** The tokenizer that {@link #write} writes. */
    public Tokenizer tokenizer() {
        return HuggingFaceTokenizer.of(tokenizerJson(), config(TokenizerConfig.read(directory)), directory.resolve(TOKENIZER) + ", cut");
    }

    /** Writes the tokenizer's files and the chat template into {@code to}, a directory that exists. */
    public void write(Path to) throws IOException {
        AtomicFile.writeBytes(to.resolve(TOKENIZER), bytes(tokenizerJson()));
        if (Files.isRegularFile(directory.resolve(TokenizerConfig.FILE))) {
            AtomicFile.writeString(to.resolve(TokenizerConfig.FILE), JsonFields.text(config(HuggingFaceTokenizer.read(directory.resolve(TokenizerConfig.FILE)))));
        }
        if (Files.isRegularFile(directory.resolve(ADDED_TOKENS))) {
            ObjectNode added = JSON.createObjectNode();
            HuggingFaceTokenizer.read(directory.resolve(ADDED_TOKENS)).properties().forEach(entry -> newId(entry.getValue().intValue()).ifPresent(id -> added.put(entry.getKey(), id)));
            AtomicFile.writeString(to.resolve(ADDED_TOKENS), JsonFields.text(added));
        }
        for (String name : List.of(SPECIAL_TOKENS, ChatTemplate.FILE)) {
            if (Files.isRegularFile(directory.resolve(name))) {
                AtomicFile.writeBytes(to.resolve(name), Files.readAllBytes(directory.resolve(name)));
            }
        }
    }

    /** On one line: indented, each piece would cost more than its spelling. */
    private static byte[] bytes(JsonNode json) {
        try {
            return JSON.writeValueAsBytes(json);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    private ObjectNode tokenizerJson() {
        ObjectNode json = HuggingFaceTokenizer.read(directory.resolve(TOKENIZER));
        renumber((ObjectNode) json.path("model"));
        json.path("added_tokens").forEach(token -> renumber((ObjectNode) token, "id"));
        processor(json.path("post_processor"));
        if (json.path("padding") instanceof ObjectNode padding) {
            renumber(padding, "pad_id");
        }
        return json;
    }

    private void renumber(ObjectNode model) {
        JsonNode vocab = model.path("vocab");
        Set<String> spellings = new HashSet<>();
        if (vocab.isArray()) {
            ArrayNode pieces = JSON.createArrayNode();
            for (int id = 0; id < vocab.size(); id++) {
                if (kept.get(id)) {
                    pieces.add(vocab.get(id));
                }
            }
            model.set("vocab", pieces);
            renumber(model, "unk_id");
            return;
        }
        ObjectNode pieces = JSON.createObjectNode();
        Stream<Map.Entry<String, JsonNode>> staying = vocab.properties().stream().filter(entry -> kept.get(entry.getValue().intValue()))
                .sorted((a, b) -> Integer.compare(a.getValue().intValue(), b.getValue().intValue()));
        staying.forEach(entry -> {
            pieces.put(entry.getKey(), newId(entry.getValue().intValue()).orElseThrow());
            spellings.add(entry.getKey());
        });
        model.set("vocab", pieces);
        if (model.has("merges")) {
            ArrayNode merges = JSON.createArrayNode();
            for (JsonNode merge : model.path("merges")) {
                String[] pair = KeptPieces.pair(merge);
                if (spellings.contains(pair[0]) && spellings.contains(pair[1]) && spellings.contains(pair[0] + pair[1])) {
                    merges.add(merge);
                }
            }
            model.set("merges", merges);
        }
    }

    private void renumber(ObjectNode object, String field) {
        if (object.path(field).canConvertToInt() && !object.path(field).isNull()) {
            newId(object.path(field).intValue()).ifPresent(id -> object.put(field, id));
        }
    }

    /** A template's tokens with their ids, the pairs of text and id of BERT's and RoBERTa's, or a sequence of such. */
    private void processor(JsonNode processor) {
        processor.path("processors").forEach(this::processor);
        for (JsonNode token : processor.path("special_tokens")) {
            if (token.path("ids") instanceof ArrayNode ids) {
                for (int i = 0; i < ids.size(); i++) {
                    ids.set(i, IntNode.valueOf(newId(ids.get(i).intValue()).orElseThrow()));
                }
            }
        }
        for (String mark : MARKS) {
            if (processor.path(mark) instanceof ArrayNode pair && pair.size() == 2) {
                pair.set(1, IntNode.valueOf(newId(pair.get(1).intValue()).orElseThrow()));
            }
        }
    }

    private ObjectNode config(ObjectNode config) {
        if (config.path("added_tokens_decoder") instanceof ObjectNode decoder) {
            List<Map.Entry<String, JsonNode>> entries = new ArrayList<>(decoder.properties().stream().map(entry -> Map.entry(entry.getKey(), entry.getValue())).toList());
            decoder.removeAll();
            entries.forEach(entry -> {
                if (entry.getKey().matches("\\d{1,9}")) {
                    newId(Integer.parseInt(entry.getKey())).ifPresent(id -> decoder.set(Integer.toString(id), entry.getValue()));
                }
            });
        }
        return config;
    }
}
