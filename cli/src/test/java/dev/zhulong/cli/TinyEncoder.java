package dev.zhulong.cli;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.NetworkFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A small random encoder without a head that knows a few words, as a directory; a BERT where nothing else is said. */
final class TinyEncoder {
    private static final List<String> SPECIAL = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");

    private TinyEncoder() {}

    /** The same with one output for a pair of texts. */
    static Path scoring(Path directory, String... words) throws IOException {
        return scoringOf(directory, "bert", words);
    }

    static Path scoringOf(Path directory, String family, String... words) throws IOException {
        var bare = (EncoderSpec) HfConfig.network(of(directory, family, words).resolve("config.json"));
        try (Encoder model = Encoder.random(bare.withClasses(List.of("LABEL_0"), EncoderSpec.Problem.REGRESSION), 1)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        return directory;
    }

    static Path write(Path directory, String... words) throws IOException {
        return of(directory, "bert", words);
    }

    /** What a family's configuration has besides sizes: a window in some layers, distances, its own names. */
    private static String family(String type) {
        return switch (type) {
            case "bert" -> "\"type_vocab_size\": 2, \"layer_norm_eps\": 1e-12";
            case "roberta", "xlm-roberta" -> "\"type_vocab_size\": 2, \"layer_norm_eps\": 1e-5, \"max_position_embeddings\": 65";
            case "distilbert" -> "\"dim\": 32, \"n_layers\": 2, \"n_heads\": 4, \"hidden_dim\": 64, \"activation\": \"gelu\"";
            case "modernbert" -> "\"hidden_activation\": \"gelu\", \"local_attention\": 8, \"global_attn_every_n_layers\": 2, \"norm_eps\": 1e-5, \"cls_token_id\": 2, \"sep_token_id\": 3";
            case "deberta-v2" -> "\"type_vocab_size\": 0, \"relative_attention\": true, \"position_buckets\": 8, \"max_relative_positions\": -1, \"pos_att_type\": [\"p2c\", \"c2p\"],"
                    + " \"share_att_key\": true, \"norm_rel_ebd\": \"layer_norm\", \"position_biased_input\": false, \"layer_norm_eps\": 1e-7";
            default -> throw new IllegalArgumentException(type);
        };
    }

    static Path of(Path directory, String type, String... words) throws IOException {
        Files.createDirectories(directory);
        List<String> all = IntStream.range(0, SPECIAL.size() + words.length).mapToObj(i -> i < SPECIAL.size() ? SPECIAL.get(i) : words[i - SPECIAL.size()]).toList();
        String vocabulary = IntStream.range(0, all.size()).mapToObj(i -> "\"" + all.get(i) + "\": " + i).collect(Collectors.joining(", "));
        String added = IntStream.range(0, SPECIAL.size()).mapToObj(i -> "{\"id\": " + i + ", \"content\": \"" + SPECIAL.get(i)
                + "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}").collect(Collectors.joining(", "));
        Files.writeString(directory.resolve("tokenizer.json"), """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [%s],
                 "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
                 "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {%s}}}
                """.formatted(added, vocabulary));
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"tokenizer_class\": \"BertTokenizer\", \"cls_token\": \"[CLS]\", \"sep_token\": \"[SEP]\","
                + " \"pad_token\": \"[PAD]\", \"unk_token\": \"[UNK]\", \"mask_token\": \"[MASK]\"}");
        Path config = directory.resolve("config.json");
        String own = family(type);
        Files.writeString(config, """
                {"model_type": "%s", "vocab_size": %d, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
                 "hidden_act": "gelu", %s %s, "pad_token_id": 0}
                """.formatted(type, all.size(), own.contains("max_position_embeddings") ? "" : "\"max_position_embeddings\": 64,", own));
        try (Encoder model = Encoder.random((EncoderSpec) HfConfig.network(config), 1)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        return directory;
    }
}
