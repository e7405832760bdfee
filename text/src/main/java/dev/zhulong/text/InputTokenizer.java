package dev.zhulong.text;

import java.nio.file.Files;
import java.nio.file.Path;

/** A tokenizer that also says where in a text its tokens lie, and what its model puts around texts: what inputs of encoders are made with. */
public sealed interface InputTokenizer extends Tokenizer permits HuggingFaceTokenizer, PublishedSentencePiece {
    /**
     * Opens the tokenizer of a model directory: its {@code tokenizer.json}, else its files of SentencePiece.
     *
     * @throws IllegalArgumentException where it has neither, or they are malformed; the message names the file
     */
    static InputTokenizer load(Path directory) {
        return Files.isDirectory(directory) && !Files.exists(directory.resolve("tokenizer.json")) && PublishedSentencePiece.isIn(directory)
                ? PublishedSentencePiece.load(directory) : HuggingFaceTokenizer.load(directory);
    }

    /** {@link #encode} of a text, and where in it each token lies; the marks that look like control tokens are plain text here too. */
    TextPieces pieces(String text);

    /** What this tokenizer's model puts around a text and between two. */
    SequenceTemplate template();

    /** The ids of the tokens that have a part in an encoder's input. */
    SpecialIds specials();

    /** Whether words after the first are spelled with the space before them, as byte-level vocabularies have it. */
    boolean spellsSpaces();

    /** The tokenizer of the texts that the model writes: this one, but for models that have two. It is closed with this one. */
    default InputTokenizer target() {
        return this;
    }
}
