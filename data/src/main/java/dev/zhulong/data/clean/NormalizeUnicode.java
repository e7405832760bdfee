package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;

/**
 * Brings a text into one Unicode form, so that equal texts are equal strings.
 *
 * <ul>
 *   <li>Normalization form C (UAX #15). A run of more than 30 combining marks is cut (the Stream-Safe limit of UAX #15).
 *   <li>{@code \r\n}, lone {@code \r}, NEL, U+2028 and U+2029 become {@code \n}.
 *   <li>Removed: byte-order marks, control characters other than {@code \n} and {@code \t}, noncharacters, and invisible characters
 *       (zero-width space, word joiner, soft hyphen, bidirectional controls, invisible operators, tags).
 *   <li>Zero-width joiner and non-joiner stay between letters of Arabic and Indic scripts and between emoji, where they carry meaning.
 *   <li>No-break space becomes a space; other spaces, the ideographic space among them, stay.
 *   <li>A lone surrogate becomes U+FFFD: visible, and countable by {@link Quality}.
 *   <li>Spaces and tabs at the end of a line go, if {@code trimLines}.
 * </ul>
 */
public record NormalizeUnicode(boolean trimLines) implements CleaningStep {

    private static final int MAX_MARKS = 30;
    private static final int MAX_ROUNDS = 8;

    public NormalizeUnicode() {
        this(true);
    }

    @Override
    public String name() {
        return "unicode";
    }

    @Override
    public Decision apply(Document document) {
        String text = document.text();
        if (isPlain(text)) {
            return new Decision.Keep(document, null);
        }
        var counts = new Counts();
        // Taking a character out may let its neighbours compose, and a decomposition may lengthen a run of marks: go on until it is still.
        for (int round = 0; round < MAX_ROUNDS; round++) {
            String next = compose(scrub(text, counts), counts);
            if (next.equals(text)) {
                break;
            }
            text = next;
        }
        return counts.isEmpty()
                ? new Decision.Keep(document, null)
                : new Decision.Keep(new Document(document.id(), text), counts.toString());
    }

