package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.PairedRows;
import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Traps 20 and 21, the side of the data. */
class PairsKeepTheirFirstTokenTest {
    private final RowReport report = new RowReport();

    private Optional<PreferenceTokens> encode(int seq, String prompt, String chosen, String rejected) {
        var example = new Example.Preference(Conversation.of(Message.user(prompt)), Message.assistant(chosen), Message.assistant(rejected));
        return new ExampleEncoder(PlainChat.TOKENIZER, new PlainChat(), seq).preference(new ExampleRow("s", "f#1", 1, example), report);
    }

    @Test
    void answersBeginWithTheirFirstTokenHaveNoBosAndEndOnce() {
        PreferenceTokens pair = encode(100, "Q", "yes", "yet").orElseThrow();
        assertThat(PlainChat.text(pair.prompt())).isEqualTo("^user:Q$\nassistant:");
        // a shared beginning of the answers belongs to the answers
        assertThat(PlainChat.text(pair.chosen())).isEqualTo("yes$");
        assertThat(PlainChat.text(pair.rejected())).isEqualTo("yet$");
        assertThat(PlainChat.learnt(pair.chosenSequence())).isEqualTo("yes$");
        assertThat(PlainChat.text(pair.rejectedSequence().ids())).isEqualTo("^user:Q$\nassistant:yet$");
        assertThat(pair.truncated()).isFalse();
    }

    @Test
    void earlierAnswersAreContext() {
        var example = new Example.Preference(Conversation.of(Message.user("q"), Message.assistant("a"), Message.user("r")),
                Message.assistant("b"), Message.assistant("c"));
        PreferenceTokens pair = new ExampleEncoder(PlainChat.TOKENIZER, new PlainChat(), 100).preference(new ExampleRow("s", "f#1", 1, example),
                report).orElseThrow();
        assertThat(PlainChat.text(pair.prompt())).isEqualTo("^user:q$\nassistant:a$\nuser:r$\nassistant:");
        assertThat(PlainChat.learnt(pair.chosenSequence())).isEqualTo("b$");
    }

    @Test
    void promptsAreCutFromTheLeftAndAnswersFromTheRight() {
        PreferenceTokens pair = encode(29, "a long, long question", "yes", "no").orElseThrow();
        assertThat(pair.prompt().length + pair.chosen().length).isEqualTo(30);
        assertThat(PlainChat.text(pair.prompt())).startsWith("^").endsWith("question$\nassistant:").doesNotContain("user");
        assertThat(PlainChat.text(pair.chosen())).isEqualTo("yes$");
        assertThat(PlainChat.text(pair.rejected())).isEqualTo("no$");
        assertThat(pair.truncated()).isTrue();
        assertThat(report.noted().keySet()).containsExactly("cut to 30 tokens");

        PreferenceTokens longAnswer = encode(29, "a long, long question", "0123456789".repeat(9), "no").orElseThrow();
        assertThat(longAnswer.prompt()).hasSize(15);
        assertThat(PlainChat.text(longAnswer.chosen())).isEqualTo("012345678901234");
        assertThat(PlainChat.text(longAnswer.rejected())).isEqualTo("no$");
    }

    @Test
    void rowsArePaddedOnTheRightAfterCutting() {
        List<PreferenceTokens> pairs = List.of(encode(29, "a long, long question", "yes", "no").orElseThrow(),
                encode(29, "Q", "a", "b").orElseThrow());
        var rows = PairedRows.inOrder(pairs.stream().map(PreferenceTokens::chosenSequence).toList(),
                pairs.stream().map(PreferenceTokens::rejectedSequence).toList(), 29);
        Batch batch = new Batches(rows, 4).get(0);
        assertThat(batch.supervised()).isEqualTo(4 + 3 + 2 + 2);
        for (int row = 0; row < 4; row++) {
            assertThat(batch.tokens()[row * 29]).isEqualTo(PlainChat.BOS);
            assertThat(batch.positions()[row * 29]).isZero();
        }
        // the first token of the answer is the target of the prompt's last
        int last = pairs.get(1).prompt().length - 1;
        assertThat(batch.targets()[2 * 29 + last]).isEqualTo('a');
        assertThat(batch.targets()[2 * 29 + last - 1]).isEqualTo(Batch.NO_TARGET);
        assertThat(batch.targets()[3 * 29 + last]).isEqualTo('b');
        assertThat(batch.tokens()[3 * 29 + 28]).isZero();
    }

    @Test
    void whatIsNoPairIsRefused() {
        var row = new ExampleRow("s", "f#1", 1, new Example.Completion("a", "b"));
        assertThat(PreferenceTokens.all(List.of(row), new ExampleEncoder(PlainChat.TOKENIZER, new PlainChat(), 9), report)).isEmpty();
        assertThat(report.refused().keySet()).containsExactly("not a preference pair");
    }
}
