package dev.zhulong.compress.ladder;

import dev.zhulong.compress.ladder.Goal.Of;
import dev.zhulong.formats.ModelDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What a model takes on the disk before it is made smaller.
 *
 * @param weights   how many there are
 * @param stored    bytes of the weights as they are
 * @param tokenizer bytes of what makes ids of text; a GGUF file has it inside, and so is counted whole
 */
public record Footprint(long weights, long stored, long tokenizer) {
    private static final List<String> TOKENIZER = List.of("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json",
            "added_tokens.json");

    /** Of a directory in Hugging Face's layout. */
    static Footprint of(ModelDirectory model) {
        long weights = 0;
        long stored = 0;
        for (var tensor : model.tensors().values()) {
            stored += tensor.data().byteSize();
            weights += tensor.data().byteSize() / tensor.type().bytes();
        }
        return new Footprint(weights, stored, TOKENIZER.stream().map(model.path()::resolve).filter(Files::isRegularFile).mapToLong(Footprint::size).sum());
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Of weights and tokenizer. */
    public long bytes(Of of) {
        return tokenizer + switch (of) {
            case F32 -> 4 * weights;
            case F16 -> 2 * weights;
            case STORED -> stored;
        };
    }
}
