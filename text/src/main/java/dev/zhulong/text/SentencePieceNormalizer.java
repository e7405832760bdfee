package dev.zhulong.text;

import dev.zhulong.text.SentencePieceModel.Type;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Brings a text into the form that SentencePiece cuts: replaced as the model's rules say, spaces fewer and written as U+2581 (its {@code normalizer.cc}). The
 * tokenizers library cuts texts into graphemes first and so differs from it where a rule spans two of them.
 */
final class SentencePieceNormalizer {
    private final SentencePieceModel model;
    private final PiecePrefixes kept;

    SentencePieceNormalizer(SentencePieceModel model) {
        this.model = model;
        List<Integer> defined = IntStream.range(0, model.pieces().size()).filter(id -> model.pieces().get(id).type() == Type.USER_DEFINED).boxed().toList();
        kept = defined.isEmpty() ? null : new PiecePrefixes(model, defined);
    }

    /**
     * A text in that form.
     *
     * @param origin which UTF-16 unit of the original each unit comes from, and at last where the original's part ends
     */
    record Normalized(String text, int[] origin) {}

    /** @param text without lone surrogates */
    Normalized normalize(String text) {
        var out = new Out(text.length());
        boolean fewer = model.fewerSpaces();
        byte[] utf8 = model.charsmap().isPresent() ? text.getBytes(StandardCharsets.UTF_8) : null;
        int unit = 0;
        int at = 0;
        boolean begun = false;
        boolean afterSpace = fewer;
        while (unit < text.length()) {
            int length = kept == null ? 0 : kept.longest(text, unit);
            String by = null;
            if (length == 0 && utf8 != null) {
                PrecompiledCharsmap.Replacement found = model.charsmap().get().longest(utf8, at);
                if (found != null) {
                    by = found.text();
                    length = units(text, unit, found.length());
                }
            }
            length = length == 0 ? Character.charCount(text.codePointAt(unit)) : length;
            by = by == null ? text.substring(unit, unit + length) : by;
            if (!(fewer && !begun && by.equals(" "))) {
                if (!begun && model.dummyPrefix()) {
                    out.add(SentencePieceBpe.SPACE, unit);
                }
                begun = true;
                int from = 0;
                while (afterSpace && from < by.length() && by.charAt(from) == ' ') {
                    from++;
                }
                if (from < by.length()) {
                    out.add(by.substring(from).replace(" ", SentencePieceBpe.SPACE), unit);
                    afterSpace = fewer && by.endsWith(" ");
                }
            }
            at += utf8 == null ? 0 : bytes(text, unit, length);
            unit += length;
        }
        return out.ended(unit, fewer);
    }

    /** How many units so many bytes of a text are. */
    private static int units(String text, int from, int bytes) {
        int unit = from;
        for (int left = bytes; left > 0; ) {
            int c = text.codePointAt(unit);
            left -= utf8(c);
            unit += Character.charCount(c);
        }
        return unit - from;
    }

    private static int bytes(String text, int from, int length) {
        return text.substring(from, from + length).codePoints().map(SentencePieceNormalizer::utf8).sum();
    }

    private static int utf8(int c) {
        return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    }

    /** What has been written. */
    private static final class Out {
        private final StringBuilder text;
        private int[] origin;

        Out(int length) {
            text = new StringBuilder(length + 1);
            origin = new int[length + 16];
        }

        void add(String more, int unit) {
            int before = text.length();
            text.append(more);
            if (text.length() + 1 > origin.length) {
                origin = Arrays.copyOf(origin, 2 * text.length() + 1);
            }
            Arrays.fill(origin, before, text.length(), unit);
        }

        Normalized ended(int unit, boolean fewer) {
            int end = unit;
            while (fewer && !text.isEmpty() && text.charAt(text.length() - 1) == SentencePieceBpe.SPACE.charAt(0)) {
                end = origin[text.length() - 1];
                text.setLength(text.length() - 1);
            }
            origin[text.length()] = end;
            return new Normalized(text.toString(), Arrays.copyOf(origin, text.length() + 1));
        }
    }
}
