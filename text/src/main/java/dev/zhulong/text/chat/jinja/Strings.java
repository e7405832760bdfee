package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Python.Callable;
import dev.zhulong.text.chat.jinja.Python.Tuple;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntPredicate;

/** Methods of strings. */
final class Strings {
    private Strings() {}

    /** The method {@code text.name}, if there is one. */
    static Optional<Callable> method(Text text, String name) {
        String chars = text.toString();
        return Optional.ofNullable(switch (name) {
            case "strip" -> a -> strip(text, a, true, true);
            case "lstrip" -> a -> strip(text, a, true, false);
            case "rstrip" -> a -> strip(text, a, false, true);
            case "upper" -> a -> changed(text, chars.toUpperCase(Locale.ROOT), a);
            case "lower" -> a -> changed(text, chars.toLowerCase(Locale.ROOT), a);
            case "title" -> a -> changed(text, title(chars, false), a);
            case "capitalize" -> a -> changed(text, capitalize(chars), a);
            case "swapcase" -> a -> changed(text, swapped(chars), a);
            case "startswith" -> a -> affix(a, "prefix", chars::startsWith);
            case "endswith" -> a -> affix(a, "suffix", chars::endsWith);
            case "removeprefix" -> a -> {
                Text prefix = a.text(0, "prefix", Text.EMPTY);
                return chars.startsWith(prefix.toString()) ? text.slice(prefix.units(), text.units()) : text;
            };
            case "removesuffix" -> a -> {
                Text suffix = a.text(0, "suffix", Text.EMPTY);
                return chars.endsWith(suffix.toString()) ? text.slice(0, text.units() - suffix.units()) : text;
            };
            case "split" -> a -> split(text, a, false);
            case "rsplit" -> a -> split(text, a, true);
            case "splitlines" -> a -> lines(text, Python.truth(a.get(0, "keepends", false)), a.limits());
            case "partition" -> a -> partition(text, a, false);
            case "rpartition" -> a -> partition(text, a, true);
            case "replace" -> a -> replace(text, a.text(0, "old", null), a.text(1, "new", null), Python.whole(a.get(2, "count", -1L)), a.limits());
            case "find" -> a -> found(chars, chars.indexOf(needle(text, a)));
            case "rfind" -> a -> found(chars, chars.lastIndexOf(needle(text, a)));
            case "index" -> a -> {
                int at = chars.indexOf(needle(text, a));
                if (at < 0) {
                    throw new TemplateException("substring not found");
                }
                return found(chars, at);
            };
            case "count" -> a -> {
                String needle = needle(text, a);
                long count = 0;
                for (int at = chars.indexOf(needle); at >= 0 && !needle.isEmpty(); at = chars.indexOf(needle, at + needle.length())) {
                    count++;
                }
                return needle.isEmpty() ? (Object) (text.length() + 1L) : (Object) count;
            };
            case "join" -> a -> join(text, Python.iterate(a.required(0, "iterable"), a.limits()), a.limits(), true);
            case "isdigit", "isdecimal", "isnumeric" -> _ -> every(chars, Character::isDigit);
            case "isalpha" -> _ -> every(chars, Character::isLetter);
            case "isalnum" -> _ -> every(chars, Character::isLetterOrDigit);
            case "isspace" -> _ -> !chars.isEmpty() && Python.isSpace(chars);
            case "isupper" -> _ -> chars.codePoints().anyMatch(Character::isUpperCase) && chars.codePoints().noneMatch(Character::isLowerCase);
            case "islower" -> _ -> chars.codePoints().anyMatch(Character::isLowerCase) && chars.codePoints().noneMatch(Character::isUpperCase);
            case "format" -> a -> StrFormat.of(text, a);
            case "zfill" -> a -> padded(text, a, "0", 1, a.limits());
            case "rjust" -> a -> padded(text, a, a.text(1, "fillchar", Text.of(" ")).toString(), 1, a.limits());
            case "ljust" -> a -> padded(text, a, a.text(1, "fillchar", Text.of(" ")).toString(), 0, a.limits());
            case "center" -> a -> padded(text, a, a.text(1, "fillchar", Text.of(" ")).toString(), 0.5, a.limits());
            default -> null;
        });
    }

    private static Text changed(Text text, String to, Arguments arguments) {
        arguments.limits().text(to.length(), to.length());
        return text.like(to);
    }

