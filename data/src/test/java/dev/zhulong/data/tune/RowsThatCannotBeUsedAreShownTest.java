package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trap 88. */
class RowsThatCannotBeUsedAreShownTest {
    @TempDir
    Path directory;

    private static final String GOOD = "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}";

    private static String turns(String... roleAndContent) {
        var turns = new ArrayList<String>();
        for (int i = 0; i < roleAndContent.length; i += 2) {
            turns.add("{\"role\": \"" + roleAndContent[i] + "\", \"content\": \"" + roleAndContent[i + 1] + "\"}");
        }
        return "{\"messages\": [" + String.join(", ", turns) + "]}";
    }

    @Test
    void everyRowIsUsedOrRefusedWithItsReason() {
        Examples read = RowFiles.read(directory, "rows.jsonl", GOOD, "", "not json", "[1, 2]", "{\"messages\": []}", "{\"messages\": \"hi\"}",
                turns("user", "q"), turns("user", "q", "assistant", "  "), turns("user", "q", "narrator", "x"), "{\"messages\": [3]}",
                "{\"messages\": [{\"content\": \"x\"}]}", "{\"other\": 1}", GOOD.substring(0, 40),
                "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]}",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"tool_calls\": [{\"function\":"
                        + " {\"name\": \"f\", \"arguments\": \"not json\"}}]}]}",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\", \"weight\": 0}]}", GOOD);
        assertThat(RowFiles.refused(read)).isEqualTo(new TreeMap<>(Map.ofEntries(Map.entry("malformed JSON", 2L),
                Map.entry("not a JSON object", 1L), Map.entry("no turns", 1L), Map.entry("field 'messages' is not a list of turns", 1L),
                Map.entry("no assistant turn", 1L), Map.entry("empty assistant turn", 1L), Map.entry("unknown role", 1L),
                Map.entry("a turn is not an object", 1L), Map.entry("a turn without a role", 1L), Map.entry("no field 'messages'", 1L),
                Map.entry("a part of a message is not text", 1L), Map.entry("arguments of a tool call are not a JSON object", 1L),
                Map.entry("no assistant turn to learn", 1L))));
        assertThat(read.report().read()).isEqualTo(16);
        assertThat(read.report().used()).isEqualTo(2).isEqualTo(read.examples().size());
        assertThat(read.examples().stream().map(ExampleRow::row)).containsExactly(1L, 17L);

        RowReport.Tally malformed = read.report().refused().get("malformed JSON");
        assertThat(malformed.samples().getFirst().where()).isEqualTo("rows.jsonl#3");
        assertThat(malformed.samples().getFirst().snippet()).isEqualTo("not json");
        assertThat(read.report().refused().get("unknown role").samples().getFirst().detail()).contains("narrator");
        assertThat(read.report().text()).contains("16 rows read, 2 used, 14 refused").contains("refused: unknown role: 1").contains("rows.jsonl#9");
    }

    @Test
    void whatIsOddButUsableIsNoted() {
        Examples read = RowFiles.read(directory, "rows.jsonl", turns("system", "s", "developer", "d", "user", "q", "assistant", "a"),
                turns("user", "q", "user", "r", "assistant", "a"), turns("assistant", "hello", "user", "q", "assistant", "a", "user", "thanks"),
                turns("user", "q", "tool", "t", "assistant", "a"), turns("user", "q", "system", "s", "assistant", "a"),
                "{\"system\": \"other\", " + turns("system", "s", "user", "q", "assistant", "a").substring(1));
        assertThat(read.report().refused()).isEmpty();
        assertThat(read.report().noted().keySet()).containsExactlyInAnyOrder("several system messages at the start, joined",
                "two user turns in a row", "the assistant speaks first", "turns after the last assistant turn, left off",
                "a tool's answer that follows no call", "a system message after the start",
                "a system column beside a system message; the message counts");
        assertThat(((Example.Chat) RowFiles.examples(read).getFirst()).conversation().messages().getFirst()).isEqualTo(Message.system("s\n\nd"));
        assertThat(((Example.Chat) RowFiles.examples(read).get(2)).conversation()).isEqualTo(
                Conversation.of(Message.assistant("hello"), Message.user("q"), Message.assistant("a")));
    }

