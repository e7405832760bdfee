package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.SentencePieceModel.Type;
import dev.zhulong.text.SequenceTemplate.Step;
import dev.zhulong.text.SequenceTemplate.Text;
import dev.zhulong.text.SequenceTemplate.Token;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What families made of SentencePiece's files: which id a piece has, which tokens are no text, and what stands around one; as transformers' tokenizers have it. */
enum SentencePieceFamily {
    /** The file's own ids, and as many sentinels behind them as the configuration says. */
    T5(List.of("T5Tokenizer", "MT5Tokenizer"), List.of("t5", "mt5", "umt5"), ""),
    XLM_ROBERTA(List.of("XLMRobertaTokenizer"), List.of("xlm-roberta"), ""),
    MBART(List.of("MBartTokenizer"), List.of("mbart"), "en_XX"),
    MBART50(List.of("MBart50Tokenizer"), List.of(), "en_XX"),
    NLLB(List.of("NllbTokenizer"), List.of(), "eng_Latn"),
    M2M_100(List.of("M2M100Tokenizer"), List.of("m2m_100"), "en"),
    MARIAN(List.of("MarianTokenizer"), List.of("marian"), "");

    /** What Marian writes. */
    static final String TARGET = "target.spm";
    static final String TABLE = "vocab.json";
    /** In the order in which they are looked for. */
    private static final List<String> READ = List.of("spiece.model", "sentencepiece.bpe.model", "source.spm");
    private static final int SENTINELS = 100;
    /** Its later models have 52. */
    private static final int LANGUAGES_OF_MBART = 25;

    private final List<String> classes;
    private final List<String> models;
    private final String language;

    SentencePieceFamily(List<String> classes, List<String> models, String language) {
        this.classes = classes;
        this.models = models;
        this.language = language;
    }

    /**
     * Ids of all tokens.
     *
     * @param ids     by spelling
     * @param special those that are no text
     * @param unknown of what is no piece
     */
    record Table(Map<String, Integer> ids, Set<String> special, int unknown) {}

    /** The file of SentencePiece that a directory's texts are read with. */
    static Optional<Path> file(Path directory) {
        return READ.stream().map(directory::resolve).filter(Files::isRegularFile).findFirst();
    }

    /** Of a directory, by {@code tokenizer_class}, else by its model's type. */
    static SentencePieceFamily of(Path directory, ObjectNode config) {
        String named = config.path("tokenizer_class").asText("").replaceFirst("Fast$", "");
        for (SentencePieceFamily family : values()) {
            if (family.classes.contains(named)) {
                return family;
            }
        }
        Path file = directory.resolve("config.json");
        String type = Files.isRegularFile(file) ? HuggingFaceTokenizer.read(file).path("model_type").asText() : "";
        for (SentencePieceFamily family : values()) {
            if (named.isEmpty() && family.models.contains(type)) {
                boolean table = Files.isRegularFile(directory.resolve(TABLE));
                return family == M2M_100 && !table ? NLLB : family == MBART && languages(config).size() > LANGUAGES_OF_MBART ? MBART50 : family;
            }
        }
        throw new IllegalArgumentException(directory + ": its SentencePiece tokenizer is " + (named.isEmpty() ? "of a model " + type : named) + ", and known are those of T5, mT5, XLM-R,"
                + " mBART, NLLB, M2M-100 and Marian; a tokenizer.json, which transformers writes, is read of any");
    }

    String bos() {
        return this == T5 || this == MARIAN ? "" : "<s>";
    }

    private static List<String> languages(JsonNode config) {
        JsonNode listed = config.path("additional_special_tokens").isArray() ? config.path("additional_special_tokens") : config.path("extra_special_tokens");
        List<String> all = new ArrayList<>();
        listed.forEach(token -> all.add((token.isObject() ? token.path("content") : token).asText()));
        return all;
    }

