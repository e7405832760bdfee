package dev.zhulong.formats.gguf;

import dev.zhulong.formats.FormatException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A model in several files, as llama.cpp's {@code llama-gguf-split} cuts it: {@code NAME-00001-of-00003.gguf} holds all keys and some tensors, the others hold the rest.
 */
final class GgufParts {
    private static final String NUMBER = "split.no";
    private static final String COUNT = "split.count";
    private static final String TENSORS = "split.tensors.count";
    /** As many as names have digits for. */
    private static final int MOST = 99_999;
    private static final Pattern NAME = Pattern.compile("(.*-)(\\d{5})(-of-(\\d{5})\\.gguf)");

    private GgufParts() {}

    /**
     * The files of the model that {@code path} begins.
     *
     * @throws FormatException if it is another part, or has no name by which the others are found
     */
    static List<Path> of(Path path, GgufMetadata metadata) {
        int count = metadata.integer(COUNT, 0, MOST, 1);
        if (count <= 1) {
            return List.of(path);
        }
        Matcher name = NAME.matcher(path.getFileName().toString());
        boolean named = name.matches() && Integer.parseInt(name.group(4)) == count;
        int number = metadata.integer(NUMBER, 0, MOST, 0);
        if (number != 0) {
            throw new FormatException(path, "is part " + (number + 1) + " of " + count + "; give the first"
                    + (named ? ", " + path.resolveSibling(name.group(1) + "00001" + name.group(3)) : ""));
        }
        if (!named || !name.group(2).equals("00001")) {
            throw new FormatException(path, "is the first of %d parts, which are found by their names: call them NAME-00001-of-%05d.gguf and so on".formatted(count, count));
        }
        return IntStream.rangeClosed(1, count).mapToObj(i -> i == 1 ? path : path.resolveSibling(name.group(1) + "%05d".formatted(i) + name.group(3))).toList();
    }

    /** @param number of a part, from 0 on */
    static void check(GgufMetadata part, int number, int count) {
        if (part.integer(COUNT, 0, MOST, 1) != count) {
            throw part.wrong(COUNT, Integer.toString(count));
        }
        if (part.integer(NUMBER, 0, MOST, 0) != number) {
            throw part.wrong(NUMBER, Integer.toString(number));
        }
    }

    /** @param found tensors of all parts together */
    static void checkTensors(GgufMetadata first, int found) {
        if (first.integer(TENSORS, 0, Integer.MAX_VALUE, found) != found) {
            throw first.wrong(TENSORS, found + ", which is how many tensors the parts hold");
        }
    }
}
