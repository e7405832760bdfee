package dev.zhulong.serve;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.serve.ServedModel.Route;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** A real model of random weights on the CPU engine, with two adapters, and all that serves it. */
final class TinyModel implements AutoCloseable {
    static final int CONTEXT = 1024;
    private static final int VOCAB = 400;
    private static final List<String> CONTROL = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");

    final CpuEngine engine;
    final Tokenizer tokenizer;
    final ServedModel served;

    TinyModel(Path directory, SchedulerOptions scheduling) throws IOException {
        if (!Files.exists(directory.resolve(ModelDirectory.CONFIG))) {
            write(directory);
        }
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            engine = CpuEngine.load(files, Optional.empty(), CpuOptions.of(1));
            tokenizer = HuggingFaceTokenizer.load(directory);
            served = new ServedModel("tiny", tokenizer, ChatTemplate.load(directory), files.generationConfig(), files.eosIds(), "tiny", List.of(new Route(Precision.HIGH, "cpu f32", engine)),
                    scheduling, precision -> null);
        }
    }

    /** Makes the files, which all uses of one directory share. */
    static void write(Path directory) throws IOException {
        var trainer = new BpeTrainer(VOCAB, CONTROL);
        for (int i = 0; i < 30; i++) {
            trainer.add("The lamp number " + i * 31 + " was lit when keeper " + (char) ('a' + i % 26) + " came in, and the harbour could see " + i + " boats. 灯塔亮了。\n");
        }
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings(CONTROL.getFirst(), CONTROL.getFirst(), null, true, CONTEXT));
        var spec = new DecoderSpec(Family.of("llama"), VOCAB, 32, 2, 4, 2, 8, 64, CONTEXT, DecoderSpec.Norm.RMS, 1e-5, DecoderSpec.Activation.SILU, true,
                new DecoderSpec.Rope(10_000, 8, new DecoderSpec.Scaling.None()), true, false, false, false, false, List.of(0, 0), 0, List.of(0));
        try (Decoder model = Decoder.random(spec, 7)) {
            louder(model.parameters().values(), 7);
            NetworkFiles.save(model, directory, StorageType.F32);
            for (int seed = 1; seed <= 2; seed++) {
                try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR), seed)) {
                    louder(adapter.parameters().values(), seed);
                    Path to = Files.createDirectories(directory.resolve("adapter" + seed));
                    adapter.save(to, StorageType.F32);
                }
            }
        }
    }

    /** With numbers large enough that every token matters. */
    private static void louder(Iterable<Tensor> tensors, long seed) {
        var random = new SplittableRandom(seed);
        for (var tensor : tensors) {
            for (long i = 0; tensor.dim() == 2 && i < tensor.elements(); i++) {
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (0.35 * random.nextGaussian()));
            }
        }
    }

    @Override
    public void close() {
        served.close();
        engine.close();
        tokenizer.close();
    }
}
