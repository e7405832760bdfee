package dev.zhulong.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A {@code tokenizer.json} of Hugging Face's tokenizers library, with the {@code tokenizer_config.json} beside it.
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
public final class HuggingFaceTokenizer implements Tokenizer {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final JsonNode json;
    private final String name;
    private final Vocabulary vocabulary;
    private final Optional<ByteLevelBpe> fast;
    private final Set<Integer> closedAlphabet;
    private final OptionalInt bos;
    private final OptionalInt eos;
    private final OptionalInt pad;
    private final boolean addsBos;
    private NativeTokenizer plain;
    private NativeTokenizer withControl;
    private volatile boolean closed;

    private HuggingFaceTokenizer(JsonNode json, JsonNode config, String name) {
        this.json = json;
        this.name = name;
        vocabulary = new Vocabulary(json, name);
        bos = named(config, "bos_token");
        eos = named(config, "eos_token");
        pad = named(config, "pad_token");
        addsBos = bos.isPresent() && (config.path("add_bos_token").isBoolean() ? config.path("add_bos_token").booleanValue()
                : startsWith(json.path("post_processor"), vocabulary.spelling(bos.getAsInt())));
        fast = keepsTextTokens(json) ? Optional.empty() : ByteLevelBpe.of(json);
        closedAlphabet = closedAlphabet(json);
        if (fast.isEmpty()) {
            plain();
        }
    }

    /**
     * Opens a tokenizer.
     *
     * @param directoryOrFile a model's directory or its {@code tokenizer.json};
     *                        without a {@code tokenizer_config.json} beside it there is no BOS and no EOS
     * @throws IllegalArgumentException where the file is missing or is no tokenizer; the message names the file
     */
    public static HuggingFaceTokenizer load(Path directoryOrFile) {
        Path file = Files.isDirectory(directoryOrFile) ? directoryOrFile.resolve("tokenizer.json") : directoryOrFile;
        Path config = file.resolveSibling("tokenizer_config.json");
        return new HuggingFaceTokenizer(read(file), Files.exists(config) ? read(config) : JSON.createObjectNode(), file.toString());
    }

    private static JsonNode read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(file + ": no such file; a tokenizer is a directory with a tokenizer.json");
        }
        try {
            JsonNode node = JSON.readTree(Files.readAllBytes(file));
            if (!node.isObject()) {
                throw new IllegalArgumentException(file + ": not a JSON object");
            }
            return node;
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + ": malformed JSON at line "
                    + (e.getLocation() == null ? "?" : e.getLocation().getLineNr()) + ": "
                    + e.getOriginalMessage().lines().findFirst().orElse(""), e);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private OptionalInt named(JsonNode config, String key) {
        JsonNode token = config.path(key);
        String text = token.isObject() ? token.path("content").asText() : token.asText();
        return token.isNull() || token.isMissingNode() ? OptionalInt.empty() : vocabulary.id(text);
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
    public int[] encodeWithControl(String text) {
        String valid = withoutLoneSurrogates(text);
        if (closedAlphabet != null) {
            requireKnown(valid, json.path("added_tokens").findValuesAsText("content").stream().collect(Collectors.toSet()));
        }
        return withControl().encode(valid);
    }

    @Override
    public List<int[]> encodeAll(List<String> texts) {
        return texts.parallelStream().map(this::encode).toList();
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

    static String withoutLoneSurrogates(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                    i++;
                } else {
                    return text.codePoints().map(p -> p >= 0xD800 && p <= 0xDFFF ? 0xFFFD : p)
                            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
                }
            }
        }
        return text;
    }

    @Override
    public String decode(int[] ids) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Decoding decoding = vocabulary.decoding();
        boolean first = true;
        for (int id : ids) {
            byte[] bytes = vocabulary.bytes(id);
            if (!vocabulary.isControl(id)) {
                out.writeBytes(first ? decoding.atStart(vocabulary.spelling(id), bytes) : bytes);
                first = false;
            }
        }
        byte[] all = out.toByteArray();
        int from = 0;
        while (from < Math.min(all.length, decoding.leadingSpaces()) && all[from] == ' ') {
            from++;
        }
        return new String(all, from, all.length - from, StandardCharsets.UTF_8);
    }

    @Override
    public byte[] bytes(int id) {
        return vocabulary.bytes(id).clone();
    }

    @Override
    public boolean isControl(int id) {
        return vocabulary.isControl(id);
    }

    @Override
    public Map<String, Integer> controlTokens() {
        Map<String, Integer> tokens = new LinkedHashMap<>();
        for (int id = 0; id < vocabulary.size(); id++) {
            if (vocabulary.isControl(id)) {
                tokens.put(vocabulary.spelling(id), id);
            }
        }
        return tokens;
    }

    @Override
    public int vocabSize() {
        return vocabulary.size();
    }

    @Override
    public OptionalInt id(String token) {
        return vocabulary.id(token);
    }

    @Override
    public OptionalInt bos() {
        return bos;
    }

    @Override
    public OptionalInt eos() {
        return eos;
    }

    @Override
    public OptionalInt pad() {
        return pad;
    }

    @Override
    public boolean addsBos() {
        return addsBos;
    }

    @Override
    public StreamingDecoder decoder() {
        return new PieceDecoder(vocabulary);
    }

    /** How many ids have a token; less than {@link #vocabSize} where ids have holes. */
    public int tokens() {
        return (int) IntStream.range(0, vocabulary.size()).filter(vocabulary::has).count();
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
    }
}
