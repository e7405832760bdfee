package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PreferencePairsAreReadInEveryFormTest {
    private static final String U = "{\"role\": \"user\", \"content\": \"Why?\"}";
    private static final String GOOD = "{\"role\": \"assistant\", \"content\": \"So.\"}";
    private static final String BAD = "{\"role\": \"assistant\", \"content\": \"No.\"}";

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {
        "{'prompt': 'Why?', 'chosen': 'So.', 'rejected': 'No.'}",
        "{'question': 'Why?', 'chosen': 'So.', 'rejected': 'No.', 'score': 3}",
        "{'instruction': 'Why?', 'input': '', 'chosen': 'So.', 'rejected': 'No.'}",
        "{'prompt': [U], 'chosen': [G], 'rejected': [B]}",
        "{'prompt': [U], 'chosen': 'So.', 'rejected': 'No.'}",
        "{'prompt': [U], 'chosen': G, 'rejected': B}",
        "{'chosen': [U, G], 'rejected': [U, B]}",
        "{'prompt': 'Why? ', 'chosen': [U, G], 'rejected': [U, B], 'messages': [U, G]}",
        "{'prompt': [U], 'chosen': [U, G], 'rejected': [U, B]}",
        "{'chosen': '\\n\\nHuman: Why?\\n\\nAssistant: So.', 'rejected': '\\n\\nHuman: Why?\\n\\nAssistant: No.'}",
        "{'conversations': [{'from': 'human', 'value': 'Why?'}], 'chosen': {'from': 'gpt', 'value': 'So.'},"
            + " 'rejected': {'from': 'gpt', 'value': 'No.'}}",
    })
    void onePairManyForms(String row) {
        Examples read = RowFiles.read(directory, "rows.jsonl", row.replace('\'', '"').replaceAll("\\bU\\b", U).replaceAll("\\bG\\b", GOOD)
                .replaceAll("\\bB\\b", BAD));
        assertThat(read.layout()).isEqualTo(Layout.PREFERENCE);
        assertThat(read.report().refused()).isEmpty();
        assertThat(RowFiles.examples(read)).containsExactly(new Example.Preference(Conversation.of(Message.user("Why?")), Message.assistant("So."),
                Message.assistant("No.")));
    }

    @Test
    void theCommonBeginningIsThePrompt() {
        Examples read = RowFiles.read(directory, "rows.jsonl", "{\"system\": \"S\", \"chosen\": [" + U + "," + GOOD + "," + U + "," + GOOD
                + "], \"rejected\": [" + U + "," + GOOD + "," + U + "," + BAD + "]}");
        assertThat(RowFiles.examples(read)).containsExactly(new Example.Preference(Conversation.of(Message.system("S"), Message.user("Why?"),
                Message.assistant("So."), Message.user("Why?")), Message.assistant("So."), Message.assistant("No.")));
    }

    @Test
    void whatIsNoPairIsRefused() {
        Examples read = RowFiles.read(directory, "rows.jsonl", "{\"prompt\": \"Why?\", \"chosen\": \"So.\", \"rejected\": \"So.\"}",
                "{\"chosen\": \"So.\", \"rejected\": \"No.\"}", "{\"prompt\": \"Why?\", \"chosen\": \" \", \"rejected\": \"No.\"}",
                "{\"prompt\": \"Why?\", \"chosen\": [" + U + "], \"rejected\": [" + BAD + "]}",
                "{\"chosen\": [" + U + "," + GOOD + "], \"rejected\": [" + U + "," + BAD + "," + U + "," + BAD + "]}",
                "{\"prompt\": \"Else?\", \"chosen\": [" + U + "," + GOOD + "], \"rejected\": [" + U + "," + BAD + "]}",
                "{\"prompt\": \"Why?\", \"chosen\": \"So.\"}");
        assertThat(read.examples()).isEmpty();
        assertThat(RowFiles.refused(read)).isEqualTo(Map.of("chosen equals rejected", 1L, "no prompt", 1L, "empty assistant turn", 1L,
                "chosen and rejected must end in an assistant turn", 1L, "chosen and rejected differ in more than their last turn", 1L,
                "the prompt is not what chosen and rejected begin with", 1L, "no field 'rejected'", 1L));
    }
}
