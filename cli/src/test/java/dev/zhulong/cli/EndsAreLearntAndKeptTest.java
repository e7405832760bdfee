package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From fine-tuning through every verb that makes another file of the result: EOS is id 0, a turn ends with id 1. */
class EndsAreLearntAndKeptTest {
    @TempDir
    Path temporary;

    private Path base() throws IOException {
        Path base = TinyModel.write(temporary.resolve("base"));
        var trainer = new BpeTrainer(TinyModel.VOCAB, List.of("<|endoftext|>", "<|turn|>"));
        IntStream.range(0, 20).forEach(i -> trainer.add(TinyModel.text(i)));
        TokenizerJson.write(base, trainer.train(), new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", null, true, TinyModel.CONTEXT));
        Files.writeString(base.resolve("chat_template.jinja"), "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<|turn|>' + '\\n' }}"
                + "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}");
        return base;
    }

    @Test
    void inAdaptersMergedAndQuantizedModels() throws IOException {
        Path base = base();
        Path rows = Files.write(temporary.resolve("rows.jsonl"), IntStream.range(0, 12).mapToObj(i -> "{\"instruction\": \"ask " + i
                + "\", \"output\": \"lit\"}").toList());
        Path adapter = temporary.resolve("adapter");
        Cli tuned = Cli.run("finetune", "--model", base, "--data", rows, "--steps", 100, "--batch", 4, "--seq", 48, "--lr", "3e-2", "--rank", 8,
                "--out", adapter).done();
        assertThat(tuned.out()).isEqualTo(adapter + System.lineSeparator());
        try (var files = ModelFiles.open(base, adapter, EngineChoice.DEFAULT.withThreads(1), step -> { })) {
            assertThat(files.eosIds()).containsExactly(0, 1);
        }
        Path merged = temporary.resolve("merged");
        Cli.run("merge", "--model", base, "--adapter", adapter, "--out", merged).done();
        Path gguf = temporary.resolve("merged.gguf");
        Cli.run("quantize", "--model", merged, "--to", "q8_0", "--no-measure", "--out", gguf).done();
        try (GgufModel model = GgufModel.open(gguf)) {
            assertThat(model.spec().eosIds()).containsExactly(0, 1);
            assertThat(model.file().metadata().tokenId("tokenizer.ggml.eot_token_id", TinyModel.VOCAB)).hasValue(1);
        }
        Path int4 = temporary.resolve("int4");
        Cli.run("quantize", "--model", merged, "--to", "q4", "--no-measure", "--out", int4).done();
        assertThat(GenerationConfig.eosIdsIn(int4)).containsExactly(0, 1);
    }
}
