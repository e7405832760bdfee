package dev.zhulong.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Joins tokens' bytes and gives out whole characters; carries an incomplete character's bytes over to the next token. */
final class PieceDecoder implements StreamingDecoder {
    private final Vocabulary vocabulary;
    private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE).onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] carried = new byte[0];
    private int spacesToStrip;
    private boolean first = true;

    PieceDecoder(Vocabulary vocabulary) {
        this.vocabulary = vocabulary;
        this.spacesToStrip = vocabulary.decoding().leadingSpaces();
    }

    @Override
    public String next(int id) {
        byte[] bytes = vocabulary.bytes(id);
        if (vocabulary.isControl(id)) {
            return "";
        }
        if (first) {
            bytes = vocabulary.decoding().atStart(vocabulary.spelling(id), bytes);
            first = false;
        }
        int from = 0;
        while (spacesToStrip > 0 && from < bytes.length) {
            if (bytes[from] == ' ') {
                from++;
                spacesToStrip--;
            } else {
                spacesToStrip = 0;
            }
        }
        return feed(bytes, from, false);
    }

    @Override
    public String flush() {
        String rest = feed(new byte[0], 0, true);
        utf8.reset();
        carried = new byte[0];
        spacesToStrip = vocabulary.decoding().leadingSpaces();
        first = true;
        return rest;
    }

    private String feed(byte[] bytes, int from, boolean end) {
        int n = bytes.length - from;
        if (n == 0 && !end) {
            return "";
        }
        ByteBuffer in = ByteBuffer.allocate(carried.length + n).put(carried).put(bytes, from, n).flip();
        CharBuffer out = CharBuffer.allocate(in.remaining() + 4);
        utf8.decode(in, out, end);
        if (end) {
            utf8.flush(out);
        }
        carried = new byte[in.remaining()];
        in.get(carried);
        return out.flip().toString();
    }
}
