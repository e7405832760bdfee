package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.SafetensorsWriter.Entry;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.NetworkFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code verify} says of references that are no use: one line that names the tensor. */
class AReferenceIsCheckedBeforeItIsUsedTest {
    private static final Entry IDS = longs("input_ids", 2, 3, 3, 4, 5, 6, 7, 8);

    @TempDir
    Path temporary;

    private static Entry longs(String name, int rows, int columns, long... values) {
        return Entry.of(name, StorageType.I64, columns == 0 ? new long[] {rows} : new long[] {rows, columns}, MemorySegment.ofArray(values));
    }

    private Path encoder(EncoderSpec spec) throws IOException {
        Path directory = Files.createTempDirectory(temporary, "encoder");
        try (Encoder model = Encoder.random(spec, 3)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        return directory;
    }

    private static EncoderSpec bare() {
        var layer = new Layer(new Attention(2, 2, 4, true, true, false, 0), new Mlp.Dense(12, Activation.GELU, false, true));
        var stack = new Stack(8, List.of(layer), Norm.LAYER, 1e-12, NormPlace.AFTER, new Positions.Learned(0), 9);
        return new EncoderSpec((EncoderFamily) Family.of("bert"), stack, 11, 2, 0, new Head.None());
    }

    private String refused(Path model, Entry... more) {
        var out = new StringWriter();
        var err = new StringWriter();
        assertThat(verify(out, err, model, more)).isEqualTo(Main.FAILED);
        assertThat(err.toString().lines()).hasSize(1);
        return err.toString();
    }

    private int verify(StringWriter out, StringWriter err, Path model, Entry... more) {
        List<Entry> all = new ArrayList<>(List.of(more));
        if (all.stream().noneMatch(entry -> entry.name().equals("input_ids"))) {
            all.add(IDS);
        }
        Path golden = temporary.resolve("golden.safetensors");
        SafetensorsWriter.write(golden, Map.of(), all);
        return Main.execute(new PrintWriter(out, true), new PrintWriter(err, true), "verify", "--model", model.toString(), "--golden", golden.toString(),
                "--out", temporary.resolve("out.safetensors").toString(), "--force");
    }

    @Test
    void inputsOfEncodersAreNamed() throws IOException {
        Path model = encoder(bare().withTags(List.of("O", "B")));
        assertThat(refused(model, longs("input_ids", 1, 2, 1L << 40, 1))).contains("input_ids", "32 bits");
        assertThat(refused(model, longs("attention_mask", 2, 2, 1, 1, 1, 1))).contains("attention_mask: expected shape [2, 3], found [2, 2]");
        assertThat(refused(model, longs("attention_mask", 2, 3, 1, 1, 1, 0, 0, 0))).contains("attention_mask: expected a token in each row, found none in row 1");
        assertThat(refused(model, longs("attention_mask", 2, 3, 1, 1, 2, 1, 1, 1))).contains("attention_mask: expected numbers from 0 to 1, found 2");
        assertThat(refused(model, longs("token_type_ids", 2, 3, 0, 0, 0, 0, 2, 0))).contains("token_type_ids: expected numbers from 0 to 1, found 2");
    }

    @Test
    void labelsAreNamed() throws IOException {
        Path tags = encoder(bare().withTags(List.of("O", "B")));
        assertThat(refused(tags, longs("labels", 2, 3, -100, -100, -100, -100, -100, -100))).contains("labels: all are -100");
        assertThat(refused(tags, longs("labels", 2, 3, 0, 1, 2, 0, 0, 0))).contains("labels: expected numbers from 0 to 1, or -100, found 2");
        assertThat(refused(tags, longs("labels", 2, 0, 0, 1))).contains("labels: expected shape [2, 3], found [2]");
        Path classes = encoder(bare().withClasses(List.of("no", "yes"), Problem.SINGLE_LABEL));
        assertThat(refused(classes, longs("labels", 2, 0, 0, -100))).contains("labels: expected numbers from 0 to 1, found -100");
        Path spans = encoder(bare().withSpans());
        assertThat(refused(spans, longs("start_positions", 2, 0, 0, 1), longs("end_positions", 2, 0, 2, 3))).contains("end_positions", "0 to 2, found 3");
        Path numbers = encoder(bare().withClasses(List.of("score"), Problem.REGRESSION));
        assertThat(refused(numbers, Entry.of("labels", new long[] {2}, new float[] {1, Float.NaN}))).contains("labels: expected finite numbers, found NaN");
    }

    @Test
    void numbersAreLabelsToo() throws IOException {
        for (Problem problem : new Problem[] {Problem.REGRESSION, Problem.MULTI_LABEL}) {
            Path model = encoder(bare().withClasses(List.of("a", "b"), problem));
            var err = new StringWriter();
            assertThat(verify(new StringWriter(), err, model, Entry.of("labels", new long[] {2, 2}, new float[] {1, 0, 0.5f, 1}))).as(err.toString()).isZero();
            try (SafetensorsFile computed = SafetensorsFile.open(temporary.resolve("out.safetensors"))) {
                assertThat(computed.tensors()).containsKeys("logits", "loss", "gradient_norm.classifier.bias");
            }
        }
    }

    @Test
    void decodersToo() throws IOException {
        Path model = TinyModel.write(temporary.resolve("decoder"));
        assertThat(refused(model, longs("attention_mask", 2, 3, 1, 1, 1, 1, 1, 0))).contains("attention_mask hides tokens");
        assertThat(refused(model, longs("labels", 2, 3, -100, -100, -100, -100, -100, -100))).contains("labels: none is counted");
        assertThat(refused(model, longs("greedy", 2, 3, 1, 2, 3, 4, 5, 6))).contains("greedy: expected [1, tokens], found [2, 3]");
        assertThat(refused(model, Entry.of("greedy", StorageType.I64, new long[] {1, 0}, MemorySegment.ofArray(new long[0])))).contains("greedy");
    }

    @Test
    void theEndOfTextIsWhereTheMakersSayItIs() throws IOException {
        Path model = TinyModel.write(temporary.resolve("decoder"));
        assertThat(verify(new StringWriter(), new StringWriter(), model)).isZero();
        long[] free = greedy();
        assertThat(free.length).isGreaterThan(4);
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\": [" + free[3] + "]}");
        assertThat(verify(new StringWriter(), new StringWriter(), model)).isZero();
        assertThat(greedy()).hasSize(4).isEqualTo(Arrays.copyOf(free, 4));
    }

    private long[] greedy() {
        try (SafetensorsFile computed = SafetensorsFile.open(temporary.resolve("out.safetensors"))) {
            return computed.tensors().get("greedy").toLongs();
        }
    }
}
