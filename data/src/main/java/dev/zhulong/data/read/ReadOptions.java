package dev.zhulong.data.read;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * What to read and where its text lies.
 *
 * @param extensions       lower-case file extensions to take inside directories and archives ("java", "md"); empty takes whatever is text.
 *                         A file that is named itself as input is always taken
 * @param field            JSON field (dots reach into objects), CSV column or Parquet column that holds the text
 * @param charset          of text that has no byte order mark
 * @param maxDocumentBytes longer text files are cut into parts at line ends; longer rows are skipped and counted
 * @param maxRatio         a compressed stream that grows past 64 MiB and this many times its compressed size is given up as a bomb
 * @param gitignore        whether {@code .gitignore} files are obeyed
 */
public record ReadOptions(Set<String> extensions, String field, Charset charset, int maxDocumentBytes, int maxRatio, boolean gitignore) {
    /** Every text, field {@code text}, UTF-8, parts of 16 MiB. */
    public static final ReadOptions DEFAULT = new ReadOptions(Set.of(), "text", StandardCharsets.UTF_8, 16 << 20, 400, true);

    public ReadOptions {
        extensions = Set.copyOf(extensions);
        if (field.isBlank()) {
            throw new IllegalArgumentException("field must name the JSON field or column that holds the text");
        }
        if (maxDocumentBytes < 16 || maxRatio < 1) {
            throw new IllegalArgumentException("maxDocumentBytes must be at least 16 and maxRatio at least 1, found "
                    + maxDocumentBytes + " and " + maxRatio);
        }
    }

    /** Whether a file of this lower-case name is asked for. */
    boolean takes(String name, boolean named) {
        return named || extensions.isEmpty() || extensions.contains(name.substring(name.lastIndexOf('.') + 1));
    }

    /** The same with other extensions. */
    public ReadOptions withExtensions(String... others) {
        return new ReadOptions(Set.of(others), field, charset, maxDocumentBytes, maxRatio, gitignore);
    }

    /** The same with another field. */
    public ReadOptions withField(String other) {
        return new ReadOptions(extensions, other, charset, maxDocumentBytes, maxRatio, gitignore);
    }

    /** The same with another limit on a document's size, in bytes. */
    public ReadOptions withMaxDocumentBytes(int other) {
        return new ReadOptions(extensions, field, charset, other, maxRatio, gitignore);
    }
}
