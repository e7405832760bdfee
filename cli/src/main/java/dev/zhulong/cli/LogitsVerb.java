package dev.zhulong.cli;

import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.ModelFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Logits of given token ids, for comparing with another implementation. */
@Command(
        name = "logits",
        description = {
            "Run a model over token ids and write the logits after each of them.",
            "The file is in safetensors format with one F32 tensor `logits` of shape [T, V]: a row for each of the T ids, a column for "
                    + "each of the V rows of the head. Use it to compare Zhulong with another implementation.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong logits --model my-model --ids 1,9038,2501 --out logits.safetensors",
            "  zhulong logits --model model.Q8_0.gguf --ids 1,9038,2501 --out logits.safetensors",
            "  zhulong logits --model my-model --ids \"$(zhulong tokenizer encode --model my-model --bos 'Once upon')\" --out"
                    + " l.safetensors",
        })
final class LogitsVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or a GGUF file.")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to apply to the model, in PEFT's format.")
    Path adapter;

    @Option(names = "--ids", required = true, split = ",", paramLabel = "ID",
            description = "Token ids, separated by commas, used as they are (no BOS is added).")
    List<Integer> ids;

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "Safetensors file to write.")
    Path out;

    @Mixin
    EngineOptions engine;

    @Option(names = "--force", description = "Replace the file if it exists.")
    boolean force;

    @Override
    protected void run() {
        engine.check(List.of(model), adapter);
        Outputs.file(out, force);
        int[] tokens = ids.stream().mapToInt(Integer::intValue).toArray();
        try (ModelFiles files = engine.open(model, adapter, Engine.TORCH)) {
            int vocab = files.spec().vocabSize();
            int context = files.context();
            if (tokens.length > context) {
                throw new IllegalArgumentException(tokens.length + " ids do not fit the model's context of " + context + " tokens");
            }
            if ((long) tokens.length * vocab > Integer.MAX_VALUE - 8) {
                throw new IllegalArgumentException("the logits of " + tokens.length + " ids are too many for one array: give at most "
                        + Integer.MAX_VALUE / vocab);
            }
            try (LanguageModel loaded = files.loadEngine(tokens.length);
                    var cache = loaded.newCache(tokens.length)) {
                float[] logits = loaded.forward(List.of(new Span(cache, tokens)), true).getFirst();
                SafetensorsWriter.write(out, Map.of(),
                        List.of(SafetensorsWriter.Entry.of("logits", new long[] {tokens.length, vocab}, logits)));
            }
            out().printf("%s: logits F32 [%d, %d]%n", out, tokens.length, vocab);
        }
    }
}
