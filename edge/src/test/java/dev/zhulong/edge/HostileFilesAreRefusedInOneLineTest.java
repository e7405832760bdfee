package dev.zhulong.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostileFilesAreRefusedInOneLineTest {
    private static final byte[] WHOLE = new TinyGguf().bytes();

    private static void refused(byte[] file, String named) {
        assertThatThrownBy(() -> new EdgeModel(file)).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("not a GGUF file that can be used here: ")
                .hasMessageContaining(named).message().hasLineCount(1);
    }

    private static void refused(Consumer<TinyGguf> change, String named) {
        var file = new TinyGguf();
        change.accept(file);
        refused(file.bytes(), named);
    }

    @Test
    void theWholeFileIsRead() {
        var model = new EdgeModel(WHOLE);
        assertThat(model.read(1, true)).hasSize(TinyGguf.VOCAB);
        ByteBuffer direct = ByteBuffer.allocateDirect(WHOLE.length).put(WHOLE).flip();
        assertThat(new EdgeModel(direct).read(1, true)).isEqualTo(model2(WHOLE));
    }

    private static float[] model2(byte[] file) {
        return new EdgeModel(file).read(1, true);
    }

    @Test
    void everyCutIsRefused() {
        for (int n = 0; n < WHOLE.length - 64; n += n < 12_000 ? 7 : 997) {
            byte[] cut = Arrays.copyOf(WHOLE, n);
            Throwable thrown = catchThrowable(() -> new EdgeModel(cut));
            assertThat(thrown).as("cut after " + n).isInstanceOf(IllegalArgumentException.class);
            assertThat(thrown.getMessage()).hasLineCount(1);
        }
    }

    /** Whatever a byte of the head becomes, what comes of it is a model or an error that says so. */
    @Test
    void noFlippedByteEndsInAnythingElse() {
        var random = new Random(3);
        for (int i = 0; i < 3000; i++) {
            byte[] file = WHOLE.clone();
            file[random.nextInt(12_000)] = (byte) random.nextInt();
            Throwable thrown = catchThrowable(() -> new EdgeModel(file));
            if (thrown != null) {
                assertThat(thrown).isInstanceOf(IllegalArgumentException.class);
            }
        }
    }

    @Test
    void whatIsWrongIsNamed() {
        refused("GGML????????????????????????".getBytes(StandardCharsets.UTF_8), "does not begin");
        refused(file -> file.keys.put("general.architecture", "gemma2"), "gemma2");
        refused(file -> file.keys.remove("llama.embedding_length"), "llama.embedding_length");
        refused(file -> file.keys.put("llama.expert_count", 4), "llama.expert_count");
        refused(file -> file.keys.put("llama.attention.head_count_kv", 3), "heads");
        refused(file -> file.keys.put("llama.rope.scaling.type", "yarn"), "yarn");
        refused(file -> file.keys.put("tokenizer.ggml.model", "bert"), "bert");
        refused(file -> file.keys.put("tokenizer.ggml.scores", new float[3]), "tokenizer.ggml.scores");
        refused(file -> file.keys.put("llama.block_count", 3), "blk.2");
        refused(file -> file.shapes.put("blk.1.ffn_up.weight", new int[] {63, 32}), "blk.1.ffn_up.weight");
        refused(file -> file.shapes.remove("output_norm.weight"), "output_norm.weight");
        refused(file -> file.shapes.put("blk.0.ffn_down.bias", new int[] {32}), "blk.0.ffn_down.bias");
    }

    @Test
    void theProgramSaysItInOneLineToo(@TempDir Path directory) throws IOException {
        Path file = Files.write(directory.resolve("broken.gguf"), Arrays.copyOf(WHOLE, 5000));
        assertThat(run(1, file.toString())).startsWith("zhulong-edge: " + file).hasLineCount(1);
        assertThat(run(1, directory.resolve("none.gguf").toString())).contains("none.gguf").hasLineCount(1);
        assertThat(run(2)).contains("no model").contains("Usage");
        assertThat(run(2, file.toString(), "--top-q", "3")).contains("--top-q").hasLineCount(1);
        assertThat(run(2, file.toString(), "--top-k", "many")).isEqualTo("zhulong-edge: --top-k must be a whole number of at least 0, found many");
        assertThat(run(2, file.toString(), "--max-new-tokens", "0")).contains("--max-new-tokens").contains("at least 1").hasLineCount(1);
        assertThat(run(2, file.toString(), "--temperature", "NaN")).contains("--temperature").hasLineCount(1);
        assertThat(run(2, file.toString(), "--top-p", "1.5")).contains("from 0 to 1").hasLineCount(1);
        assertThat(run(2, file.toString(), "--seed")).contains("--seed needs a value").hasLineCount(1);
        assertThat(run(2, file.toString(), "Once", "upon")).contains("two models").hasLineCount(1);
    }

    /** An array that nothing asks for takes no room, and one of texts can't take many times its own. */
    @Test
    void arraysTakeNoMoreThanTheirFile() {
        byte[] numbers = new byte[100_000_000];
        ByteBuffer file = ByteBuffer.wrap(numbers).order(ByteOrder.LITTLE_ENDIAN);
        file.putInt(0x46554747).putInt(3).putLong(0).putLong(1).putLong(1).put((byte) 'k').putInt(9).putInt(0).putLong(numbers.length - file.position() - 8);
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        refused(numbers, "general.architecture");
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(1_000_000);
        // as many empty texts as fit
        file.putInt(file.position() - 12, 8).putLong(file.position() - 8, (numbers.length - file.position()) / 8);
        refused(numbers, "texts");
    }

    private static String run(int code, String... args) {
        var err = new ByteArrayOutputStream();
        assertThat(EdgeMain.run(args, new PrintStream(new ByteArrayOutputStream()), new PrintStream(err))).isEqualTo(code);
        return err.toString(StandardCharsets.UTF_8).strip();
    }
}
