package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.FormatException;
import dev.zhulong.infer.ChatTranscript.Turn;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TranscriptsAreReadAsTheyWereWrittenTest {
    @TempDir
    Path directory;

    private static String text(SplittableRandom random) {
        var text = new StringBuilder();
        for (int i = random.nextInt(30); i > 0; i--) {
            int c = random.nextInt(4) == 0 ? random.nextInt(0x110000) : random.nextInt(128);
            text.appendCodePoint(c >= 0xd800 && c < 0xe000 ? '"' : c);
        }
        return text.toString();
    }

    @Test
    void anyTextComesBack() throws IOException {
        Path file = directory.resolve("烛龙.json");
        var random = new SplittableRandom(1);
        for (int i = 0; i < 100; i++) {
            var turns = new ArrayList<Turn>();
            for (int n = random.nextInt(5); n > 0; n--) {
                turns.add(new Turn(text(random), text(random)));
            }
            var transcript = new ChatTranscript(text(random), random.nextLong(), random.nextInt(turns.size() + 1), turns);
            transcript.write(file);
            assertThat(ChatTranscript.read(file)).isEqualTo(transcript);
        }
        try (var files = Files.list(directory)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void aFileThatIsNotWholeIsOneClearError() throws IOException {
        Path file = directory.resolve("chat.json");
        new ChatTranscript("be kind", 3, 1, List.of(new Turn("a", "b"), new Turn("你好é", "d"))).write(file);
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length - 1; length++) {
            damaged(file, Arrays.copyOf(whole, length));
        }
        String text = new String(whole, StandardCharsets.UTF_8);
        for (String field : List.of("format", "version", "system", "seed", "forgotten", "turns", "user", "assistant")) {
            damaged(file, text.replaceFirst("\"" + field + "\"", "\"other\""));
        }
        damaged(file, text.replace("\"forgotten\" : 1", "\"forgotten\" : 3"));
        damaged(file, text.replace("\"forgotten\" : 1", "\"forgotten\" : -1"));
        damaged(file, text.replace("\"seed\" : 3", "\"seed\" : 1e99"));
        damaged(file, text.replace("\"seed\" : 3", "\"seed\" : \"3\""));
        damaged(file, text.replace("\"be kind\"", "7"));
        damaged(file, text + "x");
        damaged(file, text.getBytes(StandardCharsets.ISO_8859_1));
        damaged(file, "[]");
        damaged(file, "null");
        Files.writeString(file, text.replace("\"version\" : 1", "\"version\" : 2"));
        assertThatThrownBy(() -> ChatTranscript.read(file)).isInstanceOf(FormatException.class).hasMessageContaining("newer Zhulong (version 2)");
    }

    private static void damaged(Path file, String text) throws IOException {
        damaged(file, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void damaged(Path file, byte[] bytes) throws IOException {
        Files.write(file, bytes);
        assertThatThrownBy(() -> ChatTranscript.read(file)).isInstanceOf(FormatException.class).hasMessageContaining("chat.json: not a whole session")
                .hasMessageContaining("give another --session").hasMessageNotContaining("\n");
        assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
    }
}
