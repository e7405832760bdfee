package dev.zhulong.recipe.javadoc;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The first sentence of a Javadoc comment as plain text, by the rule of the standard doclet ("Documentation Comment Specification for the
 * Standard Doclet", main description): up to the first period that white space or the end follows, or up to the first block tag or HTML block
 * element. Inline tags count as one word, whatever periods they hold.
 */
final class FirstSentence {
    private static final Set<String> BLOCKS = Set.of("p", "pre", "ul", "ol", "dl", "table", "blockquote", "div", "h1", "h2", "h3", "h4", "h5",
            "h6", "hr", "li", "dd", "dt", "section");
    private static final Map<String, String> ENTITIES = Map.ofEntries(Map.entry("lt", "<"), Map.entry("gt", ">"), Map.entry("amp", "&"),
            Map.entry("quot", "\""), Map.entry("apos", "'"), Map.entry("nbsp", " "), Map.entry("le", "≤"), Map.entry("ge", "≥"),
            Map.entry("ne", "≠"), Map.entry("times", "×"), Map.entry("minus", "−"), Map.entry("pi", "π"), Map.entry("infin", "∞"),
            Map.entry("hellip", "…"), Map.entry("mdash", "—"), Map.entry("ndash", "–"), Map.entry("rarr", "→"), Map.entry("larr", "←"),
            Map.entry("copy", "©"), Map.entry("lsquo", "‘"), Map.entry("rsquo", "’"), Map.entry("ldquo", "“"), Map.entry("rdquo", "”"));
    private static final int LONGEST_ENTITY = 10;
    /** Of a comment this much is read: no sentence worth learning is longer, and no nesting of tags deeper. */
    private static final int READ = 2000;

    private final String text;
    private final StringBuilder sentence = new StringBuilder();
    private int at;

    private FirstSentence(String text) {
        this.text = text;
    }

    /**
     * None where the comment has no sentence of its own: empty, inherited, a single word, or cut off behind "e.g." by the rule.
     *
     * @param comment with its delimiters
     */
    static Optional<String> of(String comment) {
        String text = body(comment.length() <= READ ? comment : comment.substring(0, READ) + "*/");
        if (text.contains("{@inheritDoc")) {
            return Optional.empty();
        }
        var reader = new FirstSentence(text);
        reader.read();
        String plain = reader.sentence.toString().replaceAll("\\s+", " ").strip();
        boolean cut = plain.endsWith("e.g.") || plain.endsWith("i.e.");
        return plain.indexOf(' ') > 0 && plain.chars().anyMatch(Character::isLetter) && !cut ? Optional.of(plain) : Optional.empty();
    }

    /** Lines without delimiters and leading stars, up to the first block tag. */
    private static String body(String comment) {
        var body = new StringBuilder();
        int inline = 0;
        for (String line : comment.substring(3, comment.length() - 2).split("\\R")) {
            String bare = line.stripLeading().replaceFirst("^\\*+", "");
            String start = bare.stripLeading();
            if (inline == 0 && start.length() > 1 && start.charAt(0) == '@' && Character.isLetter(start.charAt(1))) {
                break;
            }
            for (int i = 0; i < bare.length(); i++) {
                char c = bare.charAt(i);
                if (c == '{' && (inline > 0 || bare.startsWith("{@", i))) {
                    inline++;
                } else if (c == '}' && inline > 0) {
                    inline--;
                }
            }
            body.append(bare).append('\n');
        }
        return body.toString();
    }

    private void read() {
        while (at < text.length()) {
            char c = text.charAt(at);
            if (text.startsWith("{@", at)) {
                if (inlineTag()) {
                    return;
                }
            } else if (c == '<' && at + 1 < text.length() && (Character.isLetter(text.charAt(at + 1)) || "/!".indexOf(text.charAt(at + 1)) >= 0)) {
                if (element()) {
                    return;
                }
            } else if (c == '&') {
                entity();
            } else {
                sentence.append(c);
                at++;
                if (c == '.' && (at == text.length() || Character.isWhitespace(text.charAt(at)))) {
                    return;
                }
            }
        }
    }

    /** True where the sentence ends with the tag. */
    private boolean inlineTag() {
        int end = closing(at);
        String inside = text.substring(at + 2, end);
        at = Math.min(text.length(), end + 1);
        int space = 0;
        while (space < inside.length() && !Character.isWhitespace(inside.charAt(space))) {
            space++;
        }
        String content = inside.substring(space).strip();
        switch (inside.substring(0, space)) {
            case "code", "literal", "systemProperty" -> sentence.append(content);
            case "link", "linkplain", "value" -> sentence.append(reference(content));
            case "index" -> sentence.append(content.startsWith("\"") && content.indexOf('"', 1) > 0 ? content.substring(1, content.indexOf('"', 1))
                    : content.split("\\s", 2)[0]);
            case "return" -> {
                sentence.append("Returns ").append(plain(content)).append('.');
                return true;
            }
            case "summary" -> {
                sentence.setLength(0);
                sentence.append(plain(content));
                return true;
            }
            case "snippet", "docRoot" -> { }
            default -> sentence.append(plain(content));
        }
        return false;
    }

    /** All of a tag's content, its own tags reduced as well. */
    private static String plain(String content) {
        var inner = new FirstSentence(content);
        while (inner.at < content.length()) {
            inner.read();
        }
        return inner.sentence.toString();
    }

    /** The brace that closes the inline tag at {@code from}, or the end. */
    private int closing(int from) {
        int depth = 0;
        for (int i = from; i < text.length(); i++) {
            char c = text.charAt(i);
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        return text.length();
    }

    /** Label of a link, or the reference as one would say it. */
    private static String reference(String content) {
        int depth = 0;
        int end = 0;
        for (; end < content.length(); end++) {
            char c = content.charAt(end);
            depth += c == '(' || c == '<' ? 1 : c == ')' || c == '>' ? -1 : 0;
            if (depth == 0 && Character.isWhitespace(c)) {
                break;
            }
        }
        String label = content.substring(end).strip();
        if (!label.isEmpty()) {
            return plain(label);
        }
        String reference = content.startsWith("#") ? content.substring(1) : content;
        return reference.replace('#', '.');
    }

    /** True where a block element ends the sentence. */
    private boolean element() {
        if (text.startsWith("<!--", at)) {
            int end = text.indexOf("-->", at);
            at = end < 0 ? text.length() : end + 3;
            return false;
        }
        int name = at + (text.charAt(at + 1) == '/' ? 2 : 1);
        int nameEnd = name;
        while (nameEnd < text.length() && Character.isLetterOrDigit(text.charAt(nameEnd))) {
            nameEnd++;
        }
        int end = text.indexOf('>', nameEnd);
        if (end < 0) {
            sentence.append('<');
            at++;
            return false;
        }
        String tag = text.substring(name, nameEnd).toLowerCase(Locale.ROOT);
        boolean opens = text.charAt(at + 1) != '/';
        at = end + 1;
        if (tag.equals("sup") && opens) {
            sentence.append('^');
        } else if (tag.equals("br")) {
            sentence.append(' ');
        }
        return BLOCKS.contains(tag) && !sentence.toString().isBlank();
    }

    private void entity() {
        int end = text.indexOf(';', at);
        String name = end < 0 || end - at > LONGEST_ENTITY ? "" : text.substring(at + 1, end);
        String character = ENTITIES.get(name);
        if (name.matches("#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}")) {
            int code = name.charAt(1) == 'x' || name.charAt(1) == 'X' ? Integer.parseInt(name.substring(2), 16) : Integer.parseInt(name.substring(1));
            character = Character.isValidCodePoint(code) && !Character.isISOControl(code) && (code < 0xd800 || code > 0xdfff)
                    ? Character.toString(code) : null;
        }
        if (character == null) {
            sentence.append('&');
            at++;
        } else {
            sentence.append(character);
            at = end + 1;
        }
    }
}
