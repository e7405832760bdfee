package dev.zhulong.formats.gguf;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.gguf.GgufValue.Numbers;
import dev.zhulong.formats.gguf.GgufValue.Real;
import dev.zhulong.formats.gguf.GgufValue.Type;
import dev.zhulong.formats.gguf.GgufValue.Whole;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A GGUF file that has every type of value and every type of block, and where the shared ones lie. */
final class Samples {

    private Samples() {}

    static Path shared(String name) {
        Path path = Path.of(System.getProperty("zhulong.root", ".."), "..", "shared", name).normalize();
        assumeTrue(Files.exists(path), () -> "skipped: the shared assets are not there: " + path);
        return path;
    }

    static Map<String, GgufValue> metadata() {
        Map<String, GgufValue> values = new LinkedHashMap<>();
        values.put("general.architecture", GgufValue.of("llama"));
        values.put("general.alignment", GgufValue.of(64));
        values.put("u8", new Whole(Type.UINT8, 255));
        values.put("i8", new Whole(Type.INT8, -128));
        values.put("u16", new Whole(Type.UINT16, 65_535));
        values.put("i16", new Whole(Type.INT16, -32_768));
        values.put("u32", new Whole(Type.UINT32, 0xffff_ffffL));
        values.put("i32", new Whole(Type.INT32, Integer.MIN_VALUE));
        values.put("u64", new Whole(Type.UINT64, -1));
        values.put("i64", new Whole(Type.INT64, Long.MIN_VALUE));
        values.put("f32", GgufValue.of(1e-5f));
        values.put("f64", new Real(Type.FLOAT64, Math.PI));
        values.put("bool", GgufValue.of(true));
        values.put("text", GgufValue.of("▁烛龙 \uD83D\uDC09\n\0"));
        values.put("texts", GgufValue.of(List.of("", "a", "<0x0A>")));
        values.put("none", GgufValue.of(List.of()));
        values.put("floats", GgufValue.of(new float[] {-1e9f, 0, Float.NEGATIVE_INFINITY}));
        values.put("ints", GgufValue.of(new int[] {1, -1}));
        values.put("bools", new Numbers(Type.BOOL, new byte[] {0, 1, 1}));
        values.put("u64s", new Numbers(Type.UINT64, new byte[16]));
        return values;
    }

    /** Two rows of one block more than fits the alignment, of each type whose block is known. */
    static List<GgufWriter.Entry> tensors() {
        var tensors = new ArrayList<GgufWriter.Entry>();
        var random = new Random(3);
        for (GgufType type : GgufType.values()) {
            if (type.blockElements() > 0) {
                byte[] data = new byte[2 * 3 * type.blockBytes()];
                random.nextBytes(data);
                tensors.add(new GgufWriter.Entry("t." + type, type, new long[] {2, 3L * type.blockElements()},
                        () -> MemorySegment.ofArray(data)));
            }
        }
        return tensors;
    }
}
