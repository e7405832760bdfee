package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FieldsOfOneTypeAreNotTakenForAnotherTest {
    @TempDir
    Path directory;

    private JsonFields fields(String value) throws IOException {
        return JsonFields.read(Files.writeString(directory.resolve("a.json"), "{\"f\": " + value + "}"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"whole; \"3\"; \"3\"", "whole; 3.5; 3.5", "whole; -1; -1", "whole; 99999999999999999999; 99999999999999999999", "whole; null; null",
        "string; 3; 3", "string; null; null", "strings; \"a\"; \"a\"", "strings; [\"a\", 3]; [\"a\",3]", "strings; null; null",
        "integer; \"3\"; \"3\"", "integer; true; true", "number; \"NaN\"; \"NaN\"", "flag; \"true\"; \"true\"", "flag; 1; 1"})
    void whatIsFoundIsNamed(String kind, String value, String found) throws IOException {
        Function<JsonFields, Object> read = switch (kind) {
            case "whole" -> fields -> fields.whole("f");
            case "string" -> fields -> fields.string("f");
            case "strings" -> fields -> fields.strings("f");
            case "integer" -> fields -> fields.integer("f", 0, 10);
            case "number" -> fields -> fields.number("f");
            default -> fields -> fields.flag("f", false);
        };
        JsonFields fields = fields(value);
        assertThatThrownBy(() -> read.apply(fields)).isInstanceOf(FormatException.class).hasMessageStartingWith(directory.resolve("a.json") + ": f: expected ")
                .hasMessageEndingWith(", found " + found);
    }

    @Test
    void whatIsRightIsRead() throws IOException {
        assertThat(fields("9007199254740993").whole("f")).isEqualTo(9007199254740993L);
        assertThat(fields("\"3\"").string("f")).isEqualTo("3");
        assertThat(fields("[\"a\", \"\"]").strings("f")).containsExactly("a", "");
        assertThat(fields("[]").strings("f")).isEmpty();
    }

    /** A record of ours. */
    record Found(int count, List<String> names) {}

    @Test
    void aFileOfOurOwnComesBackAsItWas() throws IOException {
        Path file = directory.resolve("found.json");
        JsonFile.write(file, new Found(2, List.of("é", "b")));
        assertThat(Files.readString(file)).isEqualToNormalizingNewlines("{\n  \"count\" : 2,\n  \"names\" : [ \"é\", \"b\" ]\n}\n");
        assertThat(JsonFile.read(file, Found.class)).isEqualTo(new Found(2, List.of("é", "b")));
        Files.writeString(file, "{");
        assertThatThrownBy(() -> JsonFile.read(file, Found.class)).hasMessage("cannot read " + file);
    }
}
