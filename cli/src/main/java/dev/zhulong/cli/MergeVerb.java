package dev.zhulong.cli;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.recipe.MergeJob;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** An adapter folded into its model. */
@Command(
        name = "merge",
        description = {
            "Merge a LoRA adapter into the model it was made for, and write a model that needs no adapter.",
            "The weights are added in F32. A merge is refused when rounding to the stored type would erase most of what the adapter "
                    + "changed.",
        },
        footer = {
            "", "Examples:",
            "  zhulong merge --model my-model --adapter my-adapter --out merged",
            "  zhulong merge --model my-model --adapter my-adapter --type bf16 --out merged",
            "  zhulong merge --model BERT --adapter my-classifier --out merged        the head comes with the adapter"
        })
final class MergeVerb extends Verb {
    /** What weights may be stored in. */
    enum Type { F32, BF16, F16 }

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model that the adapter was made for, in the Hugging "
            + "Face layout.")
    Path model;

    @Option(names = "--adapter", required = true, paramLabel = "DIR", description = "Directory of the adapter, with adapter_config.json "
            + "and adapter_model.safetensors, as PEFT writes them.")
    Path adapter;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the merged model to.")
    Path out;

    @Option(names = "--type", paramLabel = "TYPE", description = "Storage type of the merged weights: f32, bf16 or f16 (default: f32).")
    Type type = Type.F32;

    @Option(names = "--force", description = "Write into --out even if it is not empty.")
    boolean force;

    @Override
    protected void run() {
        Outputs.directory(out, force);
        LoraAdapter.notice(adapter, network()).ifPresent(notice -> err().println("[" + notice + "]"));
        MergeJob.Result result = MergeJob.run(model, adapter, out, StorageType.valueOf(type.name()));
        out().printf(Locale.ROOT, "%d weights changed, by at most %.2e%n", result.tensors(), result.largest());
        out().printf(Locale.ROOT, "the adapter moves logits by up to %.4g; merged and unmerged differ by at most %.2e%n", result.adapted(),
                result.merged());
        out().println(out + ": the merged model");
    }

    /** An encoder's weights are called by the head that it has with the adapter. */
    private NetworkSpec network() {
        NetworkSpec own = ModelDirectory.readNetwork(MergeJob.network(model));
        if (!(own instanceof EncoderSpec)) {
            return own;
        }
        try (ModelDirectory adapted = ModelDirectory.open(MergeJob.network(model), Optional.of(adapter))) {
            return adapted.network();
        }
    }
}
