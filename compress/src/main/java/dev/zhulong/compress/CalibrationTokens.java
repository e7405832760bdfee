package dev.zhulong.compress;

import dev.zhulong.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Text from which it is learned what a model's projections are given: chunks of tokens that the model reads from their beginning, as llama-imatrix cuts
 * them: one text of all files, in chunks of {@value #CHUNK}, of which each one's first token is replaced by BOS where the model has one. What is left after two chunks or more is not read.
 *
 * @param names  of the files
 * @param chunks ids, all as long; of a text of less than three chunks the last may be shorter
 */
public record CalibrationTokens(List<String> names, List<int[]> chunks) {
    /** Tokens of a chunk, where the model's context has room. */
    public static final int CHUNK = 512;
    /** Tokens that are usually enough: the importance of columns and the products of inputs hardly change beyond. */
    public static final int USUAL = 8192;
    private static final int LEAST = 16;

    /**
     * Reads UTF-8 files. Where they hold more than {@code most} tokens, chunks from all over them are taken.
     *
     * @param context of the model
     * @param most    tokens, at least 1; fewer than a chunk are one chunk, of the beginning
     * @throws IllegalArgumentException when a file cannot be read, or there is next to nothing in them
     */
    public static CalibrationTokens read(List<Path> files, Tokenizer tokenizer, int context, int most) {
        var text = new StringBuilder();
        for (Path file : files) {
            try {
                text.append(Files.readString(file, StandardCharsets.UTF_8));
            } catch (CharacterCodingException e) {
                throw new IllegalArgumentException(file + " is not UTF-8 text; convert it first, e.g. with iconv -t UTF-8", e);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return of(files.stream().map(file -> file.getFileName().toString()).toList(), text.toString(), tokenizer, context, most);
    }

    /** The same of a text that is there. */
    public static CalibrationTokens of(List<String> names, String text, Tokenizer tokenizer, int context, int most) {
        int[] ids = tokenizer.encode(text);
        if (tokenizer.bos().isPresent() && (ids.length == 0 || ids[0] != tokenizer.bos().getAsInt())) {
            int[] begun = new int[ids.length + 1];
            begun[0] = tokenizer.bos().getAsInt();
            System.arraycopy(ids, 0, begun, 1, ids.length);
            ids = begun;
        }
        int size = Math.min(Math.min(CHUNK, context), most);
        List<int[]> all = new ArrayList<>();
        for (int from = 0; from < ids.length; from += size) {
            int[] chunk = Arrays.copyOfRange(ids, from, Math.min(from + size, ids.length));
            if (chunk.length < Math.min(LEAST, size)) {
                break;
            }
            if (tokenizer.bos().isPresent()) {
                chunk[0] = tokenizer.bos().getAsInt();
            }
            all.add(chunk);
        }
        if (all.isEmpty()) {
            throw new IllegalArgumentException(String.join(", ", names) + ": " + ids.length + " tokens of text; at least " + LEAST + " are needed to learn anything, and some"
                    + " thousand to learn it well");
        }
        if (all.size() > 2 && all.getLast().length < size) {
            // as llama-imatrix, which wants two chunks: files that both make of a text are the same
            all.removeLast();
        }
        int wanted = most / size;
        if (all.size() <= wanted) {
            return new CalibrationTokens(names, all);
        }
        List<int[]> spread = new ArrayList<>();
        for (int i = 0; i < wanted; i++) {
            spread.add(all.get((int) ((long) i * all.size() / wanted)));
        }
        return new CalibrationTokens(names, spread);
    }

    /** All of them. */
    public long count() {
        return chunks.stream().mapToLong(chunk -> chunk.length).sum();
    }
}
