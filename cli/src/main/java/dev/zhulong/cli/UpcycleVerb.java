package dev.zhulong.cli;

import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.recipe.Upcycle;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A dense model made into a mixture of experts. */
@Command(
        name = "upcycle",
        description = {
            "Turn a dense model into a mixture of experts: each expert begins as a copy of its layer's MLP, the routers are fresh.",
            "Without noise the result computes what the dense model does, until it is trained (zhulong continue).",
        },
        footer = {"", "Examples:", "  zhulong upcycle --model my-model --experts 8 --chosen 2 --out sparse"})
final class UpcycleVerb extends Verb {
    private static final List<String> BESIDE = List.of("tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja",
            "special_tokens_map.json");

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Dense model in the Hugging Face layout: llama, mistral, qwen2, qwen3 or"
            + " granite.")
    Path model;

    @Option(names = "--experts", paramLabel = "N", description = "Number of experts in each layer (default: 8).")
    int experts = 8;

    @Option(names = "--chosen", paramLabel = "K", description = "Number of experts that a token is given to (default: 2).")
    int chosen = 2;

    @Option(names = "--noise", paramLabel = "X", description = "Noise added to the copies, as a share of their standard deviation (default: 0).")
    double noise;

    @Option(names = "--seed", paramLabel = "N", description = "Random seed of the routers and the noise (default: 1).")
    long seed = 1;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the new model to.")
    Path out;

    @Option(names = "--force", description = "Write into --out even if it is not empty.")
    boolean force;

    @Override
    protected void run() {
        Outputs.directory(out, force);
        try (Decoder dense = DecoderFiles.load(model); Decoder sparse = Upcycle.of(dense, experts, chosen, noise, seed)) {
            Files.createDirectories(out);
            NetworkFiles.save(sparse, out, StorageType.F32);
            for (String name : BESIDE) {
                if (Files.isRegularFile(model.resolve(name))) {
                    Files.copy(model.resolve(name), out.resolve(name), StandardCopyOption.REPLACE_EXISTING);
                }
            }
            out().println(out + ": " + sparse.spec().family().modelType() + " with " + experts + " experts a layer, " + sparse.count() + " weights (dense: "
                    + dense.count() + ")");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + out, e);
        }
    }
}