    private static boolean every(String chars, IntPredicate kind) {
        return !chars.isEmpty() && chars.codePoints().allMatch(kind);
    }

    private static Object found(String chars, int at) {
        return at < 0 ? -1L : (long) chars.codePointCount(0, at);
    }

    private static String needle(Text text, Arguments arguments) {
        Text needle = arguments.text(0, "sub", Text.EMPTY);
        arguments.limits().search(text.units(), needle.units());
        return needle.toString();
    }

    private interface Affix {
        boolean test(String affix);
    }

    private static boolean affix(Arguments arguments, String name, Affix affix) {
        Object value = arguments.required(0, name);
        return switch (value) {
            case Text text -> affix.test(text.toString());
            case Tuple tuple -> tuple.items().stream().anyMatch(item -> item instanceof Text text && affix.test(text.toString()));
            case null, default -> throw new TemplateException(name + " must be a string, found " + Python.type(value));
        };
    }

    static Text strip(Text text, Arguments arguments, boolean left, boolean right) {
        Object given = arguments.get(0, "chars", null);
        String set = given == null ? null : arguments.text(0, "chars", Text.EMPTY).toString();
        String chars = text.toString();
        int from = 0;
        int to = chars.length();
        while (left && from < to && stripped(chars.charAt(from), set)) {
            from++;
        }
        while (right && to > from && stripped(chars.charAt(to - 1), set)) {
            to--;
        }
        return text.slice(from, to);
    }

    private static boolean stripped(char c, String set) {
        return set == null ? Python.isSpace(c) : set.indexOf(c) >= 0;
    }

    /** @param filter jinja's filter looks at white space and brackets, Python's method at letters */
    static String title(String chars, boolean filter) {
        var out = new StringBuilder();
        boolean inside = false;
        for (int c : chars.codePoints().toArray()) {
            out.appendCodePoint(inside ? Character.toLowerCase(c) : Character.toTitleCase(c));
            inside = filter ? !(Python.isSpace((char) c) || "-({[<".indexOf(c) >= 0) : Character.isLetter(c);
        }
        return out.toString();
    }

    static String capitalize(String chars) {
        if (chars.isEmpty()) {
            return chars;
        }
        int first = Character.charCount(chars.codePointAt(0));
        return Character.toString(Character.toTitleCase(chars.codePointAt(0))) + chars.substring(first).toLowerCase(Locale.ROOT);
    }

    private static String swapped(String chars) {
        return chars.codePoints().map(c -> Character.isUpperCase(c) ? Character.toLowerCase(c) : Character.toUpperCase(c))
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
    }

    private static List<Object> split(Text text, Arguments arguments, boolean fromRight) {
        Object separator = arguments.get(0, "sep", null);
        long most = Python.whole(arguments.get(1, "maxsplit", -1L));
        String chars = text.toString();
        List<Object> parts = new ArrayList<>();
        if (separator == null) {
            return words(text, most, fromRight, arguments.limits());
        }
        String by = arguments.text(0, "sep", null).toString();
        if (by.isEmpty()) {
            throw new TemplateException("an empty separator");
        }
        arguments.limits().search(chars.length(), by.length());
        if (!fromRight) {
            int from = 0;
            for (int at = chars.indexOf(by); at >= 0 && (most < 0 || parts.size() < most); at = chars.indexOf(by, from)) {
                parts.add(text.slice(from, at));
                from = at + by.length();
            }
            parts.add(text.slice(from, chars.length()));
        } else {
            int to = chars.length();
            for (int at = chars.lastIndexOf(by); at >= 0 && (most < 0 || parts.size() < most); at = to - by.length() < 0 ? -1
                    : chars.lastIndexOf(by, to - by.length())) {
                parts.addFirst(text.slice(at + by.length(), to));
                to = at;
            }
            parts.addFirst(text.slice(0, to));
        }
        arguments.limits().list(parts.size());
        return parts;
    }

