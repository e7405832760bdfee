package dev.zhulong.compress.prune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.SafetensorsWriter.Entry;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.DirectoryWeights;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.VocabularyCut;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A model without the tokens that given texts do not need: rows of its embedding and its head go, and with them pieces of its tokenizer. What stays computes what it did:
 * the logits of a text whose tokens are all kept are those of the whole model in the kept rows, bit for bit. Any other text is spelled in smaller pieces, in the end in bytes.
 *
 * <pre>{@code
 * VocabularyTrim trim = VocabularyTrim.of(Path.of("my-model"), texts, Progress.SILENT);
 * VocabularyTrim.Price price = trim.price(heldOut);
 * trim.write(Path.of("my-model-trimmed"));
 * }</pre>
 *
 * <p>The price is longer sequences on texts that are unlike the given ones; a megabyte of the texts that the model is for keeps it small.
 */
public final class VocabularyTrim {
    /** Texts are tokenised in parts of about this many characters, each of which begins with the last line of the one before. */
    private static final int WINDOW = 1 << 20;
    private static final Conversation CONVERSATION = Conversation.of(Message.system("You help."), Message.user("Hello"), Message.assistant("Hello"), Message.user("Hello"));

    private final Path model;
    private final VocabularyCut cut;

    /**
     * What texts cost that had no part in the choice.
     *
     * @param bytes           of the texts in UTF-8
     * @param tokensBefore    that the whole vocabulary makes of them
     * @param tokensAfter     that the cut one makes of them
     * @param tokensMissing   of those before, that are not kept
     * @param piecesBefore    different ones among the tokens before
     * @param piecesMissing   of these, not kept
     */
    public record Price(long bytes, long tokensBefore, long tokensAfter, long tokensMissing, int piecesBefore, int piecesMissing) {
        /** Tokens before that are kept, 0 to 1. */
        public double kept() {
            return tokensBefore == 0 ? 1 : 1 - (double) tokensMissing / tokensBefore;
        }
    }

    /**
     * What was written.
     *
     * @param bytesBefore weights and {@code tokenizer.json} of the model
     * @param bytesAfter  the same of what was written
     * @param leftOut     files with the whole vocabulary in another form, which were not written
     */
    public record Written(long bytesBefore, long bytesAfter, List<String> leftOut) {}

    private VocabularyTrim(Path model, VocabularyCut cut) {
        this.model = model;
        this.cut = cut;
    }

    /**
     * Decides which tokens stay: all that the texts become, each as a whole and each of its lines alone, all that the chat template writes, and what
     * {@link VocabularyCut} keeps by itself.
     *
     * @throws IllegalArgumentException where the model or its tokenizer is of a kind that cannot be cut
     */
    public static VocabularyTrim of(Path model, List<String> texts, Progress progress) {
        return of(model, texts, Set.of(), progress);
    }

    /**
     * The same, with more tokens that stay.
     *
     * @param likely such as {@link LikelyTokens} finds
     */
    public static VocabularyTrim of(Path model, List<String> texts, Set<Integer> likely, Progress progress) {
        try (ModelDirectory source = PrunedDirectory.open(model)) {
            Set<Integer> used = new HashSet<>(TokenIdFields.ids(PrunedDirectory.config(source)));
            source.file(GenerationConfig.FILE).ifPresent(file -> used.addAll(TokenIdFields.ids(JsonFields.read(file).object())));
            if (source.network() instanceof EncoderSpec encoder) {
                used.add(encoder.padId());
            }
            try (Tokenizer tokenizer = HuggingFaceTokenizer.load(model)) {
                template(model, tokenizer, used);
                for (int i = 0; i < texts.size(); i++) {
                    progress.at("tokenizing", i, texts.size(), "texts");
                    List<String> parts = new ArrayList<>(windows(texts.get(i)));
                    texts.get(i).lines().forEach(parts::add);
                    tokenizer.encodeAll(parts).forEach(ids -> add(ids, used));
                }
            }
            used.addAll(likely);
            int rows = source.network().vocabSize();
            used.removeIf(id -> id >= rows);
            VocabularyCut cut = VocabularyCut.of(model, used);
            int last = cut.size() == 0 ? -1 : cut.oldIds()[cut.size() - 1];
            if (last >= rows) {
                throw new IllegalArgumentException(model + ": its tokenizer has a token of the id " + last + ", which must stay, and its embedding has " + rows
                        + " rows: it cannot be cut to match");
            }
            return new VocabularyTrim(model, cut);
        }
    }

    /** Marks of turns are added tokens, which stay; the words beside them are not. */
    private static void template(Path model, Tokenizer tokenizer, Set<Integer> used) {
        ChatTemplate template = ChatTemplate.load(model);
        if (!template.present()) {
            return;
        }
        List<Message> messages = CONVERSATION.messages();
        for (Conversation each : List.of(CONVERSATION, new Conversation(messages.subList(1, messages.size()), List.of()), Conversation.of(Message.user("Hello")))) {
            try {
                add(new ChatEncoder(template, tokenizer).prompt(each), used);
            } catch (IllegalArgumentException e) {
                // a template may refuse a system's turn
            }
        }
    }

