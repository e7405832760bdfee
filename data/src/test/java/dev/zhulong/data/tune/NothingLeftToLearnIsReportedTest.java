package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.data.read.RowReport;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Trap 23, and trap 16 for plain text. */
class NothingLeftToLearnIsReportedTest {
    private final RowReport report = new RowReport();

    private List<SupervisedDocument> encode(int seq, Example... examples) {
        var rows = IntStream.range(0, examples.length).mapToObj(i -> {
            report.row();
            return new ExampleRow("s", "f#" + (i + 1), i + 1, examples[i]);
        }).toList();
        return TuneTokens.of(rows, new ExampleEncoder(PlainChat.TOKENIZER, new PlainChat(), seq), report).documents();
    }

    @Test
    void aConversationCutBeforeItsAnswerIsNotTrainedOn() {
        var question = new Example.Chat(Conversation.of(Message.user("a question of some length"), Message.assistant("yes")));
        // ^user:a question of some length$\nassistant: is 43 tokens
        assertThat(encode(42, question)).isEmpty();
        String reason = "no supervised token left after cutting to 43 tokens";
        assertThat(report.refused().keySet()).containsExactly(reason);
        assertThat(report.refused().get(reason).samples().getFirst().where()).isEqualTo("f#1");
        assertThat(report.refused().get(reason).samples().getFirst().snippet()).startsWith("user: a question");
        assertThat(report.used()).isZero();
    }

    @Test
    void aCutAnswerIsTrainedOnAndCounted() {
        var question = new Example.Chat(Conversation.of(Message.user("a question of some length"), Message.assistant("yes")));
        List<SupervisedDocument> cut = encode(43, question);
        assertThat(PlainChat.learnt(cut.getFirst().tokens())).isEqualTo("y");
        assertThat(cut.getFirst().tokens().ids()).hasSize(44);
        assertThat(cut.getFirst().truncated()).isTrue();
        assertThat(report.noted().get("cut to 44 tokens; the end is not learnt").count()).isEqualTo(1);
        assertThat(report.used()).isEqualTo(1);
        // the line break behind EOS is no loss, EOS is
        List<SupervisedDocument> whole = encode(46, question);
        assertThat(PlainChat.learnt(whole.getFirst().tokens())).isEqualTo("yes$");
        assertThat(whole.getFirst().truncated()).isFalse();
        assertThat(encode(45, question).getFirst().truncated()).isTrue();
    }

    @Test
    void aLongPromptLeavesNothingOfACompletion() {
        assertThat(encode(8, new Example.Completion("12345678901", "x"), new Example.Completion("12345", "678"))).hasSize(1);
        assertThat(report.refused().keySet()).containsExactly("no supervised token left after cutting to 9 tokens");
        assertThat(report.noted().keySet()).containsExactly("cut to 9 tokens; the end is not learnt");
    }

    @Test
    void longTextIsCutIntoPiecesThatMissNothing() {
        String text = "abcdefghijklmnopqrstuvwxyz";
        for (int seq = 1; seq < 30; seq++) {
            var learnt = new StringBuilder();
            int last = PlainChat.BOS;
            for (SupervisedDocument piece : encode(seq, new Example.Text(text))) {
                assertThat(piece.tokens().ids().length).isBetween(2, seq + 1);
                assertThat(piece.tokens().ids()[0]).isEqualTo(last);
                last = piece.tokens().ids()[piece.tokens().ids().length - 1];
                learnt.append(PlainChat.learnt(piece.tokens()));
            }
            assertThat(learnt.toString()).isEqualTo(text + "$");
        }
        assertThat(report.refusals()).isZero();
    }

    @Test
    void aPreferencePairIsNotForThis() {
        assertThat(encode(50, new Example.Preference(Conversation.of(Message.user("q")), Message.assistant("a"), Message.assistant("b")))).isEmpty();
        assertThat(report.refused().keySet()).containsExactly("a preference pair, which only DPO learns from");
    }

    @Test
    void controlTokensThatOccurAreKnown() {
        var rows = List.of(new ExampleRow("s", "f#1", 1, new Example.Completion("a", "b")));
        assertThat(TuneTokens.of(rows, new ExampleEncoder(PlainChat.TOKENIZER, new PlainChat(), 9), report).controlIds())
                .containsExactly(PlainChat.EOS, PlainChat.BOS);
    }
}
