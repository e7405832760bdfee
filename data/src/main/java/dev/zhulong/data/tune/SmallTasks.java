package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Ten tasks that a small model can learn, made from words and numbers, each with a rule and so with a right answer: for trying out a mixture. No prompt of a
 * task occurs twice, in its training rows or those held out.
 */
public final class SmallTasks {
    private static final List<String> THINGS = List.of("cat", "dog", "ball", "tree", "hat", "book", "car", "boat", "bird", "fish", "cake", "house", "box", "toy", "star", "flower",
            "apple", "shoe", "bed", "door");
    private static final List<String> NAMES = List.of("Tom", "Lily", "Anna", "Ben", "Mia", "Max", "Sara", "Tim", "Lucy", "Sam");
    private static final List<String> COLOURS = List.of("red", "blue", "green", "yellow", "black", "white", "pink", "brown");
    private static final List<String> GOOD = List.of("happy", "lovely", "great", "nice", "fun", "good", "sweet", "kind");
    private static final List<String> BAD = List.of("sad", "awful", "mean", "bad", "scary", "angry", "ugly", "sick");
    private static final String[] UNITS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
            .split(" ");
    private static final String[] TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

    /** The right answer to a prompt of one task. */
    private record Row(String prompt, String completion) {}

    private static final Map<String, Function<SplittableRandom, Row>> TASKS = new LinkedHashMap<>();

    static {
        TASKS.put("reverse", random -> {
            List<String> words = words(random, 3);
            return new Row("Reverse: " + String.join(" ", words), String.join(" ", words.reversed()));
        });
        TASKS.put("sort", random -> {
            List<Integer> numbers = Stream.generate(() -> random.nextInt(1, 100)).limit(3).toList();
            return new Row("Sort: " + text(numbers), text(numbers.stream().sorted().toList()));
        });
        TASKS.put("count", random -> {
            String word = of(THINGS, random);
            String other = of(THINGS.stream().filter(w -> !w.equals(word)).toList(), random);
            List<String> words = Stream.generate(() -> random.nextBoolean() ? word : other).limit(random.nextInt(3, 7)).toList();
            return new Row("Count " + word + ": " + String.join(" ", words), Integer.toString(Collections.frequency(words, word)));
        });
        TASKS.put("feeling", random -> {
            boolean good = random.nextBoolean();
            return new Row("Feeling: " + of(NAMES, random) + " and " + of(NAMES, random) + " saw the " + of(good ? GOOD : BAD, random) + " "
                    + of(THINGS, random) + ".",
                    good ? "good" : "bad");
        });
        TASKS.put("number", random -> {
            int number = random.nextInt(2, 100);
            return new Row("Number: " + of(NAMES, random) + " has " + number + " " + of(COLOURS, random) + " " + of(THINGS, random) + "s.", Integer.toString(number));
        });
        TASKS.put("spell", random -> {
            int number = random.nextInt(0, 1000);
            return new Row("In words: " + number, spelled(number));
        });
        TASKS.put("digits", random -> {
            int number = random.nextInt(0, 1000);
            return new Row("In digits: " + spelled(number), Integer.toString(number));
        });
        TASKS.put("largest", random -> {
            List<Integer> numbers = Stream.generate(() -> random.nextInt(1, 100)).limit(3).toList();
            return new Row("Largest: " + text(numbers), Integer.toString(Collections.max(numbers)));
        });
        TASKS.put("last", random -> {
            List<String> words = words(random, random.nextInt(3, 6));
            return new Row("Last word: " + String.join(" ", words), words.getLast());
        });
        TASKS.put("colour", random -> {
            String colour = of(COLOURS, random);
            return new Row("Colour: " + of(NAMES, random) + " put the " + colour + " " + of(THINGS, random) + " on the " + of(THINGS, random) + ".", colour);
        });
    }

    private SmallTasks() {}

    /** Their names. */
    public static List<String> names() {
        return List.copyOf(TASKS.keySet());
    }

    /**
     * Writes for each task {@code NAME.jsonl} and {@code NAME.held-out.jsonl}, rows of prompt and completion, and {@code tasks.yaml}, a {@link Mixture} of all.
     *
     * @param rows    to train on, of each task
     * @param heldOut of each task
     * @throws IllegalArgumentException where a task has not so many different prompts
     */
    public static void write(Path directory, int rows, int heldOut, long seed) {
        var mixture = new StringBuilder("sources:\n");
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(directory + " cannot be made: " + e.getMessage(), e);
        }
        int number = 0;
        for (Map.Entry<String, Function<SplittableRandom, Row>> task : TASKS.entrySet()) {
            List<Row> all = rows(task.getKey(), task.getValue(), rows + heldOut, new SplittableRandom(seed * 31 + number++));
            write(directory.resolve(task.getKey() + ".jsonl"), all.subList(0, rows));
            write(directory.resolve(task.getKey() + ".held-out.jsonl"), all.subList(rows, rows + heldOut));
            mixture.append("  - {name: %1$s, path: %1$s.jsonl, held_out: %1$s.held-out.jsonl, metric: exact}\n".formatted(task.getKey()));
        }
        AtomicFile.writeString(directory.resolve("tasks.yaml"), mixture.toString());
    }

    private static List<Row> rows(String name, Function<SplittableRandom, Row> task, int count, SplittableRandom random) {
        List<Row> rows = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        for (int tries = 0; rows.size() < count; tries++) {
            if (tries > 100L * count) {
                throw new IllegalArgumentException("the task " + name + " has no " + count + " different prompts, only about " + rows.size());
            }
            Row row = task.apply(random);
            if (seen.add(row.prompt)) {
                rows.add(row);
            }
        }
        return rows;
    }

    private static void write(Path file, List<Row> rows) {
        var json = new ObjectMapper();
        // a completion begins with the space that its first word has in a text
        AtomicFile.writeString(file, rows.stream().map(row -> json.createObjectNode().put("prompt", row.prompt + "\nAnswer:").put("completion", " " + row.completion).toString())
                .collect(Collectors.joining("\n", "", "\n")));
    }

    private static <T> T of(List<T> all, SplittableRandom random) {
        return all.get(random.nextInt(all.size()));
    }

    private static List<String> words(SplittableRandom random, int count) {
        return Stream.generate(() -> of(THINGS, random)).limit(count).toList();
    }

    private static String text(List<Integer> numbers) {
        return numbers.stream().map(Object::toString).collect(Collectors.joining(" "));
    }

    /** 0 to 999. */
    static String spelled(int number) {
        if (number < 20) {
            return UNITS[number];
        }
        if (number < 100) {
            return TENS[number / 10] + (number % 10 == 0 ? "" : " " + UNITS[number % 10]);
        }
        return UNITS[number / 100] + " hundred" + (number % 100 == 0 ? "" : " " + spelled(number % 100));
    }
}
