package dev.zhulong.recipe.distance;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A BERT tokenizer that knows certain words whole, and no others: so a sentence has as many tokens as words and signs. */
final class WordTokenizer {
    /** Padding first, whose id is 0. */
    private static final List<String> SPECIAL = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");

    private WordTokenizer() {}

    /** Number of tokens. */
    static int size(List<String> words) {
        return SPECIAL.size() + words.size();
    }

    /** Writes {@code tokenizer.json} and {@code tokenizer_config.json}. @param words in lower case */
    static void write(Path directory, List<String> words) {
        ObjectNode root = JsonNodeFactory.instance.objectNode().put("version", "1.0").putNull("truncation").putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        ObjectNode vocabulary = JsonNodeFactory.instance.objectNode();
        for (String token : SPECIAL) {
            added.addObject().put("id", vocabulary.size()).put("content", token).put("single_word", false).put("lstrip", false).put("rstrip", false).put("normalized", false)
                    .put("special", true);
            vocabulary.put(token, vocabulary.size());
        }
        words.forEach(word -> vocabulary.put(word, vocabulary.size()));
        root.putObject("normalizer").put("type", "BertNormalizer").put("clean_text", true).put("handle_chinese_chars", true).putNull("strip_accents").put("lowercase", true);
        root.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
        root.putNull("post_processor");
        root.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
        root.putObject("model").put("type", "WordPiece").put("unk_token", SPECIAL.get(1)).put("continuing_subword_prefix", "##").put("max_input_chars_per_word", 100)
                .set("vocab", vocabulary);
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(directory + " cannot be made: " + e.getMessage(), e);
        }
        JsonFile.write(directory.resolve("tokenizer.json"), root);
        ObjectNode config = JsonNodeFactory.instance.objectNode().put("tokenizer_class", "BertTokenizer").put("pad_token", SPECIAL.get(0)).put("unk_token", SPECIAL.get(1));
        JsonFile.write(directory.resolve("tokenizer_config.json"), config.put("cls_token", SPECIAL.get(2)).put("sep_token", SPECIAL.get(3)).put("mask_token", SPECIAL.get(4)));
    }
}
