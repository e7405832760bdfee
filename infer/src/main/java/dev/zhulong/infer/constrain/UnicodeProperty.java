package dev.zhulong.infer.constrain;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Sets of characters by the names that Java and ECMAScript both know them under: general categories and scripts. */
final class UnicodeProperty {
    /** Characters of no category yet. */
    static final CodePoints UNASSIGNED = CodePoints.where(c -> Character.getType(c) == Character.UNASSIGNED);

    private static final Map<String, Byte> CATEGORIES = Map.ofEntries(Map.entry("Lu", Character.UPPERCASE_LETTER), Map.entry("Ll", Character.LOWERCASE_LETTER),
            Map.entry("Lt", Character.TITLECASE_LETTER), Map.entry("Lm", Character.MODIFIER_LETTER), Map.entry("Lo", Character.OTHER_LETTER),
            Map.entry("Mn", Character.NON_SPACING_MARK), Map.entry("Mc", Character.COMBINING_SPACING_MARK), Map.entry("Me", Character.ENCLOSING_MARK),
            Map.entry("Nd", Character.DECIMAL_DIGIT_NUMBER), Map.entry("Nl", Character.LETTER_NUMBER), Map.entry("No", Character.OTHER_NUMBER),
            Map.entry("Pc", Character.CONNECTOR_PUNCTUATION), Map.entry("Pd", Character.DASH_PUNCTUATION), Map.entry("Ps", Character.START_PUNCTUATION),
            Map.entry("Pe", Character.END_PUNCTUATION), Map.entry("Pi", Character.INITIAL_QUOTE_PUNCTUATION), Map.entry("Pf", Character.FINAL_QUOTE_PUNCTUATION),
            Map.entry("Po", Character.OTHER_PUNCTUATION), Map.entry("Sm", Character.MATH_SYMBOL), Map.entry("Sc", Character.CURRENCY_SYMBOL),
            Map.entry("Sk", Character.MODIFIER_SYMBOL), Map.entry("So", Character.OTHER_SYMBOL), Map.entry("Zs", Character.SPACE_SEPARATOR),
            Map.entry("Zl", Character.LINE_SEPARATOR), Map.entry("Zp", Character.PARAGRAPH_SEPARATOR), Map.entry("Cc", Character.CONTROL),
            Map.entry("Cf", Character.FORMAT), Map.entry("Co", Character.PRIVATE_USE));
    private static final Map<String, String> LONG = Map.of("Letter", "L", "Uppercase_Letter", "Lu", "Lowercase_Letter", "Ll", "Mark", "M", "Number", "N", "Decimal_Number", "Nd", "Punctuation", "P",
            "Symbol", "S", "Separator", "Z", "Space_Separator", "Zs");
    private static final Map<String, CodePoints> MADE = new ConcurrentHashMap<>();

    private UnicodeProperty() {}

    /** The characters of {@code name}, such as {@code L}, {@code Lu}, {@code gc=Lu}, {@code Script=Han}, {@code sc=Han} and Java's {@code IsHan}; null if it is not known. */
    static CodePoints of(String name) {
        CodePoints known = MADE.get(name);
        if (known == null) {
            known = make(name);
            if (known != null) {
                MADE.put(name, known);
            }
        }
        return known;
    }

    private static CodePoints make(String name) {
        int equals = name.indexOf('=');
        String key = equals < 0 ? "" : name.substring(0, equals).toLowerCase(Locale.ROOT);
        String value = name.substring(equals + 1);
        if (key.equals("script") || key.equals("sc") || key.isEmpty() && value.startsWith("Is")) {
            return script(key.isEmpty() ? value.substring(2) : value);
        }
        if (!key.isEmpty() && !key.equals("gc") && !key.equals("general_category")) {
            return null;
        }
        String category = LONG.getOrDefault(value, value);
        List<Byte> types = CATEGORIES.entrySet().stream().filter(each -> each.getKey().equals(category) || category.length() == 1 && each.getKey().startsWith(category))
                .map(Map.Entry::getValue).toList();
        // C has what is not assigned and surrogates besides, and what is not assigned is not the same everywhere
        return types.isEmpty() || category.equals("C") ? null : CodePoints.where(c -> types.contains((byte) Character.getType(c)));
    }

    private static CodePoints script(String name) {
        try {
            Character.UnicodeScript script = Character.UnicodeScript.forName(name);
            return CodePoints.where(c -> Character.UnicodeScript.of(c) == script);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
