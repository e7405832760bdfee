package dev.zhulong.text.chat.jinja;

import java.util.Arrays;

/**
 * A string that remembers of each character where it comes from. Equality and order look at the characters alone.
 *
 * <p>What the template writes carries no mark; what the conversation brings is marked {@link #CONTENT} and stays so through slices,
 * splits, joins and changes of case, so that after rendering {@code <|im_end|>} of the template and of a message can be told apart.
 */
public final class Text implements Comparable<Text> {
    /** Mark of characters that a message, a tool or an argument brought. */
    public static final byte CONTENT = 1;
    /** Mark of characters written inside a {@code generation} block. */
    public static final byte GENERATED = 2;
    /** Mark of characters that anyone but the assistant brought; always together with {@link #CONTENT}. */
    public static final byte HEARD = 4;
    /** Mark of characters that a conversation's last message brought; always together with {@link #CONTENT}. */
    public static final byte LAST = 8;
    static final Text EMPTY = new Text("", null);

    private final String chars;
    private final byte[] marks;

    Text(String chars, byte[] marks) {
        this.chars = chars;
        this.marks = marks;
    }

    /** A text of the template's own. */
    public static Text of(String chars) {
        return chars.isEmpty() ? EMPTY : new Text(chars, null);
    }

    /** A text that the conversation brings. */
    public static Text content(String chars) {
        return content(chars, 0);
    }

    /** The same with more marks. */
    public static Text content(String chars, int marks) {
        return of(chars).marked((byte) (CONTENT | marks));
    }

    /** This text with {@code mark} on all its characters. */
    Text marked(byte mark) {
        if (chars.isEmpty() || mark == 0) {
            return this;
        }
        byte[] all = marks == null ? new byte[chars.length()] : marks.clone();
        for (int i = 0; i < all.length; i++) {
            all[i] |= mark;
        }
        return new Text(chars, all);
    }

    /** The marks of the UTF-16 unit {@code i}. */
    public byte mark(int i) {
        return marks == null ? 0 : marks[i];
    }

    /** All marks that any character has. */
    byte anyMark() {
        byte any = 0;
        for (int i = 0; marks != null && i < marks.length; i++) {
            any |= marks[i];
        }
        return any;
    }

    /** UTF-16 units from {@code from} to {@code to}. */
    public Text slice(int from, int to) {
        if (from == 0 && to == chars.length()) {
            return this;
        }
        return from >= to ? EMPTY : new Text(chars.substring(from, to), marks == null ? null : Arrays.copyOfRange(marks, from, to));
    }

    /** This text followed by {@code other}. */
    public Text plus(Text other) {
        if (marks == null && other.marks == null) {
            return of(chars + other.chars);
        }
        byte[] both = new byte[chars.length() + other.chars.length()];
        if (marks != null) {
            System.arraycopy(marks, 0, both, 0, marks.length);
        }
        if (other.marks != null) {
            System.arraycopy(other.marks, 0, both, chars.length(), other.marks.length);
        }
        return new Text(chars + other.chars, both);
    }

    /** {@code changed} with this text's marks: of each character where the lengths agree, else all of them on every character. */
    Text like(String changed) {
        if (changed.length() == chars.length()) {
            return new Text(changed, marks);
        }
        return of(changed).marked(anyMark());
    }

    /** Length in UTF-16 units. */
    public int units() {
        return chars.length();
    }

    /** Length in code points, which is what templates count. */
    int length() {
        return chars.codePointCount(0, chars.length());
    }

    boolean isEmpty() {
        return chars.isEmpty();
    }

    @Override
    public int compareTo(Text other) {
        int n = Math.min(chars.length(), other.chars.length());
        for (int i = 0; i < n; i++) {
            if (chars.charAt(i) != other.chars.charAt(i)) {
                return Integer.compare(chars.codePointAt(i), other.chars.codePointAt(i));
            }
        }
        return Integer.compare(chars.length(), other.chars.length());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Text text && chars.equals(text.chars);
    }

    @Override
    public int hashCode() {
        return chars.hashCode();
    }

    @Override
    public String toString() {
        return chars;
    }
}
