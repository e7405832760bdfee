package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.text.chat.Message;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AnswersThatAreNumbersAreReadTest {
    @TempDir
    Path directory;

    private static String answer(Example example) {
        return ((Example.Chat) example).conversation().messages().getLast().content();
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "12345678901234567890, 12345678901234567890", "1.50, 1.50", "-0.25, -0.25", "1e3, 1000.0", "1E+3, 1000.0", "2.5e-3, 0.0025",
        "1e-7, 1e-07", "1.5e300, 1.5e+300", "1e16, 1e+16", "123456e10, 1234560000000000.0", "true, true", "false, false"})
    void asPythonShowsThem(String written, String shown) {
        Examples read = RowFiles.read(directory, "rows.jsonl", "{\"instruction\": \"x\", \"output\": " + written + "}");
        assertThat(read.layout()).isEqualTo(Layout.ALPACA);
        assertThat(answer(RowFiles.examples(read).getFirst())).isEqualTo(shown);
        Examples plain = RowFiles.read(directory, "plain.jsonl", "{\"prompt\": \"x\", \"completion\": " + written + "}");
        assertThat(RowFiles.examples(plain)).containsExactly(new Example.Completion("x", shown));
    }

    @Test
    void whatIsNoAnswerIsRefused() {
        Examples read = RowFiles.read(directory, "rows.jsonl", "{\"instruction\": \"a\", \"input\": NaN, \"output\": 1}",
                "{\"instruction\": \"b\", \"output\": null}", "{\"instruction\": \"c\", \"output\": NaN}",
                "{\"instruction\": \"d\", \"output\": -Infinity}", "{\"instruction\": \"e\", \"output\": {\"a\": 1}}",
                "{\"instruction\": \"f\", \"output\": [1]}");
        assertThat(RowFiles.examples(read)).hasSize(1);
        assertThat(((Example.Chat) RowFiles.examples(read).getFirst()).conversation().messages()).containsExactly(Message.user("a"),
                Message.assistant("1"));
        assertThat(RowFiles.refused(read)).isEqualTo(Map.of("no field 'output'", 2L, "field 'output' is not text", 3L));
    }

    @Test
    void numbersUnderOtherNamesAreNoAnswers() {
        for (String row : List.of("{\"question\": \"q\", \"answer\": 2}", "{\"prompt\": \"q\", \"chosen\": 0, \"rejected\": 1}", "{\"text\": 5}")) {
            assertThatThrownBy(() -> RowFiles.read(directory, "choice.jsonl", row)).hasMessageContaining("layout");
        }
        assertThatThrownBy(() -> RowFiles.read(directory, "pairs.jsonl", "{\"prompt\": \"q\", \"chosen\": 0, \"rejected\": 1}"))
                .hasMessageContaining("no row has text in all of chosen, rejected");
        Path file = RowFiles.file(directory, "choice.jsonl", "{\"question\": \"q\", \"answer\": 2}");
        assertThat(RowFiles.examples(ExampleReader.read(DataSource.of(file).withMapping(Map.of("prompt", "question", "completion", "answer")))))
                .containsExactly(new Example.Completion("q\n", "2"));
        // a label beside texts does not make a row another layout
        assertThat(RowFiles.read(directory, "alpaca.jsonl", "{\"instruction\": \"sum\", \"output\": 3, \"text\": \"sum 3\"}").layout())
                .isEqualTo(Layout.ALPACA);
    }

    @Test
    void namesThatDifferInCaseAreTheSame() {
        Examples read = RowFiles.read(directory, "upper.csv", "Instruction,OUTPUT", "a,one", "b,two");
        assertThat(RowFiles.examples(read).stream().map(AnswersThatAreNumbersAreReadTest::answer)).containsExactly("one", "two");
        assertThat(read.columns()).containsExactly(Map.entry("instruction", "Instruction"), Map.entry("output", "OUTPUT"));
        assertThat(RowFiles.examples(RowFiles.read(directory, "b.jsonl", "{\"Prompt\": \"p\", \"Completion\": \"c\", \"completion\": \"d\"}")))
                .containsExactly(new Example.Completion("p", "d"));
    }
}
