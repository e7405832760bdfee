package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class EqualExamplesStayOnOneSideTest {
    private static ExampleRow row(int number, String prompt) {
        return new ExampleRow("s" + number % 2, "f#" + number, number, new Example.Completion(prompt, "c"));
    }

    private static List<Example> examples(List<ExampleRow> rows) {
        return rows.stream().map(ExampleRow::example).toList();
    }

    @Test
    void whateverTheirOrderAndWhateverElseThereIs() {
        var rows = new ArrayList<>(IntStream.range(0, 2000).mapToObj(i -> row(i, "p" + i % 500)).toList());
        HeldOut split = HeldOut.split(rows, 0.1, 7);
        assertThat(split.train().size() + split.heldOut().size()).isEqualTo(2000);
        assertThat(new HashSet<>(examples(split.train()))).doesNotContainAnyElementsOf(new HashSet<>(examples(split.heldOut())));
        assertThat(split.heldOut().size()).isBetween(4 * 30, 4 * 72);
        assertThat(split.heldOut().stream().map(ExampleRow::row)).isSorted();

        Collections.reverse(rows);
        assertThat(new HashSet<>(examples(HeldOut.split(rows.subList(0, 500), 0.1, 7).heldOut()))).isEqualTo(
                new HashSet<>(examples(split.heldOut())));
        assertThat(examples(HeldOut.split(rows, 0.1, 8).heldOut())).isNotEqualTo(examples(HeldOut.split(rows, 0.1, 7).heldOut()));
        assertThat(HeldOut.split(rows, 0, 7).heldOut()).isEmpty();
    }

    @Test
    void neitherSideIsEmpty() {
        for (int seed = 0; seed < 50; seed++) {
            for (double fraction : new double[] {0.001, 0.5, 0.999}) {
                HeldOut split = HeldOut.split(List.of(row(1, "a"), row(2, "b"), row(3, "a")), fraction, seed);
                assertThat(split.train()).isNotEmpty();
                assertThat(split.heldOut()).isNotEmpty();
            }
        }
        assertThat(HeldOut.split(List.of(row(1, "a"), row(2, "a")), 0.0001, 1).heldOut()).isEmpty();
        assertThatThrownBy(() -> HeldOut.split(List.of(), 1, 1)).hasMessageContaining("[0, 1)");
    }

    @Test
    void differentExamplesHaveDifferentHashes() {
        var hashes = new HashSet<Long>();
        List<Example> examples = List.of(new Example.Completion("ab", "c"), new Example.Completion("a", "bc"), new Example.Text("abc"),
                new Example.Chat(Conversation.of(Message.user("ab"), Message.assistant("c"))),
                new Example.Chat(Conversation.of(Message.user("a"), Message.assistant("bc"))),
                new Example.Chat(Conversation.of(Message.user("a"), Message.assistant("bc")), List.of(1)),
                new Example.Preference(Conversation.of(Message.user("a")), Message.assistant("b"), Message.assistant("c")),
                new Example.Preference(Conversation.of(Message.user("a")), Message.assistant("c"), Message.assistant("b")));
        examples.forEach(example -> hashes.add(ContentHash.of(example)));
        assertThat(hashes).hasSize(examples.size());
    }
}
