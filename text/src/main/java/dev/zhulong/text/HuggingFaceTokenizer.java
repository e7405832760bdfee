package dev.zhulong.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/**
 * A {@code tokenizer.json} of Hugging Face's tokenizers library, with the {@link TokenizerConfig} beside it.
 *
 * <pre>{@code
 * try (var tokenizer = HuggingFaceTokenizer.load(Path.of("my-model"))) {
 *     int[] ids = tokenizer.encode("Once upon a time");
 *     String text = tokenizer.decode(ids);
 * }
 * }</pre>
 *
 * <p>Byte-level BPE with a pre-tokenizer of {@link PreTokenizer} is encoded by our own code, everything else by the library; the ids are
 * the same. {@code encode} never throws on text: a lone surrogate, which UTF-8 cannot hold, is taken as U+FFFD. The one exception is a
 * closed character vocabulary ({@link CharacterVocabulary}), whose unknown characters are an error rather than silently dropped.
 */
public final class HuggingFaceTokenizer extends VocabularyTokenizer implements InputTokenizer {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final JsonNode json;
    private final String name;
    private final Optional<ByteLevelBpe> fast;
    private final Set<Integer> closedAlphabet;
    private NativeTokenizer plain;
    private NativeTokenizer withControl;
    private NativeTokenizer privately;
    private final Map<String, Integer> marks;
    private final SpecialIds specials;
    private volatile boolean closed;

    private HuggingFaceTokenizer(JsonNode json, JsonNode config, Vocabulary vocabulary, Special special, String name) {
        super(vocabulary, special);
        this.json = json;
        this.name = name;
        fast = keepsTextTokens(json) ? Optional.empty() : ByteLevelBpe.of(json);
        closedAlphabet = closedAlphabet(json);
        marks = Collections.unmodifiableMap(NativeTokenizer.marks(json));
        specials = SpecialIds.of(json, config, vocabulary);
        if (fast.isEmpty()) {
            plain();
        }
    }

    /**
     * Opens a tokenizer.
     *
     * @param directoryOrFile a model's directory or its {@code tokenizer.json};
     *                        without a {@link TokenizerConfig} beside it there is no BOS and no EOS
     * @throws IllegalArgumentException where the file is missing or is no tokenizer; the message names the file
     */
    public static HuggingFaceTokenizer load(Path directoryOrFile) {
        Path file = Files.isDirectory(directoryOrFile) ? directoryOrFile.resolve("tokenizer.json") : directoryOrFile;
        return of(read(file), TokenizerConfig.read(file.toAbsolutePath().getParent()), file.toString());
    }

    /** A {@code tokenizer.json} and the configuration beside it; {@code name} is what errors call it. */
    static HuggingFaceTokenizer of(ObjectNode tokenizer, JsonNode config, String name) {
        JsonNode json = TokenizerConfig.withAddedTokens(tokenizer, config);
        Vocabulary vocabulary = new Vocabulary(json, name);
        return new HuggingFaceTokenizer(json, config, vocabulary, special(json, config, vocabulary), name);
    }

    /** A tokenizer whose {@code tokenizer.json} was put together from another file; {@code name} is what errors call it. */
    static HuggingFaceTokenizer of(JsonNode json, Vocabulary vocabulary, Special special, String name) {
        return new HuggingFaceTokenizer(json, MissingNode.getInstance(), vocabulary, special, name);
    }

    private static Special special(JsonNode json, JsonNode config, Vocabulary vocabulary) {
        OptionalInt bos = named(config, "bos_token", vocabulary);
        boolean addsBos = bos.isPresent() && (config.path("add_bos_token").isBoolean() ? config.path("add_bos_token").booleanValue()
                : startsWith(json.path("post_processor"), vocabulary.spelling(bos.getAsInt())));
        return new Special(bos, named(config, "eos_token", vocabulary), named(config, "pad_token", vocabulary), addsBos);
    }

