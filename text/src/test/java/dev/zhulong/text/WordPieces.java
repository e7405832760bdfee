package dev.zhulong.text;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A small uncased WordPiece tokenizer, as a directory. */
final class WordPieces {
    private WordPieces() {
    }

    static void write(Path directory) {
        ObjectNode vocab = JsonNodeFactory.instance.objectNode();
        for (String token : new String[] {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
            vocab.put(token, vocab.size());
        }
        for (char c = 'a'; c <= 'z'; c++) {
            vocab.put(Character.toString(c), vocab.size());
            vocab.put("##" + c, vocab.size());
        }
        for (String word : new String[] {"hello", "world", "int", "##orld", "##turn", "re", "e", "##1", "1", "2", "##2", "3", "<", ">", "|",
            "'", "=", "+", "/", "_", "-", ".", "中", "文", "##字", "字", "[", "]", "#", "the", "##ing"}) {
            if (!vocab.has(word)) {
                vocab.put(word, vocab.size());
            }
        }
        ObjectNode root = JsonNodeFactory.instance.objectNode().put("version", "1.0").putNull("truncation").putNull("padding");
        var added = root.putArray("added_tokens");
        for (int id = 0; id < 5; id++) {
            added.addObject().put("id", id).put("content", new String[] {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}[id])
                    .put("single_word", false).put("lstrip", false).put("rstrip", false).put("normalized", false).put("special", true);
        }
        root.putObject("normalizer").put("type", "BertNormalizer").put("clean_text", true).put("handle_chinese_chars", true)
                .putNull("strip_accents").put("lowercase", true);
        root.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
        root.putNull("post_processor");
        root.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
        root.putObject("model").put("type", "WordPiece").put("unk_token", "[UNK]").put("continuing_subword_prefix", "##")
                .put("max_input_chars_per_word", 100).set("vocab", vocab);
        try {
            Files.writeString(directory.resolve("tokenizer.json"), root.toString());
            Files.writeString(directory.resolve("tokenizer_config.json"),
                    "{\"bos_token\": \"[CLS]\", \"eos_token\": \"[SEP]\", \"unk_token\": \"[UNK]\", \"add_bos_token\": true}");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
