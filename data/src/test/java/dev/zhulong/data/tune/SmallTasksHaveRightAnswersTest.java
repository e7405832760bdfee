package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SmallTasksHaveRightAnswersTest {
    @TempDir
    Path directory;

    @Test
    void everyAnswerFollowsFromItsPromptAndNoPromptIsThereTwice() throws IOException {
        SmallTasks.write(directory, 300, 50, 1);
        assertThat(SmallTasks.names()).hasSize(10);
        for (String name : SmallTasks.names()) {
            Set<String> prompts = new HashSet<>();
            List<JsonNode> rows = new ArrayList<>();
            for (String file : List.of(name + ".jsonl", name + ".held-out.jsonl")) {
                for (String line : Files.readAllLines(directory.resolve(file))) {
                    rows.add(new ObjectMapper().readTree(line));
                }
            }
            assertThat(rows).hasSize(350);
            for (JsonNode row : rows) {
                String prompt = row.get("prompt").asText();
                assertThat(prompts.add(prompt)).as(prompt).isTrue();
                assertThat(row.get("completion").asText()).as(prompt).isEqualTo(" " + answer(name, prompt.replace("\nAnswer:", "")));
            }
        }
    }

    /** Found in other ways than it was made. */
    private static String answer(String task, String prompt) {
        String[] words = prompt.substring(prompt.indexOf(':') + 2).split(" ");
        Matcher number = Pattern.compile("\\d+").matcher(prompt);
        return switch (task) {
            case "reverse" -> words[2] + " " + words[1] + " " + words[0];
            case "sort" -> Arrays.stream(words).mapToInt(Integer::parseInt).sorted().mapToObj(Integer::toString).collect(Collectors.joining(" "));
            case "count" -> Long.toString(Arrays.stream(words).filter(prompt.split("[ :]")[1]::equals).count());
            case "feeling" -> Pattern.compile("happy|lovely|great|nice|fun|good|sweet|kind").matcher(prompt).find() ? "good" : "bad";
            case "number" -> number.results().map(r -> r.group()).collect(Collectors.joining());
            case "spell" -> spelled(Integer.parseInt(words[0]));
            case "digits" -> {
                int n = 0;
                while (!spelled(n).equals(String.join(" ", words))) {
                    n++;
                }
                yield Integer.toString(n);
            }
            case "largest" -> Integer.toString(Arrays.stream(words).mapToInt(Integer::parseInt).max().orElseThrow());
            case "last" -> words[words.length - 1];
            case "colour" -> words[3];
            default -> throw new IllegalArgumentException(task);
        };
    }

    private static String spelled(int n) {
        String text = (n >= 100 ? List.of("one", "two", "three", "four", "five", "six", "seven", "eight", "nine").get(n / 100 - 1) + " hundred " : "");
        int rest = n % 100;
        List<String> small = List.of("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
                "sixteen", "seventeen", "eighteen", "nineteen");
        List<String> tens = List.of("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety");
        if (rest < 20) {
            return (text + (rest > 0 || n == 0 ? small.get(rest) : "")).strip();
        }
        return text + tens.get(rest / 10 - 2) + (rest % 10 == 0 ? "" : " " + small.get(rest % 10));
    }

    @Test
    void theSameSeedWritesTheSameFilesAndTooManyRowsAreRefused() throws IOException {
        SmallTasks.write(directory.resolve("a"), 20, 5, 3);
        SmallTasks.write(directory.resolve("b"), 20, 5, 3);
        SmallTasks.write(directory.resolve("c"), 20, 5, 4);
        assertThat(directory.resolve("a/sort.jsonl")).hasSameTextualContentAs(directory.resolve("b/sort.jsonl"));
        assertThat(Files.readString(directory.resolve("a/sort.jsonl"))).isNotEqualTo(Files.readString(directory.resolve("c/sort.jsonl")));
        assertThatThrownBy(() -> SmallTasks.write(directory.resolve("d"), 5000, 5, 1)).hasMessageContaining("different prompts");
    }
}
