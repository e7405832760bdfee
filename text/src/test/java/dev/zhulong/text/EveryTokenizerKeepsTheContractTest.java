package dev.zhulong.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.gguf.GgufMetadata;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Our own encoder and the library's, from a directory and from a GGUF file. */
class EveryTokenizerKeepsTheContractTest {
    @TempDir
    Path directory;

    private Tokenizer ofGguf(String name) {
        try {
            return GgufTokenizer.load(new GgufMetadata(Path.of(name), GgufVocabularies.of(name, GgufIdsAreLlamaCppsTest.texts(), directory)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void noTokenizerIsWithoutAContractTest() {
        assertThat(ContractTests.implementations(Tokenizer.class, Tokenizer.class)).contains(HuggingFaceTokenizer.class);
        assertThat(ContractTests.missing(Tokenizer.class, getClass(), Tokenizer.class, TokenizerContract.class)).isEmpty();
    }

    @Nested
    class ByteLevelBpe extends TokenizerContract<HuggingFaceTokenizer> {
        @Override
        protected HuggingFaceTokenizer tokenizer() {
            TokenizerJson.write(directory, Texts.train(600, Texts.nasty(500, 11), PreTokenizer.LLAMA3, "<|endoftext|>", "<|im_start|>", "<|im_end|>"),
                    new TokenizerJson.Settings("<|endoftext|>", "<|im_end|>", null, true, 512));
            return HuggingFaceTokenizer.load(directory);
        }
    }

    @Nested
    class WordPiece extends TokenizerContract<HuggingFaceTokenizer> {
        @Override
        protected HuggingFaceTokenizer tokenizer() {
            WordPieces.write(directory);
            return HuggingFaceTokenizer.load(directory);
        }

        @Override
        protected OptionalInt unknown() {
            return OptionalInt.of(1);
        }
    }

    @Nested
    class ByteLevelBpeOfAGguf extends TokenizerContract<HuggingFaceTokenizer> {
        @Override
        protected HuggingFaceTokenizer tokenizer() {
            return (HuggingFaceTokenizer) ofGguf("llama-bpe");
        }
    }

    @Nested
    class SentencePieceOfAGguf extends TokenizerContract<SentencePieceTokenizer> {
        @Override
        protected SentencePieceTokenizer tokenizer() {
            return (SentencePieceTokenizer) ofGguf(GgufVocabularies.SENTENCE_PIECE);
        }
    }

    @Nested
    class SentencePieceWithoutASpaceBeforeAText extends TokenizerContract<SentencePieceTokenizer> {
        @Override
        protected SentencePieceTokenizer tokenizer() {
            return (SentencePieceTokenizer) ofGguf(GgufVocabularies.SENTENCE_PIECE_BARE);
        }
    }

    @Nested
    class SentencePieceOfADirectory extends TokenizerContract<HuggingFaceTokenizer> {
        @Override
        protected HuggingFaceTokenizer tokenizer() {
            return HuggingFaceTokenizer.load(Texts.shared("assets/stories15M"));
        }
    }

    @Nested
    class TheOneOfOtherTests extends TokenizerContract<ByteTokenizer> {
        @Override
        protected ByteTokenizer tokenizer() {
            return new ByteTokenizer(true, false);
        }
    }
}
