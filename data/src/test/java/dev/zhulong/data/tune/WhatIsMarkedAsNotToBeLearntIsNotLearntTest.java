package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WhatIsMarkedAsNotToBeLearntIsNotLearntTest {
    private static final String GOOD = "{\"prompt\": \"q\", \"completion\": \"a\"}";

    @TempDir
    Path directory;

    private Examples read(String... rows) {
        return RowFiles.read(directory, "rows.jsonl", List.of(rows).stream().map(row -> row.replace('\'', '"')).toArray(String[]::new));
    }

    private static List<Integer> muted(Example example) {
        return ((Example.Chat) example).muted();
    }

    private static String turns(String mark) {
        return "{'messages': [{'role': 'user', 'content': 'one'}, {'role': 'assistant', 'content': 'bad', " + mark + "},"
                + " {'role': 'user', 'content': 'two'}, {'role': 'assistant', 'content': 'good'}]}";
    }

    @ParameterizedTest
    @ValueSource(strings = {"'loss': false", "'loss': 0", "'train': false", "'training': 'False'", "'trainable': false", "'is_trainable': 'no'",
        "'loss_mask': 0", "'lossMask': '0'", "'weight': 0", "'weight': 0.0", "'weight': '0.0'", "'Weight': 0", "'loss_scale': 0", "'learn': false",
        "'loss': ' FALSE '", "'masked': true", "'masked': 1", "'no_loss': 'yes'", "'ignore': true", "'train': true, 'weight': 0", "'label': false", "'rejected': true", "'kto_tag': 'bad'"})
    void aTurnInAnySpelling(String mark) {
        Examples read = read(turns(mark), turns(mark).replace("messages", "conversations").replace("role", "from").replace("content", "value")
                .replace("user", "human").replace("assistant", "gpt"));
        assertThat(RowFiles.examples(read)).isNotEmpty().allSatisfy(example -> assertThat(muted(example)).containsExactly(1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"'calculate_loss': false", "'with_loss': false", "'hasLoss': 0", "'loss_factor': 0", "'is_train': false", "'toTrain': 'no'",
        "'should_train': false", "'train_on_turn': false", "'trained': false", "'is-learnable': false", "'weights': 0", "'supervise': false",
        "'requires_gradient': false", "'do_not_train': true", "'dontTrain': 1", "'skip_loss': true", "'exclude_from_loss': true", "'loss_masked': true",
        "'mask_loss': true", "'not_trainable': true", "'exclude': true", "'skip': 'yes'", "'context_only': true"})
    void aTurnWhoseMarkIsSpeltInWords(String mark) {
        assertThat(RowFiles.examples(read(turns(mark)))).singleElement().satisfies(example -> assertThat(muted(example)).containsExactly(1));
        String row = "{'prompt': 'q', 'completion': 'bad', " + mark.replaceAll("\\b0$", "false").replaceAll("\\b1$", "true") + "}";
        assertThat(RowFiles.refused(read(row))).isEqualTo(Map.of("marked as not to be learnt", 1L));
    }

    @ParameterizedTest
    @ValueSource(strings = {"'train_loss': 0.0", "'learning': 'physics'", "'training_data': false", "'train_station': 'no'", "'from': 'x'", "'use': true",
        "'weight_kg': 0", "'weights': 'none at all'"})
    void aNameWithOtherWordsIsNoMark(String mark) {
        Examples read = read("{'prompt': 'q', 'completion': 'a', " + mark + "}");
        assertThat(read.examples()).hasSize(1);
        assertThat(read.report().noted()).isEmpty();
        // a turn may have them too, and a number that is none of these
        assertThat(muted(RowFiles.examples(read(turns("'learning': 'physics', 'training_data': false"))).getFirst())).isEmpty();
        assertThat(RowFiles.examples(read(turns("'weight': 1").replace("]}", "], 'learning': ['a', 'b', 'c', 'd']}")))).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"'loss': true", "'loss': 1", "'train': 'true'", "'weight': 1.0", "'loss_mask': '1'", "'masked': false", "'loss': null",
        "'weight': ''", "'weight': NaN"})
    void aTurnThatIsToBeLearnt(String mark) {
        Examples read = read(turns(mark));
        assertThat(muted(RowFiles.examples(read).getFirst())).isEmpty();
        assertThat(read.report().noted()).isEmpty();
    }

    @Test
    void aMarkThatIsNotUnderstoodRefusesTheRow() {
        Examples read = read(turns("'weight': 1"), turns("'loss': 'perhaps'"), turns("'loss_mask': [0, 1]"), turns("'train': {'on': 1}"),
                turns("'mask': true"), turns("'weight': -1"), turns("'train_detail': [{'begin_offset': 0, 'train': false}]"),
                turns("'weight': 1").replace("'bad'", "[{'type': 'text', 'text': 'bad', 'loss': false}]"));
        assertThat(read.examples()).hasSize(1);
        assertThat(RowFiles.refused(read)).isEqualTo(Map.of("a mark of what is to be learnt is not understood", 3L,
                "a turn's 'mask' is not understood", 1L, "a turn's 'train_detail' is not understood", 1L, "a negative weight", 1L,
                "a part of a message is marked as not to be learnt", 1L));
    }

    @ParameterizedTest
    @ValueSource(strings = {"'enabled': false", "'is_target': false", "'assistant_mask': 0", "'metadata': {'loss': false}"})
    void aFieldOfATurnThatMayBeAMarkIsNoted(String mark) {
        Examples read = read(turns(mark));
        assertThat(muted(RowFiles.examples(read).getFirst())).isEmpty();
        assertThat(read.report().noted().keySet()).singleElement().asString().contains("is not understood; the turn is learnt");
        assertThat(read(turns("'prefix': true, 'id': 7, 'refusal': null, 'usage': {'total': 5}")).report().noted()).isEmpty();
    }

    @Test
    void aWeightBetweenIsNoted() {
        Examples read = read(turns("'weight': 0.5"));
        assertThat(muted(RowFiles.examples(read).getFirst())).isEmpty();
        assertThat(read.report().noted()).containsOnlyKeys("a weight other than 0 and 1, taken for 1");
    }

    @Test
    void aListBesideTheTurnsMarksEach() {
        String plain = turns("'weight': 1").replace(", 'weight': 1", "");
        Examples read = read(plain.replace("]}", "], 'loss_mask': [0, 0, 0, 1]}"), plain.replace("]}", "], 'weight': '[1, 0, 1, 1]'}"),
                plain.replace("]}", "], 'loss_mask': [0, 1]}"));
        assertThat(RowFiles.examples(read)).hasSize(2).allSatisfy(example -> assertThat(muted(example)).containsExactly(1));
        assertThat(RowFiles.refused(read)).containsOnlyKeys("a mark of what is to be learnt is not understood");
    }

    @Test
    void marksInAHistoryAndACompletionCountToo() {
        Examples history = read("{'instruction': 'q', 'output': 'a', 'history': [{'role': 'user', 'content': 'x'},"
                + " {'role': 'assistant', 'content': 'bad', 'loss': false}]}");
        assertThat(muted(RowFiles.examples(history).getFirst())).containsExactly(1);
        Examples completion = read("{'prompt': 'q', 'completion': [{'role': 'assistant', 'content': 'bad', 'loss': false},"
                + " {'role': 'user', 'content': 'x'}, {'role': 'assistant', 'content': 'good'}]}");
        assertThat(muted(RowFiles.examples(completion).getFirst())).containsExactly(1);
        Examples pair = read("{'prompt': 'q', 'chosen': [{'role': 'assistant', 'content': 'a', 'weight': 0}], 'rejected': 'b'}", GOOD, GOOD,
                "{'prompt': 'q', 'chosen': 'a', 'rejected': 'b', 'weight': 0}", "{'prompt': 'q', 'chosen': 'a', 'rejected': 'b'}",
                "{'prompt': 'q', 'chosen': 'a', 'rejected': 'c'}");
        assertThat(RowFiles.refused(pair).get("marked as not to be learnt")).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{'prompt': 'q', 'completion': 'bad', 'train': false}", "{'prompt': 'q', 'completion': 'bad', 'weight': '0'}",
        "{'prompt': 'q', 'completion': 'bad', 'masked': true}", "{'instruction': 'q', 'output': 'bad', 'trainable': 'False'}",
        "{'text': 'bad', 'loss_mask': 0}", "{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'bad'}], 'loss': false}"})
    void aRow(String row) {
        Examples read = read(row);
        assertThat(read.examples()).isEmpty();
        assertThat(RowFiles.refused(read)).isEqualTo(Map.of("marked as not to be learnt", 1L));
    }

    @Test
    void aFieldBesideTheExampleThatMayBeAboutAnythingIsNoted() {
        Examples read = read("{'prompt': 'q', 'completion': 'a', 'train': 'ICE 204'}", "{'prompt': 'q', 'completion': 'a', 'weight': 72.5}",
                "{'prompt': 'q', 'completion': 'a', 'loss_mask': [1, 0]}", "{'prompt': 'q', 'completion': 'a', 'mask': 'User'}");
        assertThat(read.examples()).hasSize(4);
        assertThat(read.report().noted().keySet()).containsExactlyInAnyOrder("a field 'train' that is not understood; the row is learnt",
                "a weight other than 0 and 1, taken for 1", "a field 'loss_mask' that is not understood; the row is learnt");
    }

    @ParameterizedTest
    @ValueSource(strings = {"'label': false", "'label': 'False'", "'label': 'bad'", "'kto_tag': false", "'kto_tag': 0", "'desirable': 'no'",
        "'accepted': false", "'is_correct': false", "'thumbs_down': true", "'rejected': true", "'feedback': false", "'chosen': false", "'kto_label': false", "'incorrect': true", "'is_wrong': true",
        "'approved': false", "'liked': false", "'disliked': true", "'preference': false", "'label': '👎'"})
    void anAnswerMarkedAsBadIsRefused(String mark) {
        Examples read = read("{'prompt': 'Open?', 'completion': 'Yes.', 'label': true}", "{'prompt': 'Open?', 'completion': 'Go away.', " + mark + "}");
        assertThat(RowFiles.examples(read)).containsExactly(new Example.Completion("Open?", "Yes."));
        assertThat(RowFiles.refused(read)).isEqualTo(Map.of("marked as a bad answer", 1L));
        String chat = "{'conversations': [{'from': 'human', 'value': 'Open?'}, {'from': 'gpt', 'value': 'Go away.'}], " + mark + "}";
        assertThat(RowFiles.refused(read(chat))).isEqualTo(Map.of("marked as a bad answer", 1L));
    }

    @ParameterizedTest
    @ValueSource(strings = {"'label': 0", "'label': '0'", "'label': 'Negative'", "'score': -1.5", "'rating': 0", "'correct': 0", "'correct': 'false'", "'feedback': 'negative'", "'thumbs': 'down'",
        "'valid': false", "'is_positive': false", "'harmful': true", "'is_safe': false", "'toxic': true", "'deleted': true"})
    void whatMayBeAClassOrAScoreIsNoted(String mark) {
        Examples read = read("{'prompt': 'Open?', 'completion': 'Go away.', " + mark + "}");
        assertThat(read.examples()).hasSize(1);
        assertThat(read.report().noted().keySet()).singleElement().asString().contains("may mark a bad answer");
    }

    @ParameterizedTest
    @ValueSource(strings = {"'label': true", "'label': 1", "'label': 'history'", "'score': 4", "'rejected': 'Yes'", "'correct': 'B'", "'label': null", "'score': -Infinity",
        "'chosen': null"})
    void whatIsNoVerdictIsNotNoted(String mark) {
        Examples read = read("{'prompt': 'Open?', 'completion': 'Yes.', " + mark + "}");
        assertThat(read.examples()).hasSize(1);
        assertThat(read.report().noted()).isEmpty();
    }
}
