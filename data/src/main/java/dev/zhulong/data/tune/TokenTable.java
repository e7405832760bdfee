package dev.zhulong.data.tune;

import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.SupervisedTokens;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A sequence for people: each token with its place, its text and whether it is learnt. */
public final class TokenTable {
    /** Stands beside a token that is learnt. */
    public static final String LEARNT = "*";

    private static final String GREEN = "\u001b[32m";
    private static final String PLAIN = "\u001b[0m";

    private final Tokenizer tokenizer;
    private final Map<Integer, String> controls;

    private TokenTable(Tokenizer tokenizer, Map<Integer, String> controls) {
        this.tokenizer = tokenizer;
        this.controls = controls;
    }

    /** For the tokenizer of {@code model}, a directory or a {@code tokenizer.json}. */
    public static TokenTable of(Path model, Tokenizer tokenizer) {
        Map<Integer, String> spellings = new HashMap<>(ControlSpellings.of(model));
        tokenizer.controlTokens().forEach((spelling, id) -> spellings.putIfAbsent(id, spelling));
        return new TokenTable(tokenizer, spellings);
    }

    /**
     * A token.
     *
     * @param position   in the sequence, from 0
     * @param text       white space made visible; bytes that are no whole character as {@code <E4 B8>}
     * @param control    whether it is a control token, which no text spells
     * @param supervised whether it is learnt
     */
    public record Line(int position, int id, String text, boolean control, boolean supervised) { }

    /** The tokens of a sequence. */
    public List<Line> lines(SupervisedTokens tokens) {
        var lines = new ArrayList<Line>();
        for (int i = 0; i < tokens.ids().length; i++) {
            int id = tokens.ids()[i];
            lines.add(new Line(i, id, visible(id), tokenizer.isControl(id), tokens.supervised()[i]));
        }
        return List.copyOf(lines);
    }

    /** The table, a line a token: place, id, {@value #LEARNT} where learnt (and in colour if {@code colour}), text. */
    public String text(SupervisedTokens tokens, boolean colour) {
        var out = new StringBuilder(String.format(Locale.ROOT, "%8s %8s   text%n", "position", "id"));
        for (Line line : lines(tokens)) {
            String row = String.format(Locale.ROOT, "%8d %8d %s %s", line.position(), line.id(), line.supervised() ? LEARNT : " ", line.text());
            out.append(colour && line.supervised() ? GREEN + row + PLAIN : row).append(System.lineSeparator());
        }
        return out.toString();
    }

    /** The whole text, control tokens spelled out. */
    public String whole(SupervisedTokens tokens) {
        var out = new StringBuilder();
        var run = new ArrayList<Integer>();
        for (int id : tokens.ids()) {
            if (tokenizer.isControl(id)) {
                flush(run, out);
                out.append(spelling(id));
            } else {
                run.add(id);
            }
        }
        flush(run, out);
        return out.toString();
    }

    private void flush(List<Integer> run, StringBuilder out) {
        if (!run.isEmpty()) {
            int length = run.stream().mapToInt(id -> tokenizer.bytes(id).length).sum();
            var bytes = ByteBuffer.allocate(length);
            run.forEach(id -> bytes.put(tokenizer.bytes(id)));
            out.append(new String(bytes.array(), StandardCharsets.UTF_8));
            run.clear();
        }
    }

    private String spelling(int id) {
        return controls.getOrDefault(id, "<control " + id + ">");
    }

    private String visible(int id) {
        if (tokenizer.isControl(id)) {
            return spelling(id);
        }
        byte[] bytes = tokenizer.bytes(id);
        try {
            return visible(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        } catch (CharacterCodingException e) {
            return "<" + HexFormat.ofDelimiter(" ").withUpperCase().formatHex(bytes) + ">";
        }
    }

    /** White space and control characters as visible signs. */
    static String visible(String text) {
        var out = new StringBuilder();
        text.codePoints().forEach(c -> {
            switch (c) {
                case ' ' -> out.append('\u00b7');
                case '\n' -> out.append('\u21b5');
                case '\t' -> out.append('\u2192');
                case '\r' -> out.append('\u240d');
                default -> out.append(Character.isISOControl(c) || Character.getType(c) == Character.FORMAT || Character.isSpaceChar(c)
                        ? String.format(Locale.ROOT, "<U+%04X>", c) : Character.toString(c));
            }
        });
        return out.toString();
    }
}
