package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.Families;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.VisionFamily;
import dev.zhulong.formats.gguf.GgufFamily;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class VerifyComputesWhatReferencesHoldTest {
    private static final Path GOLDEN = Path.of(System.getProperty("zhulong.root")).resolve("../shared/golden/arch").normalize();

    private static final Path MEDIA = GOLDEN.resolveSibling("media");

    @TempDir
    Path temporary;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int verify(String... more) {
        List<String> args = new ArrayList<>(List.of("verify"));
        args.addAll(List.of(more));
        return Main.execute(new PrintWriter(out, true), new PrintWriter(err, true), args.toArray(String[]::new));
    }

    /**
     * Those of every family that is built in; where there are none, a name to say so by. Marian's was made from tables of sines that had been moved and
     * are in no file: transformers reads its directory as we do, 0.269 from its logits.
     */
    static List<String> references() throws IOException {
        return references(family -> !family.modelType().equals("marian"));
    }

    static List<String> inGguf() throws IOException {
        return references(GgufFamily.class::isInstance);
    }

    private static List<String> references(Predicate<Family> wanted) throws IOException {
        if (!Files.isDirectory(GOLDEN)) {
            return List.of("llama");
        }
        try (var all = Files.list(GOLDEN)) {
            return all.filter(each -> Families.find(JsonFields.read(each.resolve("config.json")).string("model_type")).filter(wanted).isPresent())
                    .map(each -> each.getFileName().toString()).sorted().toList();
        }
    }

    /** Whatever is published there is of a family that is known. */
    @Test
    void noReferenceIsLeftOut() throws IOException {
        assumeTrue(Files.isDirectory(GOLDEN), GOLDEN + " is not there");
        try (var all = Files.list(GOLDEN)) {
            assertThat(references(family -> true)).containsExactlyInAnyOrderElementsOf(all.map(each -> each.getFileName().toString()).toList());
        }
    }

    @ParameterizedTest
    @MethodSource("references")
    void publishedReferencesHold(String name) {
        assumeTrue(Files.isDirectory(GOLDEN.resolve(name)), GOLDEN.resolve(name) + " is not there");
        assertThat(verify("--model", GOLDEN.resolve(name).toString())).as(err.toString()).isZero();
        assertThat(out.toString()).contains("logits ", "loss ", "gradient_norm.").doesNotContain("not in the reference");
    }

    @ParameterizedTest
    @MethodSource("references")
    void onTheCpuEngineToo(String name) {
        assumeTrue(Files.isDirectory(GOLDEN.resolve(name)), GOLDEN.resolve(name) + " is not there");
        assertThat(verify("--model", GOLDEN.resolve(name).toString(), "--engine", "cpu")).as(err.toString()).isZero();
        assertThat(out.toString()).contains("logits ").doesNotContain("gradient_norm", "not in the reference");
    }

    /** Of a model that hears, whose input is a spectrogram and whose encoder's states are those of every 25th position. */
    @Test
    void whatIsHeardToo() throws IOException {
        Path whisper = GOLDEN.resolve("../media/whisper").normalize();
        assumeTrue(Files.isDirectory(whisper), whisper + " is not there: it is shared");
        assertThat(verify("--model", whisper.toString())).as(out + err.toString()).isZero();
        assertThat(out.toString()).contains("encoder_last_hidden_state ", "logits ", "loss ", "gradient_norm.model.encoder.conv1.weight").doesNotContain("gradient_norm.model.encoder.embed_positions");
        assertThat(verify("--model", whisper.toString(), "--engine", "cpu")).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("hears sound", "transcribe");
        assertThat(verify("--model", model().toString(), "--golden", whisper.resolve("golden.safetensors").toString())).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("expected a tensor input_ids");
    }

    /** Models that were written as GGUF in F32 and are read back. */
    @ParameterizedTest
    @MethodSource("inGguf")
    void afterTheyWereMadeGgufFiles(String name) {
        assumeTrue(Files.isDirectory(GOLDEN.resolve(name)), GOLDEN.resolve(name) + " is not there");
        Path file = temporary.resolve("model.gguf");
        assertThat(Main.execute(new PrintWriter(out, true), new PrintWriter(err, true), "quantize", "--model", GOLDEN.resolve(name).toString(), "--to", "f32",
                "--no-measure", "--out", file.toString())).as(err.toString()).isZero();
        assertThat(verify("--model", file.toString(), "--golden", GOLDEN.resolve(name).resolve("golden.safetensors").toString(), "--engine", "cpu"))
                .as(out + err.toString()).isZero();
        assertThat(out.toString()).contains("logits ", "greedy ");
    }

    /** Those of networks that see pictures: what their processors make of pictures, their outputs, losses and gradients. */
    static List<String> ofPictures() throws IOException {
        if (!Files.isDirectory(MEDIA)) {
            return List.of("vit");
        }
        try (var all = Files.list(MEDIA)) {
            return all.filter(each -> Families.find(JsonFields.read(each.resolve("config.json")).string("model_type")).filter(VisionFamily.class::isInstance).isPresent())
                    .map(each -> each.getFileName().toString()).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("ofPictures")
    void publishedReferencesOfPicturesHold(String name) {
        assumeTrue(Files.isDirectory(MEDIA.resolve(name)), MEDIA.resolve(name) + " is not there");
        assertThat(verify("--model", MEDIA.resolve(name).toString())).as(out + err.toString()).isZero();
        assertThat(out.toString()).contains("pixel_values").doesNotContain("not in the reference");
        if (!name.startsWith("dinov2")) {
            assertThat(out.toString()).contains("logits", "loss ", "gradient_norm.");
        }
        assertThat(verify("--model", MEDIA.resolve(name).toString(), "--engine", "cpu")).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("torch engine alone");
    }

    private Path model() throws IOException {
        Path directory = TinyModel.write(Files.createDirectories(temporary.resolve("model")));
        SafetensorsWriter.write(directory.resolve("golden.safetensors"), Map.of(), List.of(SafetensorsWriter.Entry.of("input_ids", StorageType.I64,
                new long[] {2, 6}, MemorySegment.ofArray(new long[] {3, 4, 5, 6, 7, 8, 9, 3, 4, 5, 6, 7}))));
        return directory;
    }

    @Test
    void whatTheReferenceLacksIsComputedAndWritten() throws IOException {
        Path model = model();
        Path file = temporary.resolve("computed.safetensors");
        assertThat(verify("--model", model.toString(), "--out", file.toString())).as(err.toString()).isZero();
        assertThat(out.toString()).contains("Nothing was compared");
        try (SafetensorsFile computed = SafetensorsFile.open(file)) {
            assertThat(computed.tensors()).containsKeys("logits", "greedy", "loss", "gradient_norm.model.embed_tokens.weight").doesNotContainKey("aux_loss");
            assertThat(computed.tensors().get("loss").shape()).isEmpty();
            assertThat(computed.tensors().get("greedy").type()).isEqualTo(StorageType.I64);
        }
        // its own outputs are a reference that holds
        Path second = temporary.resolve("second.safetensors");
        try (SafetensorsFile computed = SafetensorsFile.open(file); SafetensorsFile inputs = SafetensorsFile.open(model.resolve("golden.safetensors"))) {
            List<SafetensorsWriter.Entry> all = new ArrayList<>();
            inputs.tensors().values().forEach(view -> all.add(SafetensorsWriter.Entry.of(view)));
            computed.tensors().values().stream().filter(view -> view.name().equals("logits") || view.name().equals("greedy"))
                    .forEach(view -> all.add(SafetensorsWriter.Entry.of(view)));
            SafetensorsWriter.write(second, Map.of(), all);
        }
        assertThat(verify("--model", model.toString(), "--golden", second.toString(), "--engine", "cpu")).as(err.toString()).isZero();
    }

    @Test
    void aDifferenceBeyondWhatIsAllowedEndsInOne() throws IOException {
        Path model = model();
        Path file = temporary.resolve("other.safetensors");
        try (SafetensorsFile inputs = SafetensorsFile.open(model.resolve("golden.safetensors"))) {
            SafetensorsWriter.write(file, Map.of(), List.of(SafetensorsWriter.Entry.of(inputs.tensors().get("input_ids")),
                    SafetensorsWriter.Entry.of("logits", new long[] {2, 6, TinyModel.VOCAB},
                            new float[12 * TinyModel.VOCAB])));
        }
        assertThat(verify("--model", model.toString(), "--golden", file.toString())).isEqualTo(Main.FAILED);
        assertThat(out.toString()).contains("TOO FAR");
        assertThat(err.toString()).contains("outputs are further from", "logits");
    }

    @Test
    void whatIsMissingOrWrongIsOneLine() throws IOException {
        Path model = model();
        assertThat(verify("--model", temporary.resolve("nowhere").toString())).isEqualTo(Main.FAILED);
        assertThat(err.toString().lines()).hasSize(1).first().asString().contains("nowhere", "no such file or directory");
        assertThat(verify("--model", model.toString(), "--golden", temporary.resolve("none.safetensors").toString())).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("none.safetensors", "--golden");
        assertThat(verify("--model", model.toString(), "--engine", "gpu")).isEqualTo(Main.WRONG_USAGE);
    }
}
