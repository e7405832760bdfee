package dev.zhulong.text.encode;

import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.text.GgufTokenizer;
import dev.zhulong.text.InputTokenizer;
import dev.zhulong.text.SequenceTemplate;
import dev.zhulong.text.SpecialIds;
import dev.zhulong.text.TextPieces;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Makes inputs of an encoder: the tokens of one text or of two, with what the model puts around them, shortened to what it can read. What looks like
 * a special token inside a text is text.
 *
 * <pre>{@code
 * try (var tokenizer = EncoderTokenizer.load(Path.of("bert"))) {
 *     EncodedText input = tokenizer.encode("A text.", 512);             // [CLS] a text . [SEP]
 *     EncodedText pair = tokenizer.encode("One text.", "Another.", 512);
 * }
 * }</pre>
 *
 * <p>Safe for several threads.
 */
public final class EncoderTokenizer implements AutoCloseable {
    private final InputTokenizer tokenizer;
    private final SequenceTemplate template;

    private EncoderTokenizer(InputTokenizer tokenizer) {
        this.tokenizer = tokenizer;
        this.template = tokenizer.template();
    }

    /**
     * Opens the tokenizer of a model directory, or of a GGUF file.
     *
     * @throws IllegalArgumentException where it is missing or malformed; the message names the file
     */
    public static EncoderTokenizer load(Path directory) {
        if (GgufFile.isOne(directory)) {
            try (GgufFile file = GgufFile.open(directory)) {
                return of(GgufTokenizer.loadInput(file.metadata()));
            }
        }
        return of(InputTokenizer.load(directory));
    }