    private static void add(int[] ids, Set<Integer> used) {
        for (int id : ids) {
            used.add(id);
        }
    }

    private static List<String> windows(String text) {
        List<String> windows = new ArrayList<>();
        int from = 0;
        while (text.length() - from > WINDOW) {
            int to = text.lastIndexOf('\n', from + WINDOW - 1) + 1;
            if (to <= from) {
                break;
            }
            windows.add(text.substring(from, to));
            int line = text.lastIndexOf('\n', to - 2) + 1;
            from = line > from ? line : to;
        }
        windows.add(text.substring(from));
        return windows;
    }

    /** How many tokens the model has. */
    public int before() {
        return ModelDirectory.readNetwork(model).vocabSize();
    }

    /** How many stay. */
    public int after() {
        return cut.size();
    }

    /** Ids that the kept tokens had, by the ids that they have now. */
    public int[] oldIds() {
        return cut.oldIds();
    }

    /** What these texts cost, which should be like those that the model will see, and none of those that chose the tokens. */
    public Price price(List<String> texts) {
        long bytes = 0;
        long before = 0;
        long after = 0;
        long missing = 0;
        var all = new HashSet<Integer>();
        try (Tokenizer whole = HuggingFaceTokenizer.load(model); Tokenizer small = cut.tokenizer()) {
            for (String text : texts) {
                bytes += text.getBytes(StandardCharsets.UTF_8).length;
                for (String part : windows(text)) {
                    int[] ids = whole.encode(part);
                    before += ids.length;
                    after += small.encode(part).length;
                    for (int id : ids) {
                        missing += cut.newId(id).isEmpty() ? 1 : 0;
                    }
                    add(ids, all);
                }
            }
        }
        int gone = (int) all.stream().filter(id -> cut.newId(id).isEmpty()).count();
        return new Price(bytes, before, after, missing, all.size(), gone);
    }

    /**
     * Writes the model with its tokenizer as a directory, whole or not at all.
     *
     * @throws IllegalArgumentException where {@code out} is there and was not made by pruning
     */
    public Written write(Path out) {
        try (ModelDirectory source = PrunedDirectory.open(model)) {
            NetworkSpec network = source.network();
            ObjectNode config = PrunedDirectory.config(source);
            config.put("vocab_size", cut.size());
            TokenIdFields.renumber(config, cut::newId);
            if (network instanceof EncoderSpec encoder && cut.newId(encoder.padId()).orElse(-1) != encoder.padId()) {
                throw new IllegalArgumentException(model + ": padding would get another id, and this family counts positions from it");
            }
            PrunedDirectory.write(source, out, config, weights(source), directory -> {
                cut.write(directory);
                if (source.file(GenerationConfig.FILE).isPresent()) {
                    ObjectNode generation = JsonFields.read(source.file(GenerationConfig.FILE).get()).object().deepCopy();
                    TokenIdFields.renumber(generation, cut::newId);
                    AtomicFile.writeString(directory.resolve(GenerationConfig.FILE), JsonFields.text(generation));
                }
            }, Map.of("vocabulary", cut.size(), "of", network.vocabSize()));
            return new Written(PrunedDirectory.bytes(model), PrunedDirectory.bytes(out), cut.leftOut());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<Entry> weights(ModelDirectory source) {
        Map<String, Parameter> parameters = new HashMap<>();
        Parameters.of(source.network()).forEach(parameter -> parameters.put(parameter.name(), parameter));
        int[] rows = cut.oldIds();
        List<Entry> entries = new ArrayList<>();
        DirectoryWeights.of(source, Map.of()).forEach((name, view) -> entries.add(ofVocabulary(source.network(), parameters.get(name)) ? rows(name, view, rows)
                : new Entry(name, view.type(), view.shape(), view::data)));
        return entries;
    }

    private static boolean ofVocabulary(NetworkSpec network, Parameter parameter) {
        boolean head = !(network instanceof EncoderSpec encoder) || encoder.head() instanceof Head.MaskedTokens;
        return parameter.role() == Role.EMBED || parameter.role() == Role.HEAD && head;
    }

    private static Entry rows(String name, TensorView view, int[] rows) {
        long[] shape = view.shape();
        long bytes = view.elements() / shape[0] * view.type().bytes();
        shape[0] = rows.length;
        return new Entry(name, view.type(), shape, () -> {
            MemorySegment from = view.data();
            MemorySegment to = Arena.ofAuto().allocate(rows.length * bytes, 64);
            for (int row = 0; row < rows.length; row++) {
                MemorySegment.copy(from, rows[row] * bytes, to, row * bytes, bytes);
            }
            return to;
        });
    }
}
