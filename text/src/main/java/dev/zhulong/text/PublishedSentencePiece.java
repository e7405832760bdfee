package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;

/**
 * A model directory's files of SentencePiece where it has no {@code tokenizer.json}: ids, languages and what is put around a text are its family's
 * ({@link SentencePieceFamily}), how a text is cut is SentencePiece's.
 *
 * <p>Marian has two files, one for texts that are read and one for those that are written ({@link #target}), over one table of ids; a language that a text
 * begins with ({@code >>fra<<}) is a token there, as its models expect it.
 */
public final class PublishedSentencePiece extends SentencePieceTokenizer implements InputTokenizer {
    private final SentencePieceModel model;
    private final SentencePieceFamily.Table table;
    private final SentencePieceCutter cutter;
    private final SequenceTemplate template;
    private final SpecialIds specials;
    private final Map<String, Integer> languages;
    private final InputTokenizer target;

    private PublishedSentencePiece(SentencePieceModel model, SentencePieceFamily.Table table, SentencePieceCutter cutter, String name, Special special, SequenceTemplate template,
            SpecialIds specials, Map<String, Integer> languages, InputTokenizer target) {
        super(new Vocabulary(json(model, table), name), special, text -> cutter.cut(text).ids(), added(table), table.special());
        this.model = model;
        this.table = table;
        this.cutter = cutter;
        this.template = template;
        this.specials = specials;
        this.languages = languages;
        this.target = target;
    }

    /** Whether a directory has such files. */
    public static boolean isIn(Path directory) {
        return SentencePieceFamily.file(directory).isPresent();
    }

    /**
     * Opens the tokenizer of a directory.
     *
     * @throws IllegalArgumentException where a file is missing or malformed, or belongs to no family that is known; the message names it
     */
    public static PublishedSentencePiece load(Path directory) {
        Path file = SentencePieceFamily.file(directory).orElseThrow(() -> new IllegalArgumentException(directory + ": no file of SentencePiece, such as spiece.model"));
        ObjectNode config = TokenizerConfig.read(directory);
        SentencePieceFamily family = SentencePieceFamily.of(directory, config);
        SentencePieceModel model = SentencePieceModel.read(file);
        SentencePieceFamily.Table table = family.table(model, config, directory);
        PublishedSentencePiece written = null;
        if (family == SentencePieceFamily.MARIAN && Files.isRegularFile(directory.resolve(SentencePieceFamily.TARGET))) {
            written = of(SentencePieceModel.read(directory.resolve(SentencePieceFamily.TARGET)), table, family, config, directory, null);
        }
        return of(model, table, family, config, directory, written);
    }

    /** Of a model that lies elsewhere. @param name what errors call it */
    static PublishedSentencePiece of(SentencePieceModel model, SentencePieceFamily.Table table, Special special, SequenceTemplate template, SpecialIds specials, String name) {
        return new PublishedSentencePiece(model, table, new SentencePieceCutter(model, table), name, special, template, specials, Map.of(), null);
    }

    private static Map<String, Integer> added(SentencePieceFamily.Table table) {
        Map<String, Integer> added = new LinkedHashMap<>();
        table.special().forEach(spelling -> added.put(spelling, table.ids().get(spelling)));
        return added;
    }

    private static PublishedSentencePiece of(SentencePieceModel model, SentencePieceFamily.Table table, SentencePieceFamily family, ObjectNode config, Path directory,
            InputTokenizer target) {
        ObjectNode json = json(model, table);
        var special = new Special(named(config, "bos_token", family.bos(), table), named(config, "eos_token", "</s>", table), named(config, "pad_token", "<pad>", table), false);
        return new PublishedSentencePiece(model, table, new SentencePieceCutter(model, table), directory.toString(), special, family.template(table, config, directory),
                SpecialIds.of(json, config, new Vocabulary(json, directory.toString())), family == SentencePieceFamily.MARIAN ? languages(table) : Map.of(), target);
    }

    private static OptionalInt named(JsonNode config, String key, String usual, SentencePieceFamily.Table table) {
        Integer id = table.ids().get(TokenizerConfig.special(config, key).orElse(usual));
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    private static Map<String, Integer> languages(SentencePieceFamily.Table table) {
        Map<String, Integer> all = new LinkedHashMap<>();
        table.ids().forEach((spelling, id) -> {
            if (spelling.startsWith(">>") && spelling.endsWith("<<")) {
                all.put(spelling, id);
            }
        });
        return all;
    }

    /** The table as {@link Vocabulary} reads it; what follows a text's first space is its first word. */
    private static ObjectNode json(SentencePieceModel model, SentencePieceFamily.Table table) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        ObjectNode vocab = json.putObject("model").put("type", "Unigram").putObject("vocab");
        table.ids().forEach(vocab::put);
        ArrayNode steps = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
        steps.addObject().put("type", "Replace").put("content", " ").putObject("pattern").put("String", SentencePieceBpe.SPACE);
        if (model.byteFallback()) {
            steps.addObject().put("type", "ByteFallback");
        }
        steps.addObject().put("type", "Fuse");
        if (model.dummyPrefix()) {
            steps.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
        }
        ArrayNode added = json.putArray("added_tokens");
        for (String spelling : table.special()) {
            added.addObject().put("id", table.ids().get(spelling)).put("content", spelling).put("special", true);
        }
        return json;
    }

    /** The file's own. */
    SentencePieceModel model() {
        return model;
    }

    /** Ids of its pieces, and what is beside them. */
    SentencePieceFamily.Table table() {
        return table;
    }

    @Override
    public int[] encode(String text) {
        return pieces(text).ids();
    }

    @Override
    public TextPieces pieces(String text) {
        String valid = withoutLoneSurrogates(text);
        for (Map.Entry<String, Integer> language : languages.entrySet()) {
            if (valid.startsWith(language.getKey())) {
                int length = language.getKey().length();
                return cutter.cut(valid.substring(length)).behind(language.getValue(), length);
            }
        }
        return cutter.cut(valid);
    }

    @Override
    public SequenceTemplate template() {
        return template;
    }

    @Override
    public SpecialIds specials() {
        return specials;
    }

    @Override
    public boolean spellsSpaces() {
        return false;
    }

    @Override
    public InputTokenizer target() {
        return target == null ? this : target;
    }
}