    /** Over a tokenizer that is open; it is closed with this one. */
    public static EncoderTokenizer of(InputTokenizer tokenizer) {
        try {
            return new EncoderTokenizer(tokenizer);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    public InputTokenizer tokenizer() {
        return tokenizer;
    }

    /** The same for texts that the model writes, where it has a tokenizer of its own for them. */
    public EncoderTokenizer target() {
        return tokenizer.target() == tokenizer ? this : new EncoderTokenizer(tokenizer.target());
    }

    public SpecialIds specials() {
        return tokenizer.specials();
    }

    /** Special tokens around one text, or around two. */
    public int added(boolean pair) {
        return template.added(pair);
    }

    /**
     * One text; what goes past {@code max} tokens is cut off its end.
     *
     * @throws IllegalArgumentException where {@code max} has no room for a token of the text
     */
    public EncodedText encode(String text, int max) {
        return single(part(tokenizer.pieces(text)), max);
    }

    /** Two texts; what goes past {@code max} tokens is cut off the ends, of the longer one first ({@code longest_first}). */
    public EncodedText encode(String first, String second, int max) {
        int room = room(max, true, 2);
        Part a = part(tokenizer.pieces(first));
        Part b = part(tokenizer.pieces(second));
        int shorter = Math.min(a.length(), b.length());
        int longer = Math.max(a.length(), b.length());
        if (shorter + longer > room) {
            longer = Math.max(shorter, room - shorter);
            if (shorter + longer > room) {
                shorter = room / 2;
                longer = room - shorter;
            }
        }
        boolean swapped = a.length() > b.length();
        return build(template.pair(), a.cut(0, swapped ? longer : shorter), b.cut(0, swapped ? shorter : longer));
    }

    /**
     * A text that comes in words, each encoded by itself; {@link EncodedText#words} number them. In a byte-level vocabulary all but the first have
     * the space before them, as they would in a text.
     */
    public EncodedText encodeWords(List<String> words, int max) {
        List<TextPieces> pieces = new ArrayList<>();
        int tokens = 0;
        for (int word = 0; word < words.size() && tokens < max; word++) {
            boolean spaced = word > 0 && tokenizer.spellsSpaces();
            TextPieces own = tokenizer.pieces(spaced ? " " + words.get(word) : words.get(word));
            pieces.add(own);
            tokens += own.ids().length;
        }
        var part = new Part(new int[tokens], new int[tokens], new int[tokens], new int[tokens]);
        int at = 0;
        for (int word = 0; word < pieces.size(); word++) {
            TextPieces own = pieces.get(word);
            int shift = word > 0 && tokenizer.spellsSpaces() ? 1 : 0;
            for (int i = 0; i < own.ids().length; i++, at++) {
                part.ids[at] = own.ids()[i];
                part.from[at] = Math.max(0, own.from()[i] - shift);
                part.to[at] = Math.max(0, own.to()[i] - shift);
                part.words[at] = word;
            }
        }
        return single(part, max);
    }

    /**
     * A question with all of a context that may be longer than an input: windows of at most {@code max} tokens, each with the whole question, that
     * overlap by {@code overlap} tokens of the context ({@code only_second} with a stride of that many).
     *
     * @throws IllegalArgumentException where the question leaves no more room than the overlap takes
     */
    public List<EncodedText> windows(String question, String context, int max, int overlap) {
        Part a = part(tokenizer.pieces(question));
        Part b = part(tokenizer.pieces(context));
        int room = max - template.added(true) - a.length();
        if (overlap < 0 || room < 1 || b.length() > room && room <= overlap) {
            throw new IllegalArgumentException("a question of " + a.length() + " tokens leaves " + Math.max(0, room) + " of " + max + " for its context, and"
                    + " windows overlap by " + overlap + "; shorten the question or the overlap, or allow longer inputs");
        }
        List<EncodedText> windows = new ArrayList<>();
        for (int from = 0; ; from += room - overlap) {
            int to = Math.min(b.length(), from + room);
            windows.add(build(template.pair(), a, b.cut(from, to)));
            if (to == b.length()) {
                return windows;
            }
        }
    }

    private EncodedText single(Part part, int max) {
        return build(template.single(), part.cut(0, Math.min(part.length(), room(max, false, 1))), null);
    }

    private int room(int max, boolean pair, int least) {
        int room = max - template.added(pair);
        if (room < least) {
            throw new IllegalArgumentException("an input of " + max + " tokens has no room for a text beside the " + template.added(pair)
                    + " that the model adds; allow longer ones");
        }
        return room;
    }

    /** A text's share of an input. */
    private record Part(int[] ids, int[] from, int[] to, int[] words) {
        int length() {
            return ids.length;
        }

        Part cut(int begin, int end) {
            return begin == 0 && end == ids.length ? this : new Part(copy(ids, begin, end), copy(from, begin, end), copy(to, begin, end),
                    copy(words, begin, end));
        }

        private static int[] copy(int[] values, int begin, int end) {
            return Arrays.copyOfRange(values, begin, end);
        }
    }

    private static Part part(TextPieces pieces) {
        return new Part(pieces.ids(), pieces.from(), pieces.to(), pieces.words());
    }

    private static EncodedText build(List<SequenceTemplate.Step> steps, Part first, Part second) {
        int n = first.length() + (second == null ? 0 : second.length())
                + (int) steps.stream().filter(SequenceTemplate.Token.class::isInstance).count();
        var input = new EncodedText(new int[n], new int[n], new int[n], new int[n], new int[n], new int[n]);
        int at = 0;
        for (SequenceTemplate.Step step : steps) {
            switch (step) {
                case SequenceTemplate.Token(int id, int type) -> {
                    input.ids()[at] = id;
                    input.types()[at] = type;
                    input.parts()[at] = EncodedText.SPECIAL;
                    input.words()[at] = EncodedText.SPECIAL;
                    at++;
                }
                case SequenceTemplate.Text(int number, int type) -> {
                    Part part = number == 0 ? first : second;
                    for (int i = 0; i < part.length(); i++, at++) {
                        input.ids()[at] = part.ids[i];
                        input.types()[at] = type;
                        input.parts()[at] = number;
                        input.from()[at] = part.from[i];
                        input.to()[at] = part.to[i];
                        input.words()[at] = part.words[i];
                    }
                }
            }
        }
        return input;
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
