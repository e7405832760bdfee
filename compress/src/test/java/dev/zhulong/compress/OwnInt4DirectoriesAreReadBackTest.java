package dev.zhulong.compress;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.QuantizationConfig;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** As docs/quantized-directory.md says they are laid out. */
class OwnInt4DirectoriesAreReadBackTest {
    @TempDir
    Path temporary;

    private Path quantised(Family family, Precision precision) throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(family, 128, 256, false));
        Path out = temporary.resolve("out");
        new Quantization(model, precision, out, false, 1, Progress.SILENT).run();
        return out;
    }

    private static float[] logits(Path model, Optional<WeightType> type) {
        try (ModelDirectory directory = ModelDirectory.open(model);
                CpuEngine engine = CpuEngine.load(directory, type, CpuOptions.of(1));
                KvCache cache = engine.newCache(8)) {
            return engine.forward(List.of(new Span(cache, new int[] {0, 17, 250, 3, 91})), true).getFirst();
        }
    }

    /**
     * Quantised as it is loaded the head is int4 too; with such a head in the directory's place of its better one, both are the same bits: one fit,
     * one order of rows.
     */
    @ParameterizedTest
    @CsvSource({"llama, Q4", "llama, Q4_SYM", "qwen2, Q4", "gpt2, Q4"})
    void butForTheHeadTheyAreWhatLoadingMakes(Family family, Precision precision) throws IOException {
        Path out = quantised(family, precision);
        Path source = temporary.resolve("model");
        float[] asWritten = logits(out, Optional.empty());
        headAs(precision.type(), source, out);
        float[] loaded = logits(source, Optional.of(precision.type()));
        assertThat(logits(out, Optional.empty())).isEqualTo(loaded);
        float[] exact = logits(source, Optional.empty());
        assertThat(distance(asWritten, exact)).isLessThan(distance(loaded, exact));
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += Math.pow((double) a[i] - b[i], 2);
        }
        return sum;
    }

    private static void headAs(WeightType type, Path source, Path out) throws IOException {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        Path copy = out.resolve("copy.safetensors");
        Map<String, String> types;
        try (ModelDirectory from = ModelDirectory.open(source);
                ModelDirectory directory = ModelDirectory.open(out)) {
            types = new LinkedHashMap<>(directory.quantization().orElseThrow().weights());
            types.put("lm_head.weight", type.name());
            for (TensorView view : directory.tensors().values()) {
                if (!view.name().equals("lm_head.weight")) {
                    entries.add(SafetensorsWriter.Entry.of(view));
                    continue;
                }
                float[] head = from.tensor("lm_head.weight").toFloats();
                int bytes = (int) type.rowBytes(128);
                byte[] blocks = new byte[SmallModels.VOCAB * bytes];
                for (int row = 0; row < SmallModels.VOCAB; row++) {
                    byte[] quantised = new byte[bytes];
                    Quantiser.quantise(type, head, row * 128, 128, Quantiser.Search.SCALES, quantised);
                    System.arraycopy(quantised, 0, blocks, row * bytes, bytes);
                }
                entries.add(new SafetensorsWriter.Entry("lm_head.weight", StorageType.U8, new long[] {SmallModels.VOCAB, bytes},
                        () -> MemorySegment.ofArray(blocks)));
            }
            SafetensorsWriter.write(copy, Map.of("format", "pt"), entries);
        }
        Files.move(copy, out.resolve(ModelDirectory.WEIGHTS), StandardCopyOption.REPLACE_EXISTING);
        Files.writeString(out.resolve(ModelDirectory.CONFIG), new QuantizationConfig(types).addTo(source.resolve(ModelDirectory.CONFIG), false));
    }

    /** The page's example, by hand: steps of a quarter, sixteen in turn. */
    @ParameterizedTest
    @EnumSource(names = {"Q4", "Q4_SYM"})
    void aRowIsThePagesBytes(Precision precision) throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 128, 256, false), (name, values) -> {
            for (int i = 0; name.equals("model.layers.0.self_attn.q_proj.weight") && i < 128; i++) {
                values[i] = i % 16 * 0.25f - (precision == Precision.Q4 ? 1 : 2);
            }
        });
        Path out = temporary.resolve("out");
        new Quantization(model, precision, out, false, 1, Progress.SILENT).run();
        byte[] expected = new byte[precision == Precision.Q4 ? 68 : 66];
        ByteBuffer bytes = ByteBuffer.wrap(expected).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putShort((short) 0x3400);
        if (precision == Precision.Q4) {
            bytes.putShort((short) 0xbc00);
        }
        for (int j = 0; j < 64; j++) {
            bytes.put((byte) (j % 16 | j % 16 << 4));
        }
        try (ModelDirectory directory = ModelDirectory.open(out)) {
            TensorView view = directory.tensor("model.layers.0.self_attn.q_proj.weight");
            assertThat(view.type()).isEqualTo(StorageType.U8);
            assertThat(view.shape()).containsExactly(128, expected.length);
            assertThat(view.data().asSlice(0, expected.length).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
        }
    }

    @Test
    void whatElseTheModelSaysGoesAlong() throws IOException {
        Path out = quantised(Family.of("llama"), Precision.Q4);
        Path model = temporary.resolve("model");
        for (String name : List.of("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")) {
            assertThat(out.resolve(name)).hasSameBinaryContentAs(model.resolve(name));
        }
        Provenance made = Provenance.read(out);
        assertThat(made.stage()).isEqualTo("quantize");
        assertThat(made.recipe()).containsEntry("to", "q4");
        assertThat(made.inputs()).singleElement().satisfies(input -> assertThat(input.name()).isEqualTo(model.toString()));
        try (ModelDirectory directory = ModelDirectory.open(out);
                ModelDirectory source = ModelDirectory.open(model)) {
            assertThat(directory.spec()).isEqualTo(source.spec());
            Map<String, String> types = directory.quantization().orElseThrow().weights();
            assertThat(types).hasSize(2 * 7 + 2).containsEntry("model.embed_tokens.weight", "INT4_ASYM").containsEntry("lm_head.weight", "Q8_0");
            assertThat(directory.tensor("model.norm.weight").toFloats()).isEqualTo(source.tensor("model.norm.weight").toFloats());
        }
        try (Stream<Path> files = Files.list(out)) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder("config.json", "model.safetensors", "tokenizer.json",
                    "tokenizer_config.json", "chat_template.jinja", "zhulong.json");
        }
    }

    @Test
    void quantisingThemAsTheyAreLoadedIsRefused() throws IOException {
        Path out = quantised(Family.of("llama"), Precision.Q4);
        assertThatThrownBy(() -> logits(out, Optional.of(WeightType.Q8_0))).hasMessageContaining("quantised already");
    }

    @ParameterizedTest
    @CsvSource({"INT4_ASYM, INT5, INT5", "INT4_ASYM, INT4, shape", "zhulong, gptq, gptq"})
    void aConfigThatSaysAnotherThingIsNamed(String from, String to, String named) throws IOException {
        Path out = quantised(Family.of("llama"), Precision.Q4);
        Path config = out.resolve(ModelDirectory.CONFIG);
        Files.writeString(config, Files.readString(config).replaceFirst("\"" + from + "\"", "\"" + to + "\""));
        assertThatThrownBy(() -> logits(out, Optional.empty())).hasMessageContaining(named);
    }
}
