package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.compress.Precision;
import dev.zhulong.compress.Quantization;
import dev.zhulong.edge.EdgeModel;
import dev.zhulong.edge.EdgeSampler;
import dev.zhulong.edge.EdgeWriter;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufWriter;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.GgufTokenizer;
import dev.zhulong.text.PreTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The decoder for phones and browsers beside the CPU engine: the same file, the same bits of logits, the same tokens. */
class TheEdgeDecoderComputesTheEnginesBitsTest {
    @TempDir
    static Path temporary;

    private static final List<String> TEXTS = List.of("", " ", "Once upon a time, there was a little girl.", "  two spaces\n\n\tand tabs\r\n", "烛龙 🐉 naïve ΑΒΓ x²", "It's 1234567 o'clock, we'LL see",
            "lone \ud800 surrogate", "<s> </s> <|im_start|>user", "a".repeat(300), "word ".repeat(60), "\u00a0\u3000 \u2028end");

    /** A decoder with random weights, of a shape that all types of blocks divide. */
    private static Path model(String family, PreTokenizer cut, boolean bias, boolean headNorm, int kvHeads) throws IOException {
        return model(family, cut, bias, headNorm, kvHeads, 64);
    }

    private static Path model(String family, PreTokenizer cut, boolean bias, boolean headNorm, int kvHeads, int hidden) throws IOException {
        Path directory = Files.createDirectories(temporary.resolve(family + cut + hidden));
        if (Files.exists(directory.resolve("config.json"))) {
            return directory;
        }
        var trainer = new BpeTrainer(320, List.of("<|endoftext|>"));
        for (int i = 0; i < 20; i++) {
            trainer.add(TinyModel.text(i));
        }
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", null, true, 128));
        var spec = new DecoderSpec(Family.of(family), 320, hidden, 2, 4, kvHeads, hidden / 4, 2 * hidden, 128, DecoderSpec.Norm.RMS, 1e-6, DecoderSpec.Activation.SILU, true,
                new DecoderSpec.Rope(10_000, hidden / 4, new DecoderSpec.Scaling.None()), kvHeads == 4, bias, false, false, headNorm, List.of(0, 0), 0, List.of(0));
        try (Decoder decoder = Decoder.random(spec, 7)) {
            NetworkFiles.save(decoder, directory, StorageType.F32);
        }
        return directory;
    }

    private static Path quantized(Path model, Precision to) {
        Path gguf = model.resolveSibling(model.getFileName() + "." + to + ".gguf");
        new Quantization(model, to, gguf, false, 1, progress -> { }).run();
        return gguf;
    }

    private static void sameLogits(Path gguf, int[] ids) throws IOException {
        byte[] bytes = Files.readAllBytes(gguf);
        var edge = new EdgeModel(bytes);
        var mapped = new EdgeModel(ByteBuffer.allocateDirect(bytes.length).put(bytes).flip());
        try (GgufModel file = GgufModel.open(gguf); CpuEngine engine = CpuEngine.load(file, CpuOptions.of(1)); var cache = engine.newCache(ids.length)) {
            for (int i = 0; i < ids.length; i++) {
                float[] expected = engine.forward(List.of(new Span(cache, new int[] {ids[i]}))).getFirst();
                assertThat(edge.read(ids[i], true)).as("logits behind token %d of %s", i, gguf.getFileName()).isEqualTo(expected);
                mapped.read(ids[i], i == ids.length - 1);
            }
            edge.reset();
            for (int i = 0; i < ids.length; i++) {
                float[] logits = edge.read(ids[i], i == ids.length - 1);
                assertThat(logits == null).isEqualTo(i < ids.length - 1);
            }
        }
    }

    private static int[] ids(int n, int vocabulary) {
        return new Random(5).ints(n, 0, vocabulary).toArray();
    }

    @ParameterizedTest
    @CsvSource({"F32", "F16", "Q8_0", "Q4_0"})
    void everyTypeGivesTheSameLogits(Precision to) throws IOException {
        sameLogits(quantized(model("llama", PreTokenizer.LLAMA3, false, false, 2), to), ids(100, 320));
    }

    /** In rows of 256 weights and more, also of embeddings and heads beside four bits and two. */
    @ParameterizedTest
    @CsvSource({"Q4_K_M", "Q4_0", "Q2_0"})
    void kQuantsGiveTheSameLogits(Precision to) throws IOException {
        sameLogits(quantized(model("llama", PreTokenizer.LLAMA3, false, false, 2, 256), to), ids(40, 320));
    }

