package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.ByteTokenizer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.SupervisedTokens;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Traps 17 and 18. */
class EndOfSequenceIsLearntOnceTest {
    @TempDir
    Path directory;

    private final RowReport report = new RowReport();

    private SupervisedTokens encode(Tokenizer tokenizer, Example example) {
        List<SupervisedDocument> documents = new ExampleEncoder(tokenizer, new PlainChat(), 1000).encode(new ExampleRow("s", "f#1", 1, example),
                report);
        assertThat(documents).hasSize(1);
        assertThat(documents.getFirst().truncated()).isFalse();
        return documents.getFirst().tokens();
    }

    private static long learnt(SupervisedTokens tokens, int id) {
        return IntStream.range(0, tokens.ids().length).filter(i -> tokens.ids()[i] == id && tokens.supervised()[i]).count();
    }

    @Test
    void evenIfPaddingAndBosHaveItsIdAndTheTextSpellsIt() {
        // one control token for everything, as GPT-2 and many fine-tunes have it
        var trainer = new BpeTrainer(270, List.of("<|endoftext|>"));
        trainer.add("the end of the text of the end");
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", "<|endoftext|>", true, 100));
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            int eos = tokenizer.eos().orElseThrow();
            assertThat(tokenizer.pad()).hasValue(eos);
            for (String completion : List.of("the end", "<|endoftext|>", "the end<|endoftext|>")) {
                SupervisedTokens tokens = encode(tokenizer, new Example.Completion("of the text\n", completion));
                assertThat(tokens.ids()).startsWith(eos).endsWith(eos);
                assertThat(IntStream.of(tokens.ids()).filter(id -> id == eos).count()).as("BOS and EOS").isEqualTo(2);
                assertThat(learnt(tokens, eos)).isEqualTo(1);
                assertThat(tokens.supervised()[tokens.supervised().length - 1]).isTrue();
                assertThat(tokens.supervised()[0]).isFalse();
                assertThat(tokenizer.decode(tokens.ids())).isEqualTo("of the text\n" + completion);
            }
            SupervisedTokens text = encode(tokenizer, new Example.Text("the end<|endoftext|>"));
            assertThat(learnt(text, eos)).isEqualTo(1);
            assertThat(text.count()).isEqualTo(text.ids().length - 1);
        }
        assertThat(report.noted()).isEmpty();
    }

    @Test
    void onceForEveryTurnOfTheAssistant() {
        SupervisedTokens tokens = encode(PlainChat.TOKENIZER, new Example.Chat(Conversation.of(Message.system("s"), Message.user("q"),
                Message.assistant("a"), Message.user("r"), Message.assistant("b"))));
        assertThat(PlainChat.learnt(tokens)).isEqualTo("a$b$");
        assertThat(PlainChat.text(tokens.ids())).isEqualTo("^system:s$\nuser:q$\nassistant:a$\nuser:r$\nassistant:b$\n");
    }

    @Test
    void aTurnOfWeightZeroIsNotLearnt() {
        var talk = Conversation.of(Message.user("q"), Message.assistant("same"), Message.user("r"), Message.assistant("same"), Message.user("t"),
                Message.assistant("c"));
        assertThat(PlainChat.learnt(encode(PlainChat.TOKENIZER, new Example.Chat(talk, List.of(3))))).isEqualTo("same$c$");
        SupervisedTokens tokens = encode(PlainChat.TOKENIZER, new Example.Chat(talk, List.of(1, 5)));
        assertThat(PlainChat.learnt(tokens)).isEqualTo("same$");
        int at = PlainChat.text(tokens.ids()).lastIndexOf("same");
        assertThat(tokens.supervised()[at]).isTrue();
    }

    @Test
    void aTokenizerWithoutOneIsSaid() {
        Tokenizer none = new ByteTokenizer(0, 258, OptionalInt.empty(), OptionalInt.empty(), false);
        SupervisedTokens tokens = encode(none, new Example.Completion("a", "b"));
        assertThat(tokens.ids()).containsExactly('a', 'b');
        assertThat(report.noted().keySet()).anyMatch(note -> note.contains("no EOS"));
    }
}
