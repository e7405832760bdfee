package dev.zhulong.cli;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufConfig;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.formats.gguf.GgufWriter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;

/**
 * What the launcher runs once after a build: {@code generate} and {@code chat} over a model of a few numbers, so that the JVM can keep the classes
 * they need where it finds them quickly. No verb; prints only what goes wrong.
 */
final class Rehearsal {
    private static final int HIDDEN = 64;
    private static final int HEADS = 2;

    private Rehearsal() {}

    public static void main(String[] args) throws IOException {
        Path model = Files.createTempFile("zhulong-rehearsal", ".gguf");
        try {
            write(model);
            System.setIn(new ByteArrayInputStream("Hello\n".getBytes(StandardCharsets.UTF_8)));
            run("generate", "--model", model.toString(), "--prompt", "Once upon a time", "--max-new-tokens", "3", "-n", "2");
            run("chat", "--model", model.toString(), "--max-new-tokens", "3");
        } finally {
            Files.deleteIfExists(model);
        }
    }

    private static void run(String... words) {
        int code = Main.execute(new PrintWriter(Writer.nullWriter()), new PrintWriter(System.err, true), words);
        if (code != Main.DONE) {
            System.exit(code);
        }
    }

    /** A Llama of one layer whose weights are zeros, with a vocabulary of the bytes. */
    static void write(Path file) {
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>", "\u2581", "t", "h", "\u2581t", "\u2581th"));
        int[] types = new int[tokens.size() + 256];
        Arrays.fill(types, 0, tokens.size(), 1);
        Arrays.fill(types, tokens.size(), types.length, 6);
        types[0] = 2;
        types[1] = 3;
        types[2] = 3;
        for (int b = 0; b < 256; b++) {
            tokens.add("<0x%02X>".formatted(b));
        }
        var spec = new DecoderSpec(Family.of("llama"), tokens.size(), HIDDEN, 1, HEADS, HEADS, HIDDEN / HEADS, HIDDEN, 512, DecoderSpec.Norm.RMS, 1e-5,
                DecoderSpec.Activation.SILU, true, new DecoderSpec.Rope(10_000, HIDDEN / HEADS, new DecoderSpec.Scaling.None()), false, false, false,
                false, false, List.of(0), 1, List.of(2));
        var metadata = new LinkedHashMap<>(GgufConfig.write(spec));
        metadata.put("tokenizer.ggml.model", GgufValue.of("llama"));
        metadata.put("tokenizer.ggml.tokens", GgufValue.of(tokens));
        metadata.put("tokenizer.ggml.scores", GgufValue.of(new float[tokens.size()]));
        metadata.put("tokenizer.ggml.token_type", GgufValue.of(types));
        List<GgufWriter.Entry> entries = new ArrayList<>();
        for (GgufWeight weight : GgufExport.weights(spec)) {
            GgufType type = GgufExport.storedType(weight, GgufType.Q8_0);
            long rows = weight.shape().length == 2 ? weight.shape()[0] : 1;
            byte[] zeros = new byte[(int) (rows * type.bytes(weight.shape()[weight.shape().length - 1]))];
            entries.add(new GgufWriter.Entry(weight.gguf(), type, weight.shape(), () -> MemorySegment.ofArray(zeros)));
        }
        GgufWriter.write(file, metadata, entries);
    }
}
