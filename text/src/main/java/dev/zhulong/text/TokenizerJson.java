package dev.zhulong.text;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Writes a trained vocabulary as {@code tokenizer.json} and {@code tokenizer_config.json}, in the format of Hugging Face's tokenizers
 * library and transformers' {@code PreTrainedTokenizerFast}. Equal vocabularies give equal bytes.
 */
public final class TokenizerJson {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    /**
     * What {@code tokenizer_config.json} says.
     *
     * @param bos            beginning of sequence, one of the specials, or null
     * @param eos            end of sequence, one of the specials, or null
     * @param pad            padding, one of the specials, or null
     * @param addBos         whether sequences start with {@code bos}
     * @param addEos         whether sequences end with {@code eos}, as what an encoder–decoder reads does
     * @param modelMaxLength context length in tokens
     */
    public record Settings(String bos, String eos, String pad, boolean addBos, boolean addEos, int modelMaxLength) {
        public Settings {
            if (addBos && bos == null) {
                throw new IllegalArgumentException("add_bos_token needs a bos token");
            }
            if (addEos && (eos == null || addBos)) {
                throw new IllegalArgumentException("add_eos_token needs an eos token, and no bos token before the text");
            }
        }

        /** Nothing after a sequence. */
        public Settings(String bos, String eos, String pad, boolean addBos, int modelMaxLength) {
            this(bos, eos, pad, addBos, false, modelMaxLength);
        }
    }

    private TokenizerJson() {
    }

    /** Writes both files into {@code directory}, which is made if need be; each file appears whole or not at all. */
    public static void write(Path directory, TrainedVocabulary vocabulary, Settings settings) {
        for (String named : new String[] {settings.bos(), settings.eos(), settings.pad()}) {
            if (named != null && !vocabulary.specials().contains(named)) {
                throw new IllegalArgumentException("\"" + named + "\" is not among the special tokens " + vocabulary.specials());
            }
        }
        try {
            Files.createDirectories(directory);
            replace(directory.resolve("tokenizer.json"), tokenizer(vocabulary, settings));
            replace(directory.resolve("tokenizer_config.json"), config(settings));
        } catch (IOException e) {
            throw new UncheckedIOException(directory + ": the tokenizer cannot be written: " + e.getMessage(), e);
        }
    }

    private static ObjectNode tokenizer(TrainedVocabulary vocabulary, Settings settings) {
        ObjectNode root = NODES.objectNode().put("version", "1.0").putNull("truncation").putNull("padding");
        ObjectNode model = NODES.objectNode().put("type", "BPE").putNull("dropout").putNull("unk_token")
                .putNull("continuing_subword_prefix").putNull("end_of_word_suffix").put("fuse_unk", false).put("byte_fallback", false)
                .put("ignore_merges", false);
        ObjectNode vocab = NODES.objectNode();
        ArrayNode merges = NODES.arrayNode();
        int firstSpecial = switch (vocabulary) {
            case BpeVocabulary bpe -> {
                addBpe(bpe, vocab, merges);
                yield 0;
            }
            case CharacterVocabulary characters -> {
                characters.codePoints().forEach(c -> vocab.put(Character.toString(c), vocab.size()));
                characters.specials().forEach(special -> vocab.put(special, vocab.size()));
                yield characters.codePoints().size();
            }
        };
        ArrayNode added = root.putArray("added_tokens");
        List<String> specials = vocabulary.specials();
        for (int i = 0; i < specials.size(); i++) {
            added.addObject().put("id", firstSpecial + i).put("content", specials.get(i)).put("single_word", false).put("lstrip", false)
                    .put("rstrip", false).put("normalized", false).put("special", true);
        }
        root.putNull("normalizer");
        if (vocabulary instanceof BpeVocabulary bpe) {
            root.set("pre_tokenizer", preTokenizer(bpe.preTokenizer()));
        } else {
            root.putNull("pre_tokenizer");
        }
        if (settings.addBos()) {
            root.set("post_processor", template(settings.bos(), firstSpecial + specials.indexOf(settings.bos()), true));
        } else if (settings.addEos()) {
            root.set("post_processor", template(settings.eos(), firstSpecial + specials.indexOf(settings.eos()), false));
        } else {
            root.putNull("post_processor");
        }
        root.set("decoder", vocabulary instanceof BpeVocabulary ? byteLevel(false) : NODES.objectNode().put("type", "Fuse"));
        model.set("vocab", vocab);
        model.set("merges", merges);
        root.set("model", model);
        return root;
    }