    Table table(SentencePieceModel model, ObjectNode config, Path directory) {
        Map<String, Integer> ids = new LinkedHashMap<>();
        Set<String> special = new LinkedHashSet<>(List.of("<pad>", "</s>", "<unk>"));
        switch (this) {
            case T5 -> {
                for (int id = 0; id < model.pieces().size(); id++) {
                    ids.put(model.pieces().get(id).text(), id);
                }
                int sentinels = config.path("extra_ids").asInt(SENTINELS);
                for (int i = sentinels - 1; i >= 0; i--) {
                    ids.putIfAbsent("<extra_id_" + i + ">", model.pieces().size() + sentinels - 1 - i);
                    special.add("<extra_id_" + i + ">");
                }
                model.pieces().stream().filter(piece -> piece.type() == Type.CONTROL).forEach(piece -> special.add(piece.text()));
            }
            case XLM_ROBERTA, MBART, MBART50, NLLB -> {
                // fairseq's order of the first four, and everything behind them one place further
                List<String> first = List.of("<s>", "<pad>", "</s>", "<unk>");
                first.forEach(token -> ids.put(token, ids.size()));
                for (int id = 3; id < model.pieces().size(); id++) {
                    ids.putIfAbsent(model.pieces().get(id).text(), id + 1);
                }
                int next = model.pieces().size() + 1;
                if (this != XLM_ROBERTA) {
                    for (String each : allLanguages(config)) {
                        special.add(each);
                        if (ids.putIfAbsent(each, next) == null) {
                            next++;
                        }
                    }
                }
                ids.putIfAbsent("<mask>", next);
                special.addAll(first);
                special.add("<mask>");
            }
            case M2M_100, MARIAN -> {
                Path file = directory.resolve(TABLE);
                HuggingFaceTokenizer.read(file).properties().forEach(entry -> {
                    if (!entry.getValue().canConvertToInt() || entry.getValue().intValue() < 0) {
                        throw new IllegalArgumentException(file + ": expected ids, found " + entry.getValue() + " for " + entry.getKey());
                    }
                    ids.put(entry.getKey(), entry.getValue().intValue());
                });
                if (this == M2M_100) {
                    special.add("<s>");
                    int next = ids.size();
                    for (String each : allLanguages(config)) {
                        special.add(each);
                        ids.putIfAbsent(each, next++);
                    }
                }
            }
        }
        special.retainAll(ids.keySet());
        Integer unknown = ids.get(this == T5 ? model.pieces().get(model.unknown()).text() : "<unk>");
        if (unknown == null) {
            throw new IllegalArgumentException(directory.resolve(TABLE) + ": expected a token <unk>");
        }
        return new Table(ids, special, unknown);
    }

    private List<String> allLanguages(ObjectNode config) {
        List<String> all = languages(config);
        return !all.isEmpty() ? all : switch (this) {
            case MBART -> SentencePieceLanguages.OF_MBART;
            case MBART50 -> SentencePieceLanguages.OF_MBART_50;
            case NLLB -> SentencePieceLanguages.OF_NLLB;
            default -> SentencePieceLanguages.OF_M2M_100.stream().map(code -> "__" + code + "__").toList();
        };
    }

    SequenceTemplate template(Table table, ObjectNode config, Path directory) {
        List<Integer> before = new ArrayList<>();
        List<Integer> behind = new ArrayList<>(List.of(table.ids().get("</s>")));
        if (this == XLM_ROBERTA) {
            before.add(table.ids().get("<s>"));
        } else if (!language.isEmpty()) {
            String source = config.path("src_lang").asText(language);
            Integer id = table.ids().get(this == M2M_100 && !source.startsWith("__") ? "__" + source + "__" : source);
            if (id == null) {
                throw new IllegalArgumentException(directory + ": src_lang " + source + " is none of the model's languages");
            }
            (this == MBART ? behind : before).add(id);
        }
        List<Integer> between = this == XLM_ROBERTA ? List.of(table.ids().get("</s>"), table.ids().get("</s>")) : this == T5 ? List.of(table.ids().get("</s>")) : List.of();
        return new SequenceTemplate(steps(before, List.of(), behind, false), steps(before, between, behind, true));
    }

    private static List<Step> steps(List<Integer> before, List<Integer> between, List<Integer> behind, boolean two) {
        List<Step> steps = new ArrayList<>();
        before.forEach(id -> steps.add(new Token(id, 0)));
        steps.add(new Text(0, 0));
        if (two) {
            between.forEach(id -> steps.add(new Token(id, 0)));
            steps.add(new Text(1, 0));
        }
        behind.forEach(id -> steps.add(new Token(id, 0)));
        return steps;
    }
}
