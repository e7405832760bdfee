package dev.zhulong.compress.ladder;

import dev.zhulong.formats.ContentHash;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Texts in two parts that share no piece: one to work with (calibration, vocabulary, training), one to judge by, the floor's. A piece's content decides its side, so that the same texts in
 * another order, or given twice, are split alike.
 *
 * @param work   pieces to work with, in the order of their hashes
 * @param floor  pieces that nothing but the judgement reads
 * @param digest of all pieces
 */
record SplitTexts(List<String> work, List<String> floor, ContentHash digest) {
    /** Pieces that the floor has at least; fewer give no interval that says anything. */
    static final int FEWEST = 16;

    /** Characters, about four to a token, that the floor has at most: judging takes a pass of both models over them for every attempt. */
    private static final int MOST_FLOOR = 32_768;

    /** Characters of a piece before it ends with its paragraph. */
    private static final int PIECE = 600;
    /** And after which it ends anywhere, so that a piece fits a window. */
    private static final int LONGEST = 2_000;
    private static final int FLOOR_OF = 3;

    /**
     * Splits them: a third, within limits, goes to the floor.
     *
     * @param documents whole texts, cut into pieces of some paragraphs here
     * @throws IllegalArgumentException where there is too little; says how much there has to be
     */
    static SplitTexts of(List<String> documents) {
        Map<String, String> pieces = new LinkedHashMap<>();
        for (String document : documents) {
            for (String piece : pieces(document)) {
                pieces.putIfAbsent(ContentHash.ofBytes(piece.getBytes(StandardCharsets.UTF_8)).sha256(), piece);
            }
        }
        if (pieces.size() < 2 * FEWEST) {
            throw new IllegalArgumentException("the texts are " + pieces.size() + " different pieces of about " + PIECE + " characters; at least " + 2 * FEWEST + " are needed, half of them to"
                    + " judge by: give more text with --text");
        }
        List<Map.Entry<String, String>> sorted = pieces.entrySet().stream().sorted(Map.Entry.comparingByKey(Comparator.naturalOrder())).toList();
        var work = new ArrayList<String>();
        var floor = new ArrayList<String>();
        int characters = 0;
        for (int i = 0; i < sorted.size(); i++) {
            String piece = sorted.get(i).getValue();
            boolean room = floor.size() < FEWEST || characters + piece.length() <= MOST_FLOOR;
            if (room && (i % FLOOR_OF == 0 || sorted.size() - i <= FEWEST - floor.size())) {
                floor.add(piece);
                characters += piece.length();
            } else {
                work.add(piece);
            }
        }
        return new SplitTexts(List.copyOf(work), List.copyOf(floor),
                ContentHash.ofBytes(String.join("\n", pieces.keySet().stream().sorted().toList()).getBytes(StandardCharsets.UTF_8)));
    }

    /** Some paragraphs each; a long line is cut at a space. */
    private static List<String> pieces(String document) {
        var pieces = new ArrayList<String>();
        var piece = new StringBuilder();
        for (String line : document.split("(?<=\n)")) {
            boolean blank = line.isBlank();
            for (String part : parts(line)) {
                if (piece.length() + part.length() > LONGEST) {
                    end(piece, pieces);
                }
                piece.append(part);
            }
            if (blank && piece.length() >= PIECE) {
                end(piece, pieces);
            }
        }
        end(piece, pieces);
        return pieces;
    }

    private static List<String> parts(String line) {
        var parts = new ArrayList<String>();
        int from = 0;
        while (line.length() - from > LONGEST) {
            int end = line.lastIndexOf(' ', from + LONGEST);
            end = end <= from ? from + LONGEST : end + 1;
            end -= Character.isHighSurrogate(line.charAt(end - 1)) ? 1 : 0;
            parts.add(line.substring(from, end));
            from = end;
        }
        parts.add(line.substring(from));
        return parts;
    }

    private static void end(StringBuilder piece, List<String> pieces) {
        String text = piece.toString().strip();
        if (!text.isEmpty()) {
            pieces.add(text);
        }
        piece.setLength(0);
    }
}
