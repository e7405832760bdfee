package dev.zhulong.evaluate.text;

/**
 * Separates punctuation and symbols of all scripts: the rules of mteval-v14.pl as sacreBLEU's {@code intl} has them. A full stop behind a
 * number that ends the line stays with it; so it is in the original.
 */
final class InternationalPunctuation {
    private InternationalPunctuation() {}

    static String separate(String text) {
        int[] points = text.codePoints().toArray();
        return symbols(beforeOthers(afterOthers(points))).toString();
    }

    /** Punctuation that follows anything but a number. */
    private static Points afterOthers(int[] text) {
        var out = new Points(text.length);
        for (int i = 0; i < text.length; i++) {
            out.add(text[i]);
            if (i + 1 < text.length && !number(text[i]) && punctuation(text[i + 1])) {
                out.add(' ');
                out.add(text[++i]);
                out.add(' ');
            }
        }
        return out;
    }

    /** Punctuation that precedes anything but a number. */
    private static Points beforeOthers(Points text) {
        var out = new Points(text.size);
        for (int i = 0; i < text.size; i++) {
            if (i + 1 < text.size && punctuation(text.values[i]) && !number(text.values[i + 1])) {
                out.add(' ');
                out.add(text.values[i]);
                out.add(' ');
                i++;
            }
            out.add(text.values[i]);
        }
        return out;
    }

    private static StringBuilder symbols(Points text) {
        var out = new StringBuilder(text.size + 16);
        for (int i = 0; i < text.size; i++) {
            int c = text.values[i];
            if (symbol(c)) {
                out.append(' ').appendCodePoint(c).append(' ');
            } else {
                out.appendCodePoint(c);
            }
        }
        return out;
    }

    private static boolean number(int c) {
        return switch (Character.getType(c)) {
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
            default -> false;
        };
    }

    private static boolean punctuation(int c) {
        return switch (Character.getType(c)) {
            case Character.CONNECTOR_PUNCTUATION, Character.DASH_PUNCTUATION, Character.START_PUNCTUATION, Character.END_PUNCTUATION,
                    Character.INITIAL_QUOTE_PUNCTUATION, Character.FINAL_QUOTE_PUNCTUATION, Character.OTHER_PUNCTUATION -> true;
            default -> false;
        };
    }

    private static boolean symbol(int c) {
        return switch (Character.getType(c)) {
            case Character.MATH_SYMBOL, Character.CURRENCY_SYMBOL, Character.MODIFIER_SYMBOL, Character.OTHER_SYMBOL -> true;
            default -> false;
        };
    }

    private static final class Points {
        int[] values;
        int size;

        Points(int capacity) {
            values = new int[capacity + 16];
        }

        void add(int c) {
            if (size == values.length) {
                values = java.util.Arrays.copyOf(values, 2 * size);
            }
            values[size++] = c;
        }
    }
}