    @Test
    void aSystemColumnBesideAPlainPromptIsNotLostInSilence() {
        String row = "{\"system\": \"Be brief.\", \"prompt\": \"p\", \"completion\": \"c\"}";
        assertThat(RowFiles.read(directory, "rows.jsonl", row).report().noted().keySet()).containsExactly(
                "a system column, for which plain prompts have no place; left off");
        Examples chat = ExampleReader.read(DataSource.of(RowFiles.file(directory, "rows.jsonl", row)).withAsChat(true));
        assertThat(RowFiles.examples(chat)).containsExactly(new Example.Chat(
                Conversation.of(Message.system("Be brief."), Message.user("p"), Message.assistant("c"))));
        assertThat(chat.report().noted()).isEmpty();
    }

    @Test
    void hostileCharactersAreMendedAndSaid() throws IOException {
        byte[] bytes = ("\uFEFF{\"prompt\": \"a\\r\\nb\", \"completion\": \"c\"}\r\n"
                + "{\"prompt\": \"lone \\ud83d half\", \"completion\": \"nul \\u0000 here\"}\r\n"
                + "{\"prompt\": \"raw \0 nul\", \"completion\": \"\uD83D\uDE00\"}\r\n").getBytes(StandardCharsets.UTF_8);
        Examples read = ExampleReader.read(DataSource.of(Files.write(directory.resolve("rows.jsonl"), bytes)));
        assertThat(RowFiles.examples(read)).containsExactly(new Example.Completion("a\nb", "c"),
                new Example.Completion("lone \uFFFD half", "nul  here"), new Example.Completion("raw  nul", "\uD83D\uDE00"));
        assertThat(read.report().noted().keySet()).containsExactlyInAnyOrder("byte order mark removed", "carriage returns made line feeds",
                "NUL removed", "lone surrogates replaced by U+FFFD");
        assertThat(read.report().noted().get("NUL removed").count()).isEqualTo(2);
    }

    @Test
    void aLineTooLongOrNestedTooDeepIsRefusedAndTheNextIsRead() throws IOException {
        Path file = directory.resolve("rows.jsonl");
        try (var out = Files.newBufferedWriter(file)) {
            out.write("{\"text\": \"first\"}\n{\"text\": \"");
            for (int i = 0; i < 20; i++) {
                out.write("x".repeat(1 << 20));
            }
            out.write("\"}\n{\"text\": " + "[".repeat(100_000) + "]".repeat(100_000) + "}\n{\"text\": \"last\"}\n");
        }
        Examples read = ExampleReader.read(DataSource.of(file));
        assertThat(RowFiles.examples(read)).containsExactly(new Example.Text("first"), new Example.Text("last"));
        assertThat(RowFiles.refused(read)).isEqualTo(Map.of("malformed JSON", 1L, "row longer than 16777216 bytes", 1L));
    }

    @Test
    void whatTheTemplateRefusesIsShown() {
        Examples read = RowFiles.read(directory, "rows.jsonl", turns("user", "refuse me", "assistant", "a"), GOOD);
        TuneTokens tokens = TuneTokens.of(read.examples(), new ExampleEncoder(PlainChat.TOKENIZER, new PlainChat(), 100), read.report());
        assertThat(tokens.documents()).hasSize(1);
        assertThat(RowFiles.refused(read)).isEqualTo(Map.of("the chat template refuses it", 1L));
        assertThat(read.report().refused().get("the chat template refuses it").samples().getFirst().detail()).contains("raise_exception");
        assertThat(read.report().used()).isEqualTo(1);
    }

    @Test
    void aFileThatHoldsNothingIsAnError() {
        assertThatThrownBy(() -> RowFiles.read(directory, "empty.jsonl")).hasMessageContaining("no readable row");
        assertThatThrownBy(() -> RowFiles.read(directory, "bad.jsonl", "x", "y")).hasMessageContaining("malformed JSON 2");
        assertThatThrownBy(() -> ExampleReader.read(DataSource.of(directory))).hasMessageContaining("is a directory");
        assertThatThrownBy(() -> ExampleReader.read(DataSource.of(directory.resolve("none.jsonl")))).hasMessageContaining("no such file");
        assertThatThrownBy(() -> RowFiles.read(directory, "data.xlsx", "x")).hasMessageContaining("unknown format");
        assertThat(List.of(DataSource.of(Path.of("a/train.x.jsonl.gz")).name(), DataSource.of(Path.of("b.csv")).name()))
                .containsExactly("train.x", "b");
    }
}