    private static void addBpe(BpeVocabulary bpe, ObjectNode vocab, ArrayNode merges) {
        byte[][] bytes = bpe.bytes();
        for (int id = 0; id < bytes.length; id++) {
            vocab.put(id < bpe.specials().size() ? bpe.specials().get(id) : ByteAlphabet.spell(bytes[id]), id);
        }
        for (BpeVocabulary.Merge merge : bpe.merges()) {
            merges.add(ByteAlphabet.spell(bytes[merge.left()]) + " " + ByteAlphabet.spell(bytes[merge.right()]));
        }
    }

    static ObjectNode preTokenizer(PreTokenizer preTokenizer) {
        if (preTokenizer == PreTokenizer.GPT2) {
            return byteLevel(true);
        }
        ObjectNode sequence = NODES.objectNode().put("type", "Sequence");
        ArrayNode steps = sequence.putArray("pretokenizers");
        ObjectNode split = steps.addObject().put("type", "Split");
        split.putObject("pattern").put("Regex", preTokenizer.regex());
        split.put("behavior", "Isolated").put("invert", false);
        steps.add(byteLevel(false));
        return sequence;
    }

    static ObjectNode byteLevel(boolean useRegex) {
        return NODES.objectNode().put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", false)
                .put("use_regex", useRegex);
    }

    /** @param before whether the mark stands before a text, or after it */
    private static ObjectNode template(String mark, int id, boolean before) {
        ObjectNode template = NODES.objectNode().put("type", "TemplateProcessing");
        ArrayNode single = template.putArray("single");
        ArrayNode pair = template.putArray("pair");
        text(single, mark, before, "A", 0);
        text(pair, mark, before, "A", 0);
        text(pair, mark, before, "B", 1);
        ObjectNode token = template.putObject("special_tokens").putObject(mark).put("id", mark);
        token.putArray("ids").add(id);
        token.putArray("tokens").add(mark);
        return template;
    }

    private static void text(ArrayNode steps, String mark, boolean before, String text, int type) {
        if (before) {
            step(steps, "SpecialToken", mark, type);
        }
        step(steps, "Sequence", text, type);
        if (!before) {
            step(steps, "SpecialToken", mark, type);
        }
    }

    private static void step(ArrayNode steps, String kind, String id, int type) {
        steps.addObject().putObject(kind).put("id", id).put("type_id", type);
    }

    private static ObjectNode config(Settings settings) {
        ObjectNode config = NODES.objectNode().put("add_bos_token", settings.addBos());
        if (settings.bos() != null) {
            config.put("bos_token", settings.bos());
        }
        config.put("clean_up_tokenization_spaces", false);
        if (settings.eos() != null) {
            config.put("eos_token", settings.eos());
        }
        if (settings.addEos()) {
            config.put("add_eos_token", true);
        }
        config.put("model_max_length", settings.modelMaxLength());
        if (settings.pad() != null) {
            config.put("pad_token", settings.pad());
        }
        return config.put("tokenizer_class", "PreTrainedTokenizerFast");
    }

    private static void replace(Path file, ObjectNode content) throws IOException {
        DefaultIndenter lines = new DefaultIndenter("  ", "\n");
        AtomicFile.writeBytes(file, new ObjectMapper().writer(new DefaultPrettyPrinter().withObjectIndenter(lines).withArrayIndenter(lines))
                .writeValueAsBytes(content));
    }
}
