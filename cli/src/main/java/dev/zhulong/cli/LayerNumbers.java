package dev.zhulong.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Which layers of a model stay, as written on the command line: {@code 4} is a number of layers, {@code 0,1,4,5}, {@code 0-3,11} and {@code 0-0} are the layers themselves, by their numbers from 0.
 *
 * @param count where it is a number of layers
 * @param these layers; empty where it is a number of layers
 */
record LayerNumbers(Optional<Integer> count, List<Integer> these) {
    /** What help texts say of it. */
    static final String FORMS = "from 0, of the layers to keep, as 0,1,4,5 or 0-3,11 (layer 0 alone: 0-0)";

    private static final Pattern RANGE = Pattern.compile("(\\d{1,6})(?:\\s*-\\s*(\\d{1,6}))?");

    /** @throws IllegalArgumentException where it is neither; says what is expected */
    static LayerNumbers parse(String text) {
        String stripped = text.strip();
        if (stripped.matches("\\d{1,6}")) {
            return new LayerNumbers(Optional.of(Integer.valueOf(stripped)), List.of());
        }
        List<Integer> these = new ArrayList<>();
        for (String part : stripped.split(",")) {
            Matcher range = RANGE.matcher(part.strip());
            if (!range.matches()) {
                throw expected(text);
            }
            int from = Integer.parseInt(range.group(1));
            int to = range.group(2) == null ? from : Integer.parseInt(range.group(2));
            if (to < from) {
                throw expected(text);
            }
            IntStream.rangeClosed(from, to).forEach(these::add);
        }
        if (these.isEmpty()) {
            throw expected(text);
        }
        return new LayerNumbers(Optional.empty(), List.copyOf(these));
    }

    private static IllegalArgumentException expected(String text) {
        return new IllegalArgumentException("--layers takes a number of layers such as 4, or the numbers of layers such as 0,1,4,5 or 0-3,11 (layer 0 alone: 0-0), found '" + text + "'");
    }
}
