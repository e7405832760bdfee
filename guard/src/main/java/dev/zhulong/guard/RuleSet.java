package dev.zhulong.guard;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Rules of a YAML file.
 *
 * @param name  of the set
 * @param rules in their order
 */
record RuleSet(String name, List<Rule> rules) {
    /**
     * A rule.
     *
     * @param id       {@code SET/RULE}
     * @param input    whether it looks at what goes to the model
     * @param output   whether it looks at what comes from it
     * @param words    whole words and phrases
     * @param patterns regular expressions
     * @param check    name of what a pattern's match must pass; null for none
     * @param pii      kinds of personal data
     * @param atLeast  number of the match in a text from which on something is done
     * @param when     a condition on the {@link Context}, in Drools' words; null for none
     * @param action   null where a DRL file decides
     * @param with     of the action
     */
    record Rule(String id, boolean input, boolean output, List<String> words, List<String> patterns, String check, List<Pii> pii, int atLeast, String when, Action action, String with) {
        /** The rule that decides, in Drools' language. */
        String drl() {
            String where = input && output ? "" : output ? "output" : "input";
            String context = where + (when == null ? "" : (where.isEmpty() ? "" : ", ") + when);
            return "rule " + quoted(id) + "\nwhen\n    Context(" + context + ")\n    $match : Match(rule == " + quoted(id) + ", ordinal >= " + atLeast
                    + ")\nthen\n    decisions.add($match, " + quoted(action.label()) + ", " + quoted(with) + ");\nend\n";
        }
    }

    private static final ObjectMapper YAML = YAMLMapper.builder().build();
    private static final Set<String> KEYS = Set.of("id", "on", "words", "word-files", "patterns", "check", "pii", "at-least", "when", "action", "with");

    /** A string of Drools and Java. */
    static String quoted(String text) {
        var out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            out.append(switch (c) {
                case '"' -> "\\\"";
                case '\\' -> "\\\\";
                case '\n' -> "\\n";
                case '\r' -> "\\r";
                case '\t' -> "\\t";
                default -> c < 32 || c > 126 ? "\\u%04x".formatted((int) c) : String.valueOf(c);
            });
        }
        return out.append('"').toString();
    }

    /**
     * Reads a file; files of words are looked for beside it.
     *
     * @throws IllegalArgumentException where something is malformed or unknown; says what and where
     */
    static RuleSet read(Path file) {
        try {
            return parse(file.toString(), Files.readString(file), file.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /** @param directory of files of words; null where there are none */
    static RuleSet parse(String source, String yaml, Path directory) {
        try {
            JsonNode root = YAML.readTree(yaml);
            if (!root.isObject() || !root.path("rules").isArray()) {
                throw new IllegalArgumentException("a rules file needs a name and a list of rules");
            }
            String name = root.path("name").asText();
            if (!name.matches("[a-z0-9-]+")) {
                throw new IllegalArgumentException("name must consist of lower-case letters, digits and '-'");
            }
            List<Rule> rules = new ArrayList<>();
            for (JsonNode node : root.get("rules")) {
                rules.add(rule(name, node, directory));
            }
            return new RuleSet(name, rules);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(source + ": " + e.getOriginalMessage().lines().findFirst().orElse("malformed YAML")
                    + (e.getLocation() == null ? "" : " (line " + e.getLocation().getLineNr() + ")"), e);
        } catch (IllegalArgumentException | UncheckedIOException e) {
            throw new IllegalArgumentException(source + ": " + e.getMessage(), e);
        }
    }

    private static Rule rule(String set, JsonNode node, Path directory) {
        String id = node.path("id").asText();
        if (!id.matches("[a-z0-9-]+")) {
            throw new IllegalArgumentException("each rule needs an id of lower-case letters, digits and '-', found '" + id + "'");
        }
        node.fieldNames().forEachRemaining(key -> {
            if (!KEYS.contains(key)) {
                throw new IllegalArgumentException("rule " + id + ": there is no '" + key + "'; expected one of " + KEYS.stream().sorted().toList());
            }
        });
        try {
            String on = node.path("on").asText("both");
            if (!Set.of("input", "output", "both").contains(on)) {
                throw new IllegalArgumentException("on must be input, output or both");
            }
            List<String> words = new ArrayList<>(texts(node, "words"));
            for (String name : texts(node, "word-files")) {
                if (directory == null) {
                    throw new IllegalArgumentException("word-files are allowed only for rules in files");
                }
                Path file = directory.resolve(name);
                if (Files.exists(file)) {
                    Files.readAllLines(file).stream().map(String::strip).filter(line -> !line.isEmpty() && !line.startsWith("#")).forEach(words::add);
                } else {
                    throw new IllegalArgumentException("no such file of words: " + file);
                }
            }
            String check = node.has("check") ? node.get("check").asText() : null;
            if (check != null && !Checks.ALL.containsKey(check)) {
                throw new IllegalArgumentException("unknown check '" + check + "'; expected one of " + Checks.ALL.keySet().stream().sorted().toList());
            }
            int atLeast = node.path("at-least").asInt(1);
            if (atLeast < 1) {
                throw new IllegalArgumentException("at-least must be 1 or more");
            }
            Action action = node.has("action") ? Action.of(node.get("action").asText()) : null;
            List<Pii> pii = texts(node, "pii").stream().map(Pii::of).toList();
            return new Rule(set + "/" + id, !on.equals("output"), !on.equals("input"), words, texts(node, "patterns"), check, pii, atLeast,
                    node.has("when") ? node.get("when").asText() : null, action, node.path("with").asText(""));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("rule " + id + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException("rule " + id + ": " + e.getMessage(), e);
        }
    }

    private static List<String> texts(JsonNode node, String key) {
        List<String> texts = new ArrayList<>();
        node.path(key).forEach(each -> texts.add(each.asText()));
        return texts;
    }
}
