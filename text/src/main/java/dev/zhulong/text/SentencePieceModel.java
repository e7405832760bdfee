package dev.zhulong.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A file of SentencePiece ({@code spiece.model}, {@code sentencepiece.bpe.model}, {@code source.spm}): the protocol buffer {@code ModelProto} of its
 * {@code sentencepiece_model.proto}, the fields that decide ids.
 *
 * @param pieces       by id
 * @param algorithm    how a text is cut into them
 * @param byteFallback whether a character that is no piece becomes the pieces of its bytes
 * @param charsmap     compiled rules of the normalizer; empty for none
 * @param dummyPrefix  whether a text is given a space at its start
 * @param fewerSpaces  whether spaces at the ends are removed, and of several in a row all but one
 */
record SentencePieceModel(List<Piece> pieces, Algorithm algorithm, boolean byteFallback, Optional<PrecompiledCharsmap> charsmap, boolean dummyPrefix,
        boolean fewerSpaces) {
    private static final int VARINT = 0;
    private static final int LONG = 1;
    private static final int BYTES = 2;
    private static final int INT = 5;

    /** The numbers are those of the file. */
    enum Type {
        NONE, NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE
    }

    /** How texts are cut. */
    enum Algorithm {
        UNIGRAM, BPE
    }

    /** A token of the file. */
    record Piece(String text, float score, Type type) {}

    /**
     * Reads a file.
     *
     * @throws IllegalArgumentException where it is none, or has what is not implemented; names it
     */
    static SentencePieceModel read(Path file) {
        try {
            return new Reader(file).model(ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN));
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        } catch (BufferUnderflowException e) {
            throw new IllegalArgumentException(file + ": is cut off or no SentencePiece model", e);
        }
    }

    /** Id of the token for what is no piece. */
    int unknown() {
        for (int id = 0; id < pieces.size(); id++) {
            if (pieces.get(id).type() == Type.UNKNOWN) {
                return id;
            }
        }
        throw new IllegalStateException("checked when read");
    }

    /** Fields as they come. */
    private static final class Reader {
        private final Path file;
        private final List<Piece> pieces = new ArrayList<>();
        private Algorithm algorithm = Algorithm.UNIGRAM;
        private boolean byteFallback;
        private Optional<PrecompiledCharsmap> charsmap = Optional.empty();
        private boolean dummyPrefix = true;
        private boolean fewerSpaces = true;

        Reader(Path file) {
            this.file = file;
        }

        SentencePieceModel model(ByteBuffer in) {
            while (in.hasRemaining()) {
                int key = (int) varint(in);
                switch (key) {
                    case 1 << 3 | BYTES -> piece(message(in));
                    case 2 << 3 | BYTES -> trainer(message(in));
                    case 3 << 3 | BYTES -> normalizer(message(in));
                    default -> skip(in, key);
                }
            }
            if (pieces.stream().filter(piece -> piece.type() == Type.UNKNOWN).count() != 1) {
                throw wrong("exactly one unknown token");
            }
            return new SentencePieceModel(List.copyOf(pieces), algorithm, byteFallback, charsmap, dummyPrefix, fewerSpaces);
        }

        private void piece(ByteBuffer in) {
            String text = "";
            float score = 0;
            Type type = Type.NORMAL;
            while (in.hasRemaining()) {
                int key = (int) varint(in);
                switch (key) {
                    case 1 << 3 | BYTES -> text = StandardCharsets.UTF_8.decode(message(in)).toString();
                    case 2 << 3 | INT -> score = in.getFloat();
                    case 3 << 3 | VARINT -> type = type(varint(in));
                    default -> skip(in, key);
                }
            }
            if (text.isEmpty() || Float.isNaN(score)) {
                throw wrong("a text and a score for each piece, which piece " + pieces.size() + " has not");
            }
            pieces.add(new Piece(text, score, type));
        }

        private Type type(long number) {
            if (number < 1 || number >= Type.values().length) {
                throw wrong("pieces of types 1 to 6, not " + number);
            }
            return Type.values()[(int) number];
        }

        private void trainer(ByteBuffer in) {
            while (in.hasRemaining()) {
                int key = (int) varint(in);
                switch (key) {
                    case 3 << 3 | VARINT -> {
                        long number = varint(in);
                        if (number != 1 && number != 2) {
                            throw wrong("unigram (1) or BPE (2), and its model_type is " + number);
                        }
                        algorithm = number == 1 ? Algorithm.UNIGRAM : Algorithm.BPE;
                    }
                    case 24 << 3 | VARINT -> {
                        if (varint(in) != 0) {
                            throw wrong("spaces before words (treat_whitespace_as_suffix is true)");
                        }
                    }
                    case 35 << 3 | VARINT -> byteFallback = varint(in) != 0;
                    default -> skip(in, key);
                }
            }
        }

        private void normalizer(ByteBuffer in) {
            while (in.hasRemaining()) {
                int key = (int) varint(in);
                switch (key) {
                    case 2 << 3 | BYTES -> {
                        ByteBuffer rules = message(in);
                        byte[] compiled = new byte[rules.remaining()];
                        rules.get(compiled);
                        charsmap = compiled.length == 0 ? Optional.empty()
                                : Optional.of(PrecompiledCharsmap.of(compiled).orElseThrow(() -> wrong("a normalizer (precompiled_charsmap) that stays within its tables")));
                    }
                    case 3 << 3 | VARINT -> dummyPrefix = varint(in) != 0;
                    case 4 << 3 | VARINT -> fewerSpaces = varint(in) != 0;
                    case 5 << 3 | VARINT -> {
                        if (varint(in) == 0) {
                            throw wrong("spaces that are written as U+2581 (escape_whitespaces is false)");
                        }
                    }
                    default -> skip(in, key);
                }
            }
        }

        private ByteBuffer message(ByteBuffer in) {
            long length = varint(in);
            if (length < 0 || length > in.remaining()) {
                throw new BufferUnderflowException();
            }
            ByteBuffer part = in.slice(in.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
            in.position(in.position() + (int) length);
            return part;
        }

        private static long varint(ByteBuffer in) {
            long value = 0;
            for (int shift = 0; shift < 64; shift += 7) {
                byte next = in.get();
                value |= (long) (next & 0x7F) << shift;
                if (next >= 0) {
                    break;
                }
            }
            return value;
        }

        private void skip(ByteBuffer in, int key) {
            switch (key & 7) {
                case VARINT -> varint(in);
                case LONG -> in.getLong();
                case BYTES -> message(in);
                case INT -> in.getInt();
                default -> throw wrong("fields of a protocol buffer");
            }
        }

        private IllegalArgumentException wrong(String expected) {
            return new IllegalArgumentException(file + ": expected a SentencePiece model with " + expected);
        }
    }
}
