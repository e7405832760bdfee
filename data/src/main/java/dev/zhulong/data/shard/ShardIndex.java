package dev.zhulong.data.shard;

import com.fasterxml.jackson.databind.DeserializationFeature;
import dev.zhulong.formats.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * {@code shards.json}.
 *
 * @param format    version of the format
 * @param key       says from what the shards were made, see {@link ShardConfig#key}
 * @param tokenizer hash of the tokenizer
 * @param content   hash of the documents
 * @param vocabSize largest id plus one
 * @param bos       id every document begins with, or -1
 * @param eos       id every document ends with, or -1
 * @param documents in all files
 * @param tokens    in all files, BOS and EOS included
 * @param bytes     of all texts in UTF-8: what bits per byte divides by
 * @param files     in order
 */
record ShardIndex(int format, String key, String tokenizer, String content, int vocabSize, int bos, int eos, long documents, long tokens,
        long bytes, List<File> files) {
    static final String NAME = "shards.json";
    static final int FORMAT = 1;

    /** One binary file. */
    record File(String name, long documents, long tokens, long size, long crc32c) { }

    static ShardIndex read(Path directory) {
        Path file = directory.resolve(NAME);
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(directory + " holds no token shards: " + NAME
                    + " is missing; was tokenization interrupted? Run it again");
        }
        try {
            ShardIndex index = JsonFields.MAPPER.readerFor(ShardIndex.class).without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                    .readValue(Files.readAllBytes(file));
            if (index.format != FORMAT) {
                throw new IllegalArgumentException(file + ": expected format " + FORMAT + ", found " + index.format + "; tokenize again");
            }
            if (index.files == null) {
                throw new IllegalArgumentException(file + ": no list of files; tokenize again");
            }
            return index;
        } catch (IOException e) {
            throw new IllegalArgumentException(file + " is not readable JSON: " + e.getMessage().lines().findFirst().orElse(""), e);
        }
    }
}