    /** Which quantize keeps to some matrices. */
    @Test
    void twoBitsEverywhereGiveTheSameLogits() throws IOException {
        Path gguf = temporary.resolve("two.gguf");
        try (GgufFile file = GgufFile.open(quantized(model("llama", PreTokenizer.LLAMA3, false, false, 2), Precision.F32))) {
            List<GgufWriter.Entry> entries = new ArrayList<>();
            for (GgufTensor tensor : file.tensors().values()) {
                float[] values = tensor.plain().orElseThrow().toFloats();
                int columns = (int) tensor.shape()[tensor.shape().length - 1];
                if (tensor.shape().length == 1) {
                    entries.add(new GgufWriter.Entry(tensor.name(), GgufType.F32, tensor.shape(), tensor::data));
                    continue;
                }
                var rows = new ByteArrayOutputStream();
                for (int at = 0; at < values.length; at += columns) {
                    rows.writeBytes(Quantiser.row(WeightType.Q2_0, Arrays.copyOfRange(values, at, at + columns), Quantiser.Search.values()[0]));
                }
                entries.add(new GgufWriter.Entry(tensor.name(), GgufType.Q2_0, tensor.shape(), () -> MemorySegment.ofArray(rows.toByteArray())));
            }
            GgufWriter.write(gguf, file.metadata().values(), entries);
        }
        sameLogits(gguf, ids(60, 320));
    }

    @ParameterizedTest
    @CsvSource({"qwen2, true, false, 2", "qwen3, false, true, 4"})
    void everyFamilyGivesTheSameLogits(String family, boolean bias, boolean headNorm, int kvHeads) throws IOException {
        sameLogits(quantized(model(family, PreTokenizer.LLAMA3, bias, headNorm, kvHeads), Precision.Q8_0), ids(70, 320));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Q4_0", "Q8_0"})
    void realWeightsGiveTheSameLogitsTokensAndText(String type) throws IOException {
        Path gguf = Cli.shared("assets/stories15M/stories15M." + type + ".gguf");
        sameLogits(gguf, ids(20, 32_000));
        var edge = new EdgeModel(Files.readAllBytes(gguf));
        try (GgufModel file = GgufModel.open(gguf); CpuEngine engine = CpuEngine.load(file, CpuOptions.of(1)); Tokenizer tokenizer = GgufTokenizer.load(file.file().metadata())) {
            sameIds(edge, tokenizer);
            var generator = new Generator(engine, tokenizer);
            for (SamplerOptions options : List.of(SamplerOptions.GREEDY, SamplerOptions.DEFAULT.withSeed(3), SamplerOptions.DEFAULT.withTemperature(0.8).withTopP(0.95).withSeed(11),
                    SamplerOptions.DEFAULT.withTopK(40).withMinP(0.05).withSeed(4))) {
                var written = new StringBuilder();
                int[] expected = generator.generate(generator.sequence("Once upon a time"), GenerateOptions.of(40, options), written::append).ids();
                var sampler = new EdgeSampler(options.temperature(), options.topK(), options.topP(), options.minP(), options.seed());
                var writer = new EdgeWriter(edge, sampler, edge.tokenizer().sequence("Once upon a time"));
                var bytes = new ByteArrayOutputStream();
                int[] drawn = new int[expected.length];
                for (int i = 0; i < drawn.length; i++) {
                    byte[] piece = writer.next();
                    if (piece != null) {
                        bytes.writeBytes(piece);
                    }
                    drawn[i] = writer.token();
                }
                assertThat(drawn).isEqualTo(expected);
                assertThat(bytes.toString(StandardCharsets.UTF_8)).isEqualTo(written.toString());
            }
        }
    }

    private static void sameIds(EdgeModel edge, Tokenizer tokenizer) {
        for (String text : TEXTS) {
            assertThat(edge.tokenizer().encode(text)).as(text).isEqualTo(tokenizer.encode(text));
            assertThat(edge.tokenizer().encodeWithControl(text)).as("with control tokens: " + text).isEqualTo(tokenizer.encodeWithControl(text));
        }
    }

    @Test
    void byteLevelBpeGivesTheSameIds() throws IOException {
        Path gguf = quantized(model("llama", PreTokenizer.LLAMA3, false, false, 2), Precision.Q8_0);
        try (GgufModel file = GgufModel.open(gguf); Tokenizer tokenizer = GgufTokenizer.load(file.file().metadata())) {
            sameIds(new EdgeModel(Files.readAllBytes(gguf)), tokenizer);
        }
    }

    @Test
    void publishedVocabulariesGiveTheSameIds() throws IOException {
        for (String name : List.of("gpt2", "qwen2_5")) {
            Path published = Cli.shared("assets/tokenizers/" + name);
            Path directory = Files.createDirectories(temporary.resolve(name));
            for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
                if (Files.exists(published.resolve(file))) {
                    Files.copy(published.resolve(file), directory.resolve(file));
                }
            }
            int rows = name.equals("gpt2") ? 50_257 : 151_665;
            var spec = new DecoderSpec(Family.of("llama"), rows, 16, 1, 2, 2, 8, 16, 64, DecoderSpec.Norm.RMS, 1e-6, DecoderSpec.Activation.SILU, true,
                    new DecoderSpec.Rope(10_000, 8, new DecoderSpec.Scaling.None()), true, false, false, false, false, Collections.nCopies(1, 0), -1, List.of());
            try (Decoder decoder = Decoder.random(spec, 7)) {
                NetworkFiles.save(decoder, directory, StorageType.F32);
            }
            Path gguf = quantized(directory, Precision.F16);
            try (GgufModel file = GgufModel.open(gguf); Tokenizer tokenizer = GgufTokenizer.load(file.file().metadata())) {
                sameIds(new EdgeModel(Files.readAllBytes(gguf)), tokenizer);
            }
        }
    }
}