    static ObjectNode read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(file + ": no such file; a tokenizer is a directory with a tokenizer.json");
        }
        try {
            JsonNode node = JSON.readTree(Files.readAllBytes(file));
            if (!(node instanceof ObjectNode object)) {
                throw new IllegalArgumentException(file + ": not a JSON object");
            }
            return object;
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + ": malformed JSON at line "
                    + (e.getLocation() == null ? "?" : e.getLocation().getLineNr()) + ": "
                    + e.getOriginalMessage().lines().findFirst().orElse(""), e);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static OptionalInt named(JsonNode config, String key, Vocabulary vocabulary) {
        return TokenizerConfig.special(config, key).map(vocabulary::id).orElse(OptionalInt.empty());
    }

    /** Whether a post-processor (a template, or one in the family's own form) puts {@code token} first. */
    private static boolean startsWith(JsonNode postProcessor, String token) {
        return switch (postProcessor.path("type").asText()) {
            case "Sequence" -> {
                for (JsonNode each : postProcessor.path("processors")) {
                    if (startsWith(each, token)) {
                        yield true;
                    }
                }
                yield false;
            }
            case "TemplateProcessing" -> token.equals(postProcessor.path("single").path(0).path("SpecialToken").path("id").asText());
            case "RobertaProcessing", "BertProcessing" -> token.equals(postProcessor.path("cls").path(0).asText());
            default -> false;
        };
    }

    /** Whether plain text can hold added tokens (see {@link NativeTokenizer#withoutControl}), which our own encoder does not know. */
    private static boolean keepsTextTokens(JsonNode json) {
        for (JsonNode token : json.path("added_tokens")) {
            if (!NativeTokenizer.isMark(token)) {
                return true;
            }
        }
        return false;
    }

    private static Set<Integer> closedAlphabet(JsonNode json) {
        JsonNode model = json.path("model");
        boolean characters = "BPE".equals(model.path("type").asText()) && model.path("vocab").isObject() && model.path("merges").isEmpty()
                && model.path("unk_token").isNull() && !model.path("byte_fallback").asBoolean(false) && json.path("normalizer").isNull()
                && json.path("pre_tokenizer").isNull();
        return !characters ? null : model.path("vocab").properties().stream().map(entry -> entry.getKey())
                .filter(key -> key.codePointCount(0, key.length()) == 1).map(key -> key.codePointAt(0)).collect(Collectors.toSet());
    }

    private synchronized NativeTokenizer plain() {
        requireOpen();
        if (plain == null) {
            plain = NativeTokenizer.withoutControl(json, name);
        }
        return plain;
    }

    private synchronized NativeTokenizer withControl() {
        requireOpen();
        if (withControl == null) {
            withControl = NativeTokenizer.withControl(json, name);
        }
        return withControl;
    }

    private synchronized NativeTokenizer privately() {
        requireOpen();
        if (privately == null) {
            privately = NativeTokenizer.withPrivateMarks(json, name);
        }
        return privately;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(name + ": the tokenizer is closed");
        }
    }

    @Override
    public int[] encode(String text) {
        requireOpen();
        String valid = withoutLoneSurrogates(text);
        if (fast.isPresent() && fast.get().canEncode(valid)) {
            return fast.get().encode(valid);
        }
        requireKnown(valid, Set.of());
        return plain().encode(valid);
    }

    @Override
    public TextPieces pieces(String text) {
        String valid = withoutLoneSurrogates(text);
        requireKnown(valid, Set.of());
        TextPieces pieces = plain().pieces(valid);
        return trimsOffsets(json.path("post_processor")) ? pieces.withoutSpaces(valid) : pieces;
    }

    /** A byte-level post-processor takes the space that a token begins with out of its span, unless it is told not to. */
    private static boolean trimsOffsets(JsonNode postProcessor) {
        return switch (postProcessor.path("type").asText()) {
            case "Sequence" -> StreamSupport.stream(postProcessor.path("processors").spliterator(), false).anyMatch(HuggingFaceTokenizer::trimsOffsets);
            case "ByteLevel", "RobertaProcessing" -> postProcessor.path("trim_offsets").asBoolean(true);
            default -> false;
        };
    }

    @Override
    public SequenceTemplate template() {
        // transformers gives BERT's tokenizers theirs, whether the file has it or not
        boolean bert = json.path("post_processor").isNull() && json.path("model").path("type").asText().equals("WordPiece")
                && specials.cls().isPresent() && specials.sep().isPresent();
        return SequenceTemplate.of(json.path("post_processor"), marks, name).orElseGet(() -> bert
                ? SequenceTemplate.bert(specials.cls().getAsInt(), specials.sep().getAsInt()) : SequenceTemplate.NOTHING);
    }

    @Override
    public SpecialIds specials() {
        return specials;
    }

    @Override
    public boolean spellsSpaces() {
        return isByteLevel(json.path("pre_tokenizer"));
    }

    static boolean isByteLevel(JsonNode preTokenizer) {
        return preTokenizer.path("type").asText().equals("ByteLevel")
                || StreamSupport.stream(preTokenizer.path("pretokenizers").spliterator(), false).anyMatch(HuggingFaceTokenizer::isByteLevel);
    }

    @Override
    public int[] encodeWithControl(String text) {
        String valid = withoutLoneSurrogates(text);
        if (closedAlphabet != null) {
            requireKnown(valid, json.path("added_tokens").findValuesAsText("content").stream().collect(Collectors.toSet()));
        }
        return withControl().encode(valid);
    }

    @Override
    public Map<String, Integer> marks() {
        return marks;
    }

    @Override
    public int[] encode(String text, List<Mark> marks) {
        if (marks.isEmpty()) {
            return encode(text);
        }
        String valid = withoutLoneSurrogates(text);
        var spelled = new StringBuilder();
        int from = 0;
        for (Mark mark : marks) {
            spelled.append(plain(valid.substring(from, mark.from()))).append(NativeTokenizer.privately(mark.id()));
            from = mark.to();
        }
        return privately().encode(spelled.append(plain(valid.substring(from))).toString());
    }

    private String plain(String text) {
        requireKnown(text, Set.of());
        return NativeTokenizer.withoutPrivateMarks(text);
    }

    private void requireKnown(String text, Set<String> added) {
        if (closedAlphabet == null) {
            return;
        }
        String rest = text;
        for (String token : added) {
            rest = rest.replace(token, "");
        }
        rest.codePoints().filter(c -> !closedAlphabet.contains(c)).findFirst().ifPresent(c -> {
            throw new IllegalArgumentException("the character \"%s\" (U+%04X) is not in the closed vocabulary of %s"
                    .formatted(Character.toString(c), c, name));
        });
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (plain != null) {
            plain.close();
        }
        if (withControl != null) {
            withControl.close();
        }
        if (privately != null) {
            privately.close();
        }
    }
}
