package dev.zhulong.text;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What belongs to a model directory besides its weights and goes along as it is: the files of tokenizer, template and generation. */
public final class Companions {
    private static final List<String> NAMES = Stream.concat(TokenizerConfig.FILES.stream(), Stream.of(GenerationConfig.FILE, ChatTemplate.FILE)).toList();

    private Companions() {}

    /** Copies those that are in {@code from} to {@code to}, a directory that exists. */
    public static void copy(Path from, Path to) throws IOException {
        for (String name : NAMES) {
            if (Files.isRegularFile(from.resolve(name))) {
                AtomicFile.writeBytes(to.resolve(name), Files.readAllBytes(from.resolve(name)));
            }
        }
    }
}
