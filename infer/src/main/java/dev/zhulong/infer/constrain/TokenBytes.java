package dev.zhulong.infer.constrain;

import dev.zhulong.text.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * What each token of a vocabulary writes, arranged for constraints. Made once a tokenizer (a vocabulary of 150,000 takes a few tenths of a
 * second) and shared by all constraints over it; safe for several threads.
 */
public final class TokenBytes {
    private final TokenTrie inside;
    private final TokenTrie first;
    private final long[] silent;
    private final CodePoints characters;
    private KeyFilter keys;

    private TokenBytes(TokenTrie inside, TokenTrie first, CodePoints characters) {
        this.inside = inside;
        this.first = first;
        this.silent = new long[(inside.vocabSize() + 63) / 64];
        for (int id = 0; id < inside.vocabSize(); id++) {
            silent[id >> 6] |= inside.bytes(id).length > 0 && first.bytes(id).length == 0 ? 1L << id : 0;
        }
        this.characters = characters;
    }

    /** Of a tokenizer's tokens, without control tokens. */
    public static TokenBytes of(Tokenizer tokenizer) {
        byte[][] bytes = new byte[tokenizer.vocabSize()][];
        for (int id = 0; id < bytes.length; id++) {
            if (tokenizer.has(id) && !tokenizer.isControl(id)) {
                bytes[id] = tokenizer.bytes(id);
            }
        }
        Set<ByteBuffer> spellings = new HashSet<>();
        for (byte[] each : bytes) {
            if (each != null) {
                spellings.add(ByteBuffer.wrap(each));
            }
        }
        // A token that ends within a character can be gone on from only where every continuing byte is a token.
        if (!hasAll(spellings, 0x80, 0xBF)) {
            for (int id = 0; id < bytes.length; id++) {
                bytes[id] = bytes[id] == null || text(bytes[id]) == null ? null : bytes[id];
            }
        }
        byte[][] starts = starts(tokenizer, bytes);
        var inside = new TokenTrie(bytes);
        return new TokenBytes(inside, Arrays.equals(starts, bytes) ? inside : new TokenTrie(starts), characters(spellings));
    }

    /** Where a text's first token loses a space, what is left of each; an array of the same elements elsewhere. */
    private static byte[][] starts(Tokenizer tokenizer, byte[][] bytes) {
        byte[][] starts = bytes.clone();
        for (int id = 0; id < bytes.length; id++) {
            String text = bytes[id] == null ? null : text(bytes[id]);
            if (text != null && text.indexOf(' ') >= 0) {
                String start = tokenizer.decode(new int[] {id});
                if (!start.equals(text)) {
                    starts[id] = start.getBytes(StandardCharsets.UTF_8);
                }
            }
        }
        return starts;
    }

    /** Characters that can be written wherever they are wanted: as a token of their own, or byte by byte. */
    private static CodePoints characters(Set<ByteBuffer> spellings) {
        if (hasAll(spellings, 0, 0xFF)) {
            return CodePoints.ALL;
        }
        return CodePoints.where(c -> {
            byte[] utf8 = Character.toString(c).getBytes(StandardCharsets.UTF_8);
            if (spellings.contains(ByteBuffer.wrap(utf8))) {
                return true;
            }
            for (int i = 0; i < utf8.length; i++) {
                if (!spellings.contains(ByteBuffer.wrap(utf8, i, 1))) {
                    return false;
                }
            }
            return true;
        });
    }

    private static boolean hasAll(Set<ByteBuffer> spellings, int first, int last) {
        for (int b = first; b <= last; b++) {
            if (!spellings.contains(ByteBuffer.wrap(new byte[] {(byte) b}))) {
                return false;
            }
        }
        return true;
    }

    /** Null where the bytes are not whole characters. */
    private static String text(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException _) {
            return null;
        }
    }

    TokenTrie inside() {
        return inside;
    }

    /** Of a text's very first token. */
    TokenTrie first() {
        return first;
    }

    /** Tokens that write nothing as a text's very first; what comes behind them keeps its space. */
    long[] silent() {
        return silent;
    }

    CodePoints characters() {
        return characters;
    }

    /** Made when it is first needed. */
    synchronized KeyFilter keys() {
        if (keys == null) {
            keys = new KeyFilter(inside, first);
        }
        return keys;
    }
}
