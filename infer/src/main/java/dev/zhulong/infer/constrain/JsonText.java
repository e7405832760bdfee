package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.constrain.Expression.Chars;
import dev.zhulong.infer.constrain.Expression.Choice;
import dev.zhulong.infer.constrain.Expression.Repeat;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** How JSON is written: characters of strings, white space, fixed values. */
final class JsonText {
    private static final int DEEPEST_INDENT = 24;
    private static final CodePoints ESCAPED = CodePoints.of(0, 0x1F, '"', '"', '\\', '\\');
    private static final String SHORT = "\"\\\b\f\n\r\t";
    private static final String SHORT_NAMES = "\"\\bfnrt";
    private static final Expression HEX = new Chars(CodePoints.of('0', '9', 'A', 'F', 'a', 'f'));

    /** Nothing, a space, or a line end and a bounded indent: never more, as a model might write nothing else for ever. */
    static final Expression SPACE = Expression.choice(Expression.EMPTY, Expression.text(" "),
            Expression.sequence(Expression.text("\n"), new Repeat(Expression.text(" "), 0, DEEPEST_INDENT)));

    /** Between a key's colon and its value. */
    static final Expression ONE_SPACE = Expression.optional(Expression.text(" "));

    /** Any character of a string in any spelling; surrogates only in pairs. */
    static final Expression CHARACTER = Expression.choice(
            new Chars(ESCAPED.complement()),
            Expression.sequence(Expression.text("\\"), Expression.choice(
                    new Chars(CodePoints.among("\"\\/bfnrt")),
                    Expression.sequence(Expression.text("u"), Expression.choice(
                            Expression.sequence(new Chars(CodePoints.among("0123456789ABCEFabcef")), HEX, HEX, HEX),
                            Expression.sequence(among("Dd"), Expression.chars('0', '7'), HEX, HEX),
                            Expression.sequence(among("Dd"), among("89ABab"), HEX, HEX, Expression.text("\\u"),
                                    among("Dd"), among("CDEFcdef"), HEX, HEX))))));

    private JsonText() {}

    private static Expression among(String characters) {
        return new Chars(CodePoints.among(characters));
    }

    /** One character of {@code set} in the one spelling that is used where it matters which character it is. */
    static Expression written(CodePoints set) {
        CodePoints escaped = set.and(ESCAPED);
        if (escaped.isEmpty()) {
            return new Chars(set);
        }
        var options = new ArrayList<Expression>();
        options.add(new Chars(set.without(ESCAPED)));
        for (int run = 0; run < escaped.runs(); run++) {
            for (int c = escaped.first(run); c <= escaped.last(run); c++) {
                options.add(Expression.text(escape(c)));
            }
        }
        return new Choice(options);
    }

    private static String escape(int c) {
        int at = SHORT.indexOf(c);
        return at >= 0 ? "\\" + SHORT_NAMES.charAt(at) : String.format("\\u%04x", c);
    }

    /** A string as {@link #written} spells it, with its quotes. */
    static String quoted(String text) {
        var out = new StringBuilder("\"");
        text.codePoints().forEach(c -> {
            if (ESCAPED.contains(c)) {
                out.append(escape(c));
            } else {
                out.appendCodePoint(c);
            }
        });
        return out.append('"').toString();
    }

    /** For errors: {@code message} with its control characters escaped. */
    static String oneLine(String message) {
        return message.codePoints().mapToObj(c -> Character.isISOControl(c) ? escape(c) : Character.toString(c)).collect(Collectors.joining());
    }

    /** A value without white space. */
    static String compact(JsonNode value) {
        if (value.isTextual()) {
            return quoted(value.textValue());
        }
        if (value.isArray()) {
            List<String> items = value.valueStream().map(JsonText::compact).toList();
            return "[" + String.join(",", items) + "]";
        }
        if (value.isObject()) {
            List<String> members = value.propertyStream().map(each -> quoted(each.getKey()) + ":" + compact(each.getValue())).toList();
            return "{" + String.join(",", members) + "}";
        }
        return value.toString();
    }
}
