package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Python.Callable;
import dev.zhulong.text.chat.jinja.Python.Tuple;
import dev.zhulong.text.chat.jinja.Python.Undefined;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;

/** What may follow {@code is}. */
final class Tests {
    private Tests() {}

    static boolean apply(String name, Object value, Arguments a) {
        return switch (name) {
            case "defined" -> !(value instanceof Undefined);
            case "undefined" -> value instanceof Undefined;
            case "none" -> value == null;
            case "string" -> value instanceof Text;
            case "mapping" -> value instanceof Map<?, ?>;
            case "sequence", "iterable" -> value instanceof Text || value instanceof List<?> || value instanceof Tuple || value instanceof Map<?, ?>
                    || value instanceof Undefined;
            case "number" -> Python.isInteger(value) || value instanceof Double;
            case "integer" -> value instanceof Long || value instanceof BigInteger;
            case "float" -> value instanceof Double;
            case "boolean" -> value instanceof Boolean;
            case "true" -> value instanceof Boolean b && b;
            case "false" -> value instanceof Boolean b && !b;
            case "callable" -> value instanceof Callable;
            case "odd" -> Python.big(value).testBit(0);
            case "even" -> !Python.big(value).testBit(0);
            case "divisibleby" -> divisible(Python.big(value), Python.big(a.required(0, "num")));
            case "lower" -> value instanceof Text t && Python.truth(Strings.method(t, "islower").orElseThrow().call(a));
            case "upper" -> value instanceof Text t && Python.truth(Strings.method(t, "isupper").orElseThrow().call(a));
            case "eq", "equalto", "==" -> Python.equal(value, a.required(0, "other"));
            case "ne", "!=" -> !Python.equal(value, a.required(0, "other"));
            case "lt", "lessthan" -> Python.compare(value, a.required(0, "other")) < 0;
            case "le" -> Python.compare(value, a.required(0, "other")) <= 0;
            case "gt", "greaterthan" -> Python.compare(value, a.required(0, "other")) > 0;
            case "ge" -> Python.compare(value, a.required(0, "other")) >= 0;
            case "in" -> Python.contains(a.required(0, "seq"), value, a.limits());
            case "sameas" -> value == a.required(0, "other") || value != null && !(value instanceof List<?>) && value.equals(a.get(0, "other", null));
            case "filter" -> Filters.NAMES.contains(String.valueOf(value));
            case "test" -> NAMES.contains(String.valueOf(value));
            default -> throw new TemplateException("no test is called '" + name + "'");
        };
    }

    private static final List<String> NAMES = List.of("defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number", "integer",
            "float", "boolean", "true", "false", "callable", "odd", "even", "divisibleby", "lower", "upper", "eq", "equalto", "ne", "lt", "lessthan",
            "le", "gt", "greaterthan", "ge", "in", "sameas", "filter", "test");

    private static boolean divisible(BigInteger value, BigInteger by) {
        if (by.signum() == 0) {
            throw new TemplateException("division by zero");
        }
        return value.remainder(by).signum() == 0;
    }
}