    /** True if no character of the text can be concerned; says false more often than it must. */
    private boolean isPlain(String text) {
        int length = text.length();
        char previous = 0;
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            if (c >= 0x20 && c < 0x7F || c == '\t') {
                previous = c;
                continue;
            }
            if (c == '\n') {
                if (trimLines && (previous == ' ' || previous == '\t')) {
                    return false;
                }
            } else if (!isPlainWide(c)) {
                return false;
            }
            previous = c;
        }
        return !(trimLines && (previous == ' ' || previous == '\t'));
    }

    /** Ranges whose members are in form C beside anything of these ranges. */
    private static boolean isPlainWide(char c) {
        return c > 0xA0 && c < 0x300 && c != 0xAD
                || c >= 0x4E00 && c < 0xA000
                || c >= 0x2010 && c < 0x2028
                || c >= 0x3000 && c < 0x302A
                || c >= 0x3041 && c < 0x3097
                || c >= 0x309B && c < 0x3100
                || c >= 0xFF01 && c < 0xFF5F;
    }

    private static String compose(String text, Counts counts) {
        if (Normalizer.isNormalized(text, Normalizer.Form.NFC)) {
            return text;
        }
        counts.composed = true;
        return Normalizer.normalize(text, Normalizer.Form.NFC);
    }

    private String scrub(String text, Counts counts) {
        int length = text.length();
        var out = new StringBuilder(length);
        int marks = 0;
        int cp;
        for (int i = 0; i < length; i += Character.charCount(cp)) {
            cp = text.codePointAt(i);
            if (cp >= 0x20 && cp < 0x7F || cp == '\t') {
                out.append((char) cp);
                marks = 0;
                continue;
            }
            if (cp == '\n' || isLineEnd(cp)) {
                if (cp == '\r' && i + 1 < length && text.charAt(i + 1) == '\n') {
                    counts.lineEnds++;
                    continue;
                }
                counts.lineEnds += cp == '\n' ? 0 : 1;
                endLine(out, counts);
                out.append('\n');
                marks = 0;
                continue;
            }
            if (cp >= 0xD800 && cp < 0xE000) {
                out.append('\uFFFD');
                counts.surrogates++;
            } else if (cp == 0xA0) {
                out.append(' ');
                counts.noBreakSpaces++;
            } else if (cp < 0x20 || cp >= 0x7F && cp < 0xA0 || isNoncharacter(cp)) {
                counts.controls++;
                continue;
            } else if (isInvisible(cp) || isJoiner(cp) && !joins(text, i, out)) {
                counts.invisible++;
                continue;
            } else if (isMark(cp) && ++marks > MAX_MARKS) {
                counts.marks++;
                continue;
            } else {
                out.appendCodePoint(cp);
            }
            if (!isMark(cp)) {
                marks = 0;
            }
        }
        endLine(out, counts);
        return out.toString();
    }

    private void endLine(StringBuilder out, Counts counts) {
        if (!trimLines) {
            return;
        }
        int end = out.length();
        while (end > 0 && (out.charAt(end - 1) == ' ' || out.charAt(end - 1) == '\t')) {
            end--;
        }
        if (end < out.length()) {
            out.setLength(end);
            counts.trimmed++;
        }
    }

    private static boolean isLineEnd(int cp) {
        return cp == '\r' || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
    }

    private static boolean isNoncharacter(int cp) {
        return (cp & 0xFFFE) == 0xFFFE || cp >= 0xFDD0 && cp < 0xFDF0;
    }

    private static boolean isInvisible(int cp) {
        return cp == 0xAD || cp == 0x61C || cp == 0x200B || cp == 0x200E || cp == 0x200F || cp >= 0x202A && cp <= 0x202E
                || cp >= 0x2060 && cp <= 0x206F || cp == 0xFEFF || cp >= 0xFFF9 && cp <= 0xFFFB || cp >= 0xE0000 && cp <= 0xE007F;
    }

    private static boolean isJoiner(int cp) {
        return cp == 0x200C || cp == 0x200D;
    }

    private static boolean joins(String text, int at, StringBuilder out) {
        return !out.isEmpty() && at + 1 < text.length() && takesJoiner(out.codePointBefore(out.length()))
                && takesJoiner(text.codePointAt(at + 1));
    }

    private static boolean takesJoiner(int cp) {
        return cp >= 0x600 && cp < 0xE00 && cp != 0x61C || cp >= 0x1780 && cp < 0x18B0 || cp >= 0xFB50 && cp < 0xFDD0
                || cp >= 0xFE70 && cp < 0xFEFF || cp >= 0x2190 && (Character.isEmoji(cp) || cp == 0xFE0F);
    }

    private static boolean isMark(int cp) {
        if (cp < 0x300) {
            return false;
        }
        int type = Character.getType(cp);
        return type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK || type == Character.COMBINING_SPACING_MARK;
    }

    private static final class Counts {
        boolean composed;
        int lineEnds;
        int controls;
        int invisible;
        int marks;
        int surrogates;
        int noBreakSpaces;
        int trimmed;

        boolean isEmpty() {
            return !composed && lineEnds + controls + invisible + marks + surrogates + noBreakSpaces + trimmed == 0;
        }

        @Override
        public String toString() {
            List<String> parts = new ArrayList<>();
            if (composed) {
                parts.add("composed to NFC");
            }
            add(parts, lineEnds, "line end");
            add(parts, controls, "control character");
            add(parts, invisible, "invisible character");
            add(parts, marks, "surplus combining mark");
            add(parts, surrogates, "lone surrogate");
            add(parts, noBreakSpaces, "no-break space");
            add(parts, trimmed, "trailing white space");
            return String.join(", ", parts);
        }

        private static void add(List<String> parts, int count, String what) {
            if (count > 0) {
                parts.add(count + " " + what + (count > 1 && !what.endsWith("white space") ? "s" : ""));
            }
        }
    }
}
