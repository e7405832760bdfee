package dev.zhulong.cli;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A whole model directory with random weights and a tokenizer of 300 tokens; id 0 begins and ends sequences. */
final class TinyModel {
    static final int VOCAB = 300;
    static final int CONTEXT = 64;

    private TinyModel() {}

    static Path write(Path directory) throws IOException {
        Files.createDirectories(directory);
        var trainer = new BpeTrainer(VOCAB, List.of("<|endoftext|>"));
        for (int i = 0; i < 20; i++) {
            trainer.add(text(i));
        }
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", null, true, CONTEXT));
        var spec = new DecoderSpec(Family.of("llama"), VOCAB, 32, 2, 4, 2, 8, 64, CONTEXT, DecoderSpec.Norm.RMS, 1e-5,
                DecoderSpec.Activation.SILU, true, new DecoderSpec.Rope(10_000, 8, new DecoderSpec.Scaling.None()), true, false, false, false,
                false, List.of(0, 0), 0, List.of(0));
        try (Decoder model = Decoder.random(spec, 7)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        return directory;
    }

    /** Text number {@code i}: some sentences with something of its own. */
    static String text(int i) {
        var text = new StringBuilder();
        for (int j = 0; j <= i % 5 + 2; j++) {
            text.append("The lamp number ").append(i * 31 + j * 7).append(" was lit when keeper ").append((char) ('a' + i)).append(" came in, ")
                    .append("and the harbour could see ").append(i + j).append(" boats.\n");
        }
        return text.toString();
    }
}