    private static List<Object> words(Text text, long most, boolean fromRight, Limits limits) {
        String chars = text.toString();
        limits.work(chars.length());
        List<Object> parts = new ArrayList<>();
        if (!fromRight) {
            int at = 0;
            while (true) {
                while (at < chars.length() && Python.isSpace(chars.charAt(at))) {
                    at++;
                }
                if (at == chars.length()) {
                    return parts;
                }
                int end = at;
                if (most >= 0 && parts.size() >= most) {
                    parts.add(text.slice(at, Python.rstrip(chars).length()));
                    return parts;
                }
                while (end < chars.length() && !Python.isSpace(chars.charAt(end))) {
                    end++;
                }
                parts.add(text.slice(at, end));
                at = end;
            }
        }
        int to = chars.length();
        while (true) {
            while (to > 0 && Python.isSpace(chars.charAt(to - 1))) {
                to--;
            }
            if (to == 0) {
                return parts;
            }
            int from = to;
            if (most >= 0 && parts.size() >= most) {
                from = 0;
                while (Python.isSpace(chars.charAt(from))) {
                    from++;
                }
                parts.addFirst(text.slice(from, to));
                return parts;
            }
            while (from > 0 && !Python.isSpace(chars.charAt(from - 1))) {
                from--;
            }
            parts.addFirst(text.slice(from, to));
            to = from;
        }
    }

    private static List<Object> lines(Text text, boolean keep, Limits limits) {
        String chars = text.toString();
        limits.work(chars.length());
        List<Object> lines = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < chars.length(); i++) {
            char c = chars.charAt(i);
            if (c == '\n' || c == '\r' || c == 0x0b || c == 0x0c || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029) {
                int end = c == '\r' && i + 1 < chars.length() && chars.charAt(i + 1) == '\n' ? i + 2 : i + 1;
                lines.add(text.slice(from, keep ? end : i));
                from = end;
                i = end - 1;
            }
        }
        if (from < chars.length()) {
            lines.add(text.slice(from, chars.length()));
        }
        return lines;
    }

    private static Object partition(Text text, Arguments arguments, boolean fromRight) {
        String by = needle(text, arguments);
        if (by.isEmpty()) {
            throw new TemplateException("an empty separator");
        }
        int at = fromRight ? text.toString().lastIndexOf(by) : text.toString().indexOf(by);
        if (at < 0) {
            return new Tuple(fromRight ? List.of(Text.EMPTY, Text.EMPTY, text) : List.of(text, Text.EMPTY, Text.EMPTY));
        }
        return new Tuple(List.of(text.slice(0, at), text.slice(at, at + by.length()), text.slice(at + by.length(), text.units())));
    }

    static Text replace(Text text, Text old, Text by, long most, Limits limits) {
        if (old == null || by == null) {
            throw new TemplateException("replace needs what is to be replaced, and by what");
        }
        limits.search(text.units(), old.units());
        var out = new TextBuilder(limits);
        String chars = text.toString();
        int from = 0;
        if (old.isEmpty()) {
            long done = 0;
            for (int i = 0; i <= chars.length();) {
                if (most < 0 || done++ < most) {
                    out.append(by);
                }
                int n = i < chars.length() ? Character.charCount(chars.codePointAt(i)) : 1;
                out.append(text, i, Math.min(chars.length(), i + n));
                i += n;
            }
            return out.toText();
        }
        long done = 0;
        for (int at = chars.indexOf(old.toString()); at >= 0 && (most < 0 || done < most); at = chars.indexOf(old.toString(), from)) {
            out.append(text, from, at).append(by);
            from = at + old.units();
            done++;
        }
        return out.append(text, from, chars.length()).toText();
    }

    /** @param strict whether every item must be a string, as Python's method asks */
    static Text join(Text between, List<Object> items, Limits limits, boolean strict) {
        var out = new TextBuilder(limits);
        boolean first = true;
        for (Object item : items) {
            if (strict && !(item instanceof Text)) {
                throw new TemplateException("join needs strings, found " + Python.type(item));
            }
            if (!first) {
                out.append(between);
            }
            out.append(Python.str(item, limits));
            first = false;
        }
        return out.toText();
    }

    private static Text padded(Text text, Arguments arguments, String fill, double left, Limits limits) {
        long missing = Math.max(0, Python.whole(arguments.required(0, "width")) - text.length());
        if (missing > Limits.LONGEST_TEXT || fill.length() != 1) {
            throw new TemplateException(fill.length() != 1 ? "the fill must be one character" : "a text that is too wide");
        }
        long before = (long) Math.floor(missing * left);
        boolean sign = fill.equals("0") && !text.isEmpty() && "+-".indexOf(text.toString().charAt(0)) >= 0;
        var out = new TextBuilder(limits);
        return out.append(text, 0, sign ? 1 : 0).repeat(fill, before).append(text, sign ? 1 : 0, text.units()).repeat(fill, missing - before).toText();
    }
}
