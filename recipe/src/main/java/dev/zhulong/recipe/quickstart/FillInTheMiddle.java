package dev.zhulong.recipe.quickstart;

import dev.zhulong.data.document.Document;
import dev.zhulong.recipe.TextHash;
import dev.zhulong.text.GapTokens;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Arranges some documents so that a left-to-right model learns to fill gaps (Bavarian et al. 2022, "Efficient Training of Language Models
 * to Fill in the Middle"; token names as in StarCoder): {@code <|fim_prefix|>} before {@code <|fim_suffix|>} after {@code <|fim_middle|>}
 * middle.
 *
 * <p>A chosen document is cut at line ends into pieces of about half a row, since what lies outside the row cannot help; each piece
 * becomes a document of its own. The gap lies between two random places, or as often from a random place to the end of its line. Places
 * are between characters, so each part is tokenised by itself, as it is when a user asks. Everything depends on the text and the seed.
 */
final class FillInTheMiddle {
    static final String PREFIX = "<|fim_prefix|>";
    static final String SUFFIX = "<|fim_suffix|>";
    static final String MIDDLE = "<|fim_middle|>";

    /** Stand for the three tokens between the stages; cleaned text holds no control characters. */
    private static final char PREFIX_MARK = '\u0001';
    private static final char SUFFIX_MARK = '\u0002';
    private static final char MIDDLE_MARK = '\u0003';
    private static final int SHORTEST_PIECE = 40;

    private final double share;
    private final int pieceLength;
    private final long seed;

    /**
     * @param share       of documents, 0 to 1
     * @param pieceLength characters
     */
    FillInTheMiddle(double share, int pieceLength, long seed) {
        this.share = share;
        this.pieceLength = pieceLength;
        this.seed = seed;
    }

    /** The document itself, or its pieces with marks in them. */
    Stream<Document> arrange(Document document) {
        String text = document.text();
        if (TextHash.place(text, seed) >= share || text.chars().anyMatch(c -> c >= PREFIX_MARK && c <= MIDDLE_MARK)) {
            return Stream.of(document);
        }
        List<Document> pieces = new ArrayList<>();
        for (int from = 0; from < text.length();) {
            int end = Math.min(text.length(), from + pieceLength);
            int line = text.lastIndexOf('\n', end - 1);
            if (end < text.length() && line > from + pieceLength / 2) {
                end = line + 1;
            } else if (end < text.length() && Character.isLowSurrogate(text.charAt(end))) {
                end--;
            }
            if (end - from >= SHORTEST_PIECE) {
                pieces.add(new Document(document.id() + "#" + from, gap(text.substring(from, end))));
            }
            from = end;
        }
        return pieces.stream();
    }

    private String gap(String piece) {
        var random = new SplittableRandom(TextHash.of(piece, seed));
        int a = place(piece, random.nextInt(piece.length()));
        int b;
        if (random.nextBoolean()) {
            int line = piece.indexOf('\n', a);
            b = line < 0 ? piece.length() : line;
        } else {
            int other = place(piece, random.nextInt(piece.length()));
            b = Math.max(a, other);
            a = Math.min(a, other);
        }
        return PREFIX_MARK + piece.substring(0, a) + SUFFIX_MARK + piece.substring(b) + MIDDLE_MARK + piece.substring(a, b);
    }

    private static int place(String text, int at) {
        return at > 0 && Character.isLowSurrogate(text.charAt(at)) ? at - 1 : at;
    }

    /** Ids of a gap to fill, ready to be continued. */
    static int[] prompt(Tokenizer tokenizer, String before, String after) {
        return GapTokens.of(tokenizer).orElseThrow(() -> new IllegalArgumentException("the tokenizer has no token " + PREFIX))
                .prefixFirst(tokenizer.encode(before), tokenizer.encode(after), new int[0]);
    }

    /** Whether the tokenizer has the three tokens. */
    static boolean isKnownTo(Tokenizer tokenizer) {
        return GapTokens.of(tokenizer).isPresent();
    }

    /** Ids of what {@link #arrange} gave: a plain document after BOS, a piece with its marks as tokens. */
    static int[] encode(Tokenizer tokenizer, String text) {
        if (text.isEmpty() || text.charAt(0) != PREFIX_MARK) {
            return join(tokenizer.bos().stream().toArray(), tokenizer.encode(text));
        }
        int suffix = text.indexOf(SUFFIX_MARK);
        int middle = text.indexOf(MIDDLE_MARK);
        return join(prompt(tokenizer, text.substring(1, suffix), text.substring(suffix + 1, middle)),
                tokenizer.encode(text.substring(middle + 1)));
    }

    private static int[] join(int[]... parts) {
        return Stream.of(parts).flatMapToInt(IntStream::of).toArray();
    }
}
