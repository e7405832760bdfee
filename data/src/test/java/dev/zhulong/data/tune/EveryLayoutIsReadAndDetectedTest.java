package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.Role;
import dev.zhulong.text.chat.ToolCall;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EveryLayoutIsReadAndDetectedTest {
    @TempDir
    Path directory;

    private Example one(Layout layout, String row) {
        Examples read = RowFiles.read(directory, "rows.jsonl", row);
        assertThat(read.layout()).isEqualTo(layout);
        assertThat(read.report().refused()).isEmpty();
        assertThat(read.examples()).hasSize(1);
        assertThat(read.examples().getFirst().where()).isEqualTo("rows.jsonl#1");
        assertThat(read.examples().getFirst().source()).isEqualTo("rows");
        return read.examples().getFirst().example();
    }

    private static Example chat(Message... messages) {
        return new Example.Chat(Conversation.of(messages));
    }

    @Test
    void alpaca() {
        assertThat(one(Layout.ALPACA, """
                {"instruction": "Add.", "input": "1 2", "output": "3", "text": "all of it"}""")).isEqualTo(
                chat(Message.user("Add.\n1 2"), Message.assistant("3")));
        assertThat(one(Layout.ALPACA, """
                {"instruction": "Go on.", "input": "", "output": "c", "system": "Letters.", "history": [["Say a.", "a"], ["And b?", "b"]]}"""))
                .isEqualTo(chat(Message.system("Letters."), Message.user("Say a."), Message.assistant("a"), Message.user("And b?"),
                        Message.assistant("b"), Message.user("Go on."), Message.assistant("c")));
        // Dolly's names
        assertThat(one(Layout.ALPACA, """
                {"instruction": "Who?", "context": "Ann came.", "response": "Ann.", "category": "qa"}""")).isEqualTo(
                chat(Message.user("Who?\nAnn came."), Message.assistant("Ann.")));
    }

    @Test
    void shareGpt() {
        assertThat(one(Layout.SHAREGPT, """
                {"id": "x", "system": "Be short.", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}"""))
                .isEqualTo(chat(Message.system("Be short."), Message.user("Hi"), Message.assistant("Hello")));
        Example.Chat tools = (Example.Chat) one(Layout.SHAREGPT, """
                {"conversations": [{"from": "human", "value": "Weather?"},
                 {"from": "function_call", "value": "{\\"name\\": \\"weather\\", \\"arguments\\": {\\"city\\": \\"Oslo\\"}}"},
                 {"from": "observation", "value": "rain"}, {"from": "gpt", "value": "It rains."}],
                 "tools": "[{\\"name\\": \\"weather\\", \\"parameters\\": {}}]"}""".replace("\n", ""));
        assertThat(tools.conversation().messages()).containsExactly(Message.user("Weather?"),
                new Message(Role.ASSISTANT, "", "", List.of(new ToolCall("", "weather", "{\"city\":\"Oslo\"}")), "", ""),
                Message.of(Role.TOOL, "rain"), Message.assistant("It rains."));
        assertThat(tools.conversation().tools()).containsExactly("{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{}}}");
    }

    @Test
    void openAiMessages() {
        Example.Chat chat = (Example.Chat) one(Layout.MESSAGES, """
                {"messages": [{"role": "developer", "content": "Rules."},
                 {"role": "user", "content": [{"type": "text", "text": "Two "}, {"type": "text", "text": "parts"}], "name": "bo"},
                 {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
                  "function": {"name": "add", "arguments": "{\\"a\\": 1}"}}, {"id": "c2", "type": "function",
                  "function": {"name": "add", "arguments": {"a": 1.50}}}]},
                 {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "tool", "tool_call_id": "c2", "content": "1.5"},
                 {"role": "assistant", "content": "Done", "reasoning_content": "easy", "weight": 0},
                 {"role": "user", "content": "Thanks"}, {"role": "assistant", "content": "Bye", "weight": 1}],
                 "tools": [{"type": "function", "function": {"name": "add"}}]}""".replace("\n", ""));
        assertThat(chat.conversation().messages()).containsExactly(Message.system("Rules."),
                new Message(Role.USER, "Two parts", "", List.of(), "", "bo"),
                new Message(Role.ASSISTANT, "", "", List.of(new ToolCall("c1", "add", "{\"a\": 1}"), new ToolCall("c2", "add", "{\"a\":1.50}")),
                        "", ""),
                new Message(Role.TOOL, "1", "", List.of(), "c1", ""), new Message(Role.TOOL, "1.5", "", List.of(), "c2", ""),
                new Message(Role.ASSISTANT, "Done", "easy", List.of(), "", ""), Message.user("Thanks"), Message.assistant("Bye"));
        assertThat(chat.conversation().tools()).containsExactly("{\"type\":\"function\",\"function\":{\"name\":\"add\"}}");
        assertThat(chat.muted()).containsExactly(5);
        // mixed spellings of role and content in one row
        assertThat(one(Layout.MESSAGES, """
                {"messages": [{"from": "human", "value": "Hi"}, {"role": "ASSISTANT", "content": "Ho"}]}""")).isEqualTo(
                chat(Message.user("Hi"), Message.assistant("Ho")));
    }

    @Test
    void promptAndCompletion() {
        assertThat(one(Layout.COMPLETION, """
                {"prompt": "The sky is", "completion": " blue"}""")).isEqualTo(new Example.Completion("The sky is", " blue"));
        assertThat(one(Layout.COMPLETION, """
                {"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}],
                 "completion": [{"role": "assistant", "content": "d"}]}""".replace("\n", ""))).isEqualTo(new Example.Chat(
                Conversation.of(Message.user("a"), Message.assistant("b"), Message.user("c"), Message.assistant("d")), List.of(1)));
        assertThat(one(Layout.COMPLETION, """
                {"question": "1+1?", "answer": "2"}""")).isEqualTo(new Example.Completion("1+1?\n", "2"));
    }

    @Test
    void text() {
        assertThat(one(Layout.TEXT, "{\"text\": \"Once upon a time\"}")).isEqualTo(new Example.Text("Once upon a time"));
        Examples file = RowFiles.read(directory, "notes.txt", "One line,", "another.");
        assertThat(RowFiles.examples(file)).containsExactly(new Example.Text("One line,\nanother.\n"));
    }

    @Test
    void columnsOfOtherNamesAreMapped() {
        Path csv = RowFiles.file(directory, "qa.csv", "id,question,reply", "1,\"Who, me?\",Yes", "2,Why?,\"Be\ncause\"");
        var source = DataSource.of(csv).withMapping(Map.of("prompt", "question", "completion", "reply"));
        Examples read = ExampleReader.read(source);
        assertThat(read.columns()).containsExactly(Map.entry("prompt", "question"), Map.entry("completion", "reply"));
        assertThat(RowFiles.examples(read)).containsExactly(new Example.Completion("Who, me?\n", "Yes"), new Example.Completion("Why?\n", "Be\ncause"));
        assertThat(RowFiles.examples(ExampleReader.read(source.withSeparator(" => "))).getFirst()).isEqualTo(
                new Example.Completion("Who, me? => ", "Yes"));
        assertThat(RowFiles.examples(ExampleReader.read(source.withAsChat(true))).getFirst()).isEqualTo(
                chat(Message.user("Who, me?"), Message.assistant("Yes")));

        Path nested = RowFiles.file(directory, "nested.jsonl", "{\"turn\": {\"q\": \"a\", \"a\": \"b\"}}");
        assertThat(RowFiles.examples(ExampleReader.read(DataSource.of(nested).withMapping(Map.of("prompt", "turn.q", "completion", "turn.a")))))
                .containsExactly(new Example.Completion("a\n", "b"));
        Path bare = RowFiles.file(directory, "pairs.tsv", "Hi.\tSalut.", "Go.\tVa.");
        assertThat(RowFiles.examples(ExampleReader.read(DataSource.of(bare).withMapping(Map.of("prompt", "1", "completion", "2")))))
                .containsExactly(new Example.Completion("Hi.\n", "Salut."), new Example.Completion("Go.\n", "Va."));
    }

    @Test
    void listsInCellsAreUnfolded() {
        Path csv = RowFiles.file(directory, "chat.csv", "messages",
                "\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"[1]\"\"},{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"one\"\"}]\"");
        assertThat(RowFiles.examples(ExampleReader.read(DataSource.of(csv)))).containsExactly(chat(Message.user("[1]"), Message.assistant("one")));
    }

    @Test
    void theLayoutMostRowsHaveIsTakenUnlessItIsFixed() {
        String both = "{\"prompt\": \"p\", \"messages\": [{\"role\": \"user\", \"content\": \"p\"}, {\"role\": \"assistant\", \"content\": \"m\"}],"
                + " \"completion\": \"c\"}";
        String neither = "{\"text\": \"t\"}";
        Examples read = RowFiles.read(directory, "rows.jsonl", neither, both, both);
        assertThat(read.layout()).isEqualTo(Layout.MESSAGES);
        assertThat(RowFiles.refused(read)).isEqualTo(Map.of("no field 'messages'", 1L));
        Examples fixed = ExampleReader.read(DataSource.of(RowFiles.file(directory, "rows.jsonl", both)).withLayout(Layout.COMPLETION));
        assertThat(RowFiles.examples(fixed)).containsExactly(new Example.Completion("p", "c"));
        assertThatThrownBy(() -> RowFiles.read(directory, "odd.jsonl", "{\"a\": 1, \"b\": 2}")).hasMessageContaining("odd.jsonl")
                .hasMessageContaining("found the fields a, b").hasMessageContaining("mapping");
        assertThatThrownBy(() -> ExampleReader.read(DataSource.of(RowFiles.file(directory, "rows.jsonl", both))
                .withMapping(Map.of("prompt", "qestion")))).hasMessageContaining("no column 'qestion'").hasMessageContaining("messages");
        assertThatThrownBy(() -> ExampleReader.read(DataSource.of(RowFiles.file(directory, "rows.jsonl", both))
                .withMapping(Map.of("promt", "prompt")))).hasMessageContaining("no field 'promt'");
        // a question with the number of its choice is no prompt with its completion
        assertThatThrownBy(() -> RowFiles.read(directory, "choice.jsonl", "{\"question\": \"q\", \"answer\": 2}")).hasMessageContaining("layout");
    }

    @Test
    void gsm8kIsReadAsItLies() {
        Path data = Path.of(System.getProperty("zhulong.root")).resolve("../shared/assets/data");
        assumeTrue(Files.exists(data), "../shared/assets/data is absent: not compared");
        for (var file : Map.of("gsm8k.train.jsonl", 7473, "gsm8k.test.jsonl", 1319).entrySet()) {
            Examples detected = ExampleReader.read(DataSource.of(data.resolve(file.getKey())));
            assertThat(detected.layout()).isEqualTo(Layout.COMPLETION);
            assertThat(detected.examples()).hasSize(file.getValue());
            assertThat(detected.report().refused()).isEmpty();
            Examples mapped = ExampleReader.read(DataSource.of(data.resolve(file.getKey())).withLayout(Layout.COMPLETION)
                    .withMapping(Map.of("prompt", "question", "completion", "answer")));
            assertThat(mapped.examples()).isEqualTo(detected.examples());
        }
    }
}
