package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What the {@code decoder} of a {@code tokenizer.json} does, as a rule for single tokens: bytes of a token inside a text, and what is
 * different at a text's start. Covers ByteLevel, Metaspace, WordPiece, and sequences of Replace, ByteFallback, Fuse and Strip at the start.
 */
final class Decoding {
    private final String name;
    private final List<UnaryOperator<String>> rewrites = new ArrayList<>();
    private boolean byteLevel;
    private boolean byteFallback;
    private boolean fused;
    private int leadingSpaces;
    private String dropAtStart;
    private String wordPiecePrefix;
    private boolean wordPieceCleanup;

    private Decoding(String name) {
        this.name = name;
    }

    static Decoding of(JsonNode decoder, String name) {
        Decoding decoding = new Decoding(name);
        if (decoder.isMissingNode() || decoder.isNull()) {
            throw new IllegalArgumentException(name + ": it has no decoder, so its ids cannot be turned back into text");
        }
        decoding.add(decoder);
        return decoding;
    }

    private void add(JsonNode decoder) {
        String type = decoder.path("type").asText();
        switch (type) {
            case "Sequence" -> decoder.path("decoders").forEach(this::add);
            case "ByteLevel" -> byteLevel = true;
            case "ByteFallback" -> byteFallback = true;
            case "Fuse" -> fused = true;
            case "Replace" -> {
                if (!decoder.path("pattern").path("String").isTextual()) {
                    throw unsupported("Replace of a pattern that is not a plain string");
                }
                String from = decoder.path("pattern").path("String").textValue();
                String to = decoder.path("content").asText();
                rewrites.add(text -> text.replace(from, to));
            }
            case "Strip" -> {
                if (!fused || !" ".equals(decoder.path("content").asText()) || decoder.path("stop").asInt() != 0) {
                    throw unsupported("Strip of anything but leading spaces after Fuse");
                }
                leadingSpaces = decoder.path("start").asInt();
            }
            case "Metaspace" -> {
                String replacement = decoder.path("replacement").asText("▁");
                rewrites.add(text -> text.replace(replacement, " "));
                boolean prepends = decoder.has("prepend_scheme") ? !decoder.path("prepend_scheme").asText().equals("never")
                        : decoder.path("add_prefix_space").asBoolean(true);
                if (prepends) {
                    dropAtStart = replacement;
                }
            }
            case "WordPiece" -> {
                wordPiecePrefix = decoder.path("prefix").asText("##");
                wordPieceCleanup = decoder.path("cleanup").asBoolean(true);
            }
            default -> throw unsupported("decoder " + type);
        }
    }

    private IllegalArgumentException unsupported(String what) {
        return new IllegalArgumentException(name + ": " + what + " is not supported (supported: ByteLevel, Metaspace, WordPiece, "
                + "and sequences of Replace, ByteFallback, Fuse, Strip)");
    }

    boolean byteLevel() {
        return byteLevel;
    }

    /** How many spaces at the very start of a text are left out. */
    int leadingSpaces() {
        return leadingSpaces;
    }

    /** Bytes of a token inside a text. */
    byte[] bytes(String spelling) {
        if (byteLevel) {
            return ByteAlphabet.bytes(spelling);
        }
        if (byteFallback) {
            int b = fallbackByte(spelling);
            if (b >= 0) {
                return new byte[] {(byte) b};
            }
        }
        if (wordPiecePrefix != null) {
            return cleaned(spelling.startsWith(wordPiecePrefix) ? spelling.substring(wordPiecePrefix.length()) : " " + spelling);
        }
        String text = spelling;
        for (UnaryOperator<String> rewrite : rewrites) {
            text = rewrite.apply(text);
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Bytes of a text's first token. */
    byte[] atStart(String spelling, byte[] inside) {
        if (wordPiecePrefix != null) {
            return cleaned(spelling);
        }
        if (dropAtStart != null && spelling.contains(dropAtStart)) {
            return bytes(spelling.replace(dropAtStart, ""));
        }
        return inside;
    }

    private byte[] cleaned(String text) {
        String out = text;
        if (wordPieceCleanup) {
            for (String mark : List.of(".", "?", "!", ",")) {
                out = out.replace(" " + mark, mark);
            }
            out = out.replace(" ' ", "'").replace(" n't", "n't").replace(" 'm", "'m").replace(" do not", " don't").replace(" 's", "'s")
                    .replace(" 've", "'ve").replace(" 're", "'re");
        }
        return out.getBytes(StandardCharsets.UTF_8);
    }

    /** The byte that {@code <0x0A>} stands for, or -1. */
    static int fallbackByte(String spelling) {
        if (spelling.length() != 6 || !spelling.startsWith("<0x") || spelling.charAt(5) != '>') {
            return -1;
        }
        int high = Character.digit(spelling.charAt(3), 16);
        int low = Character.digit(spelling.charAt(4), 16);
        return high < 0 || low < 0 ? -1 : high << 4 | low;
    }
}
