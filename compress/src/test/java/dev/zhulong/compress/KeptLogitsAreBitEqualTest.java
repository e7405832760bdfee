package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.compress.prune.VocabularyTrim;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.text.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A model without tokens that a text does not need computes of that text what the whole model does. */
class KeptLogitsAreBitEqualTest {
    private static final List<String> TEXTS = List.of("The lamp number 7 was lit.\n");

    @TempDir
    Path temporary;

    @ParameterizedTest
    @CsvSource({"llama, true", "llama, false", "qwen3, true", "gpt2, true", "mistral, false"})
    void ofEveryRow(Family family, boolean tied) throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(family, 128, 256, tied));
        VocabularyTrim trim = VocabularyTrim.of(model, TEXTS, Progress.SILENT);
        assertThat(trim.after()).isBetween(257, 299);
        Path out = temporary.resolve("out");
        VocabularyTrim.Written written = trim.write(out);
        assertThat(written.bytesAfter()).isLessThan(written.bytesBefore());
        try (ModelDirectory small = ModelDirectory.open(out)) {
            assertThat(small.spec().tiedEmbeddings()).isEqualTo(tied);
            assertThat(small.tensors()).as("a tied head is one tensor, once").doesNotContainKey(tied ? "lm_head.weight" : "none");
            assertThat(small.spec().vocabSize()).isEqualTo(trim.after());
        }
        assertThat(Provenance.read(out).stage()).isEqualTo("prune");
        compare(model, out, trim, TEXTS.getFirst());
    }

    private static void compare(Path model, Path out, VocabularyTrim trim, String text) {
        try (var whole = HuggingFaceTokenizer.load(model); var small = HuggingFaceTokenizer.load(out)) {
            int[] ids = whole.encode(text);
            int[] now = small.encode(text);
            int[] old = trim.oldIds();
            assertThat(Arrays.stream(now).map(id -> old[id])).containsExactly(IntStream.of(ids).boxed().toArray(Integer[]::new));
            int most = Math.min(60, ids.length);
            assertThat(logits(out, Arrays.copyOf(now, most))).isEqualTo(kept(logits(model, Arrays.copyOf(ids, most)), most, old));
            // products of another width add in another order in libtorch
            float[] expected = kept(torch(model, Arrays.copyOf(ids, most)), most, old);
            float[] found = torch(out, Arrays.copyOf(now, most));
            for (int i = 0; i < found.length; i++) {
                assertThat(found[i]).isCloseTo(expected[i], within(1e-4f));
            }
        }
    }

    /** Of logits [positions, rows] those of the kept rows, in the order of their new ids. */
    private static float[] kept(float[] logits, int positions, int[] old) {
        int rows = logits.length / positions;
        float[] kept = new float[positions * old.length];
        for (int i = 0; i < kept.length; i++) {
            kept[i] = logits[i / old.length * rows + old[i % old.length]];
        }
        return kept;
    }

    private static float[] logits(Path model, int[] ids) {
        try (ModelDirectory directory = ModelDirectory.open(model);
                CpuEngine engine = CpuEngine.load(directory, Optional.empty(), CpuOptions.of(1));
                KvCache cache = engine.newCache(ids.length)) {
            return engine.forward(List.of(new Span(cache, ids)), true).getFirst();
        }
    }

    private static float[] torch(Path model, int[] ids) {
        try (Decoder decoder = DecoderFiles.load(model); var scope = TensorScope.open(); var off = NoGrad.open()) {
            return decoder.logits(Tensor.of(ids, 1, ids.length)).toFloats();
        }
    }

    @Test
    void ofThePublishedStoryTeller() throws IOException {
        Path shared = Path.of(System.getProperty("zhulong.root", "..")).toAbsolutePath().normalize().resolveSibling("shared");
        Path model = shared.resolve("assets/stories15M");
        Assumptions.assumeTrue(Files.exists(model), "skipped: shared/assets/stories15M is not there");
        String text = Files.readString(shared.resolve("assets/data/stories.sampled.txt"));
        VocabularyTrim trim = VocabularyTrim.of(model, List.of(text), Progress.SILENT);
        Path out = temporary.resolve("out");
        VocabularyTrim.Written written = trim.write(out);
        assertThat(written.bytesAfter()).isLessThan(written.bytesBefore() / 2);
        VocabularyTrim.Price price = trim.price(List.of(text));
        assertThat(price.tokensMissing()).isZero();
        assertThat(price.tokensAfter()).isEqualTo(price.tokensBefore());
        compare(model, out, trim, text.substring(0, 400));
        VocabularyTrim.Price other = trim.price(List.of("Thermodynamics \u4f60\u597d"));
        assertThat(other.tokensMissing()).isPositive();
        assertThat(other.tokensAfter()).isGreaterThan(other.tokensBefore());
    }

    @Test
    void idsInConfigurationsAreTheNewOnes() throws IOException {
        DecoderSpec spec = SmallModels.spec(Family.of("llama"), 128, 256, true);
        Path model = SmallModels.write(temporary.resolve("model"), spec);
        Files.writeString(model.resolve("generation_config.json"), """
                {"eos_token_id": [0, 298], "pad_token_id": 299, "bos_token_id": 0, "suppress_tokens": [5, 290], "bad_words_ids": [[7, 8], [291]], "temperature": 0.5}""");
        VocabularyTrim trim = VocabularyTrim.of(model, List.of("lit"), Progress.SILENT);
        Path out = temporary.resolve("out");
        trim.write(out);
        int last = trim.after() - 1;
        assertThat(trim.oldIds()).contains(298, 299).doesNotContain(290, 291);
        assertThat(Files.readString(out.resolve("generation_config.json")).replaceAll("\\s", "")).contains("\"eos_token_id\":[0," + (last - 1) + "]")
                .contains("\"pad_token_id\":" + last).contains("\"suppress_tokens\":[5]").contains("\"bad_words_ids\":[[7,8]]").contains("\"temperature\":0.5");
        assertThat(Files.readString(out.resolve("chat_template.jinja"))).isEqualTo(SmallModels.TEMPLATE);
    }

    @Test
    void whatWasThereStaysWhereItCannotBeDone() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 128, 256, true));
        Path mine = Files.createDirectories(temporary.resolve("mine"));
        Files.writeString(mine.resolve("notes.txt"), "precious");
        VocabularyTrim trim = VocabularyTrim.of(model, TEXTS, Progress.SILENT);
        assertThatThrownBy(() -> trim.write(mine)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("mine");
        assertThat(mine.resolve("notes.txt")).hasContent("precious");
        Path quantized = temporary.resolve("int4");
        new Quantization(model, Precision.Q4, quantized, false, 1, Progress.SILENT).run();
        assertThatThrownBy(() -> VocabularyTrim.of(quantized, TEXTS, Progress.SILENT)).hasMessageContaining("is quantized");
        assertThatThrownBy(() -> VocabularyTrim.of(temporary.resolve("a.gguf"), TEXTS, Progress.SILENT)).hasMessageContaining("no model directory");
        Files.writeString(model.resolve("generation_config.json"), "{\"forced_decoder_ids\": [[1, 2]]}");
        assertThatThrownBy(() -> trim.write(temporary.resolve("none"))).hasMessageContaining("forced_decoder_ids");
        try (Stream<Path> left = Files.list(temporary)) {
            assertThat(left.map(path -> path.getFileName().toString())).containsExactlyInAnyOrder("model", "mine", "int4");
        }
    }

    @Test
    void theResultQuantizes() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 128, 256, true));
        Path out = temporary.resolve("out");
        VocabularyTrim.of(model, TEXTS, Progress.SILENT).write(out);
        var done = new Quantization(out, Precision.Q8_0, temporary.resolve("out.gguf"), false, 1, Progress.SILENT).run();
        assertThat(done.bytesAfter()).isLessThan(done.bytesBefore());
    }
}
