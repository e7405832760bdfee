package dev.zhulong.data.label;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Read from the files as a stranger would read them: by the words of sentences and questions. */
class EvidenceLiesAsFarAwayAsItIsSaidTest {
    private static final Pattern FACT = Pattern.compile("(\\w+) (lives in|carries the|always eats) (\\w+)\\.");
    private static final Pattern QUESTION = Pattern.compile("Who is this (\\w+)\\?");
    private static final List<Integer> DISTANCES = List.of(1, 2, 7, 30, 60);

    @TempDir
    Path directory;

    private List<JsonNode> rows(String file) throws IOException {
        List<JsonNode> rows = new ArrayList<>();
        for (String line : Files.readAllLines(directory.resolve(file))) {
            rows.add(new ObjectMapper().readTree(line));
        }
        return rows;
    }

    private void write(Path place, long seed, int rows, int each, int sentences, List<Integer> distances) {
        var answers = new DistantAnswers(seed);
        List<DistantAnswers.Row> heldOut = answers.heldOut(each, sentences, distances);
        DistantAnswers.write(place.resolve("train.jsonl"), answers.training(rows, sentences));
        DistantAnswers.write(place.resolve("held-out.jsonl"), heldOut);
    }

    @Test
    void andThereIsOneAnswerAndNoPairOnBothSides() throws IOException {
        write(directory, 5, 400, 12, 60, DISTANCES);
        Map<String, Set<String>> pairs = new HashMap<>();
        for (String file : List.of("train.jsonl", "held-out.jsonl")) {
            Set<String> own = pairs.computeIfAbsent(file, name -> new HashSet<>());
            for (JsonNode row : rows(file)) {
                Matcher question = QUESTION.matcher(row.get("question").asText());
                assertThat(question.matches()).as(row.get("question").asText()).isTrue();
                String[] sentences = row.get("context").asText().split("(?<=\\.) ");
                List<Integer> evidence = new ArrayList<>();
                Set<String> names = new HashSet<>();
                Set<String> values = new HashSet<>();
                int at = 0;
                for (int i = 0; i < sentences.length; i++) {
                    Matcher fact = FACT.matcher(sentences[i]);
                    assertThat(fact.matches()).as(sentences[i]).isTrue();
                    own.add(fact.group(1) + " " + fact.group(3));
                    assertThat(names.add(fact.group(1)) && values.add(fact.group(3))).as(row.toString()).isTrue();
                    if (fact.group(1).equals(question.group(1))) {
                        evidence.add(i + 1);
                        JsonNode answer = row.get("answers").get(0);
                        assertThat(answer.get("text").asText()).isEqualTo(fact.group(1) + " " + fact.group(2) + " " + fact.group(3));
                        assertThat(answer.get("answer_start").asInt()).isEqualTo(at);
                    }
                    at += sentences[i].length() + 1;
                }
                assertThat(evidence).as(row.toString()).containsExactly(row.get("distance").asInt());
            }
        }
        assertThat(pairs.get("train.jsonl")).doesNotContainAnyElementsOf(pairs.get("held-out.jsonl"));
        assertThat(pairs.get("held-out.jsonl")).hasSizeGreaterThan(1000);
    }

    @Test
    void andTextsAreAsLongAsAskedForWithSoManyOfEachDistance() throws IOException {
        write(directory, 5, 600, 12, 60, DISTANCES);
        Map<Integer, Integer> counts = new HashMap<>();
        for (JsonNode row : rows("held-out.jsonl")) {
            assertThat(row.get("context").asText().split(" ")).hasSize(60 * (DistantAnswers.TOKENS - 1));
            counts.merge(row.get("distance").asInt(), 1, Integer::sum);
        }
        assertThat(counts).isEqualTo(Map.of(1, 12, 2, 12, 7, 12, 30, 12, 60, 12));
        Set<Integer> lengths = new HashSet<>();
        rows("train.jsonl").forEach(row -> lengths.add(row.get("context").asText().split(" ").length / (DistantAnswers.TOKENS - 1)));
        assertThat(lengths).hasSizeGreaterThan(40).contains(2, 3, 60).allMatch(length -> length >= 2 && length <= 60);
        assertThat(QuestionReader.read(directory.resolve("train.jsonl")).rows()).hasSize(600).allMatch(question -> question.answers().size() == 1);
    }

    @Test
    void andEveryWordIsNamedAndStandsInOneList() throws IOException {
        write(directory, 5, 400, 12, 60, DISTANCES);
        Set<String> found = new TreeSet<>();
        Set<String> people = new HashSet<>();
        Set<String> values = new HashSet<>();
        for (JsonNode row : rows("train.jsonl")) {
            String text = row.get("question").asText() + " " + row.get("context").asText();
            found.addAll(Arrays.asList(text.toLowerCase().replaceAll("([.?])", " $1").split(" ")));
            FACT.matcher(text).results().forEach(fact -> {
                people.add(fact.group(1).toLowerCase());
                values.add(fact.group(3).toLowerCase());
            });
        }
        assertThat(DistantAnswers.words()).containsExactlyElementsOf(found);
        assertThat(people).doesNotContainAnyElementsOf(values).hasSizeGreaterThan(90);
    }

    @Test
    void theSameSeedWritesTheSameFilesAndWhatCannotBeIsRefused() throws IOException {
        write(directory.resolve("a"), 1, 20, 2, 20, List.of(1, 9));
        write(directory.resolve("b"), 1, 20, 2, 20, List.of(1, 9));
        write(directory.resolve("c"), 2, 20, 2, 20, List.of(1, 9));
        for (String file : List.of("train.jsonl", "held-out.jsonl")) {
            assertThat(directory.resolve("a").resolve(file)).hasSameTextualContentAs(directory.resolve("b").resolve(file));
            assertThat(Files.readString(directory.resolve("a").resolve(file))).isNotEqualTo(Files.readString(directory.resolve("c").resolve(file)));
        }
        assertThatThrownBy(() -> write(directory.resolve("d"), 1, 1, 1, 20, List.of(21))).hasMessageContaining("from 1 to 20 sentences away").hasMessageContaining("21");
        assertThatThrownBy(() -> write(directory.resolve("d"), 1, 1, 1, 81, List.of(1))).hasMessageContaining("from 1 to 80 sentences");
        assertThat(directory.resolve("d")).doesNotExist();
    }
}
