package dev.zhulong.cli;

import dev.zhulong.formats.FormatException;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.recipe.verify.Verification;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A model held against reference outputs. */
@Command(
        name = "verify",
        description = {
            "Compute what a reference holds from its inputs, in F32, and show how far each tensor and number is from it.",
            "A reference is golden.safetensors (input_ids; where the model has them attention_mask, token_type_ids, labels, or start_positions and"
                    + " end_positions; and the outputs logits, last_hidden_state, start_logits, end_logits, greedy) and golden.json beside it (loss,"
                    + " aux_loss, gradient_norms by weight), as other frameworks give them. Outputs that a reference lacks are computed all the same.",
            "For a model that sees pictures it holds pixel_values, and may hold pooler_output, or image_embeds, text_embeds and logits_per_image. What the"
                    + " model's processor makes of picture0.png, picture1.png, ... beside the reference is compared with pixel_values.",
            "Allowed are 0.0001 for tensors, 0.00001 for losses, and 0.1 %% for norms of gradients; greedy text must be the same.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong verify --model runs/model",
            "  zhulong verify --model runs/model --golden reference.safetensors --engine cpu --out computed.safetensors",
        })
final class VerifyVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory, or GGUF file with --engine cpu.")
    Path model;

    @Option(names = "--golden", paramLabel = "FILE", description = "The reference's safetensors file; its numbers are in the file of the same name that ends"
            + " in .json (default: golden.safetensors beside the model).")
    Path golden;

    @Option(names = "--engine", paramLabel = "NAME", defaultValue = "torch", description = "Engine that computes: torch, also losses and gradients"
            + " (default); or cpu.")
    String engine;

    @Option(names = "--out", paramLabel = "FILE", description = "Safetensors file to write everything that was computed to: tensors in F32, losses and"
            + " gradient_norm.NAME as scalars.")
    Path out;

    @Option(names = "--force", description = "Replace the file of --out if it exists.")
    boolean force;

    @Override
    protected void run() {
        Engine chosen = switch (engine) {
            case "torch" -> Engine.TORCH;
            case "cpu" -> Engine.CPU;
            default -> throw wrongUsage("--engine must be torch or cpu, found " + engine);
        };
        if (Files.notExists(model)) {
            throw new FormatException(model, "no such file or directory: name a model directory or a GGUF file");
        }
        if (chosen == Engine.TORCH && Files.isRegularFile(model)) {
            throw wrongUsage("--engine torch needs a model directory: add --engine cpu for the file " + model);
        }
        if (out != null) {
            Outputs.file(out, force);
        }
        Path reference = golden != null ? golden : (Files.isDirectory(model) ? model : model.toAbsolutePath().getParent()).resolve("golden.safetensors");
        Verification done = Verification.of(model, reference, chosen, out);
        print(done.differences());
        done.notes().forEach(out()::println);
        if (done.differences().stream().noneMatch(Verification.Line::compared)) {
            out().println("Nothing was compared: " + reference + " holds inputs alone.");
        }
        if (!done.holds()) {
            List<String> wrong = done.differences().stream().filter(line -> !line.holds()).map(Verification.Line::name).toList();
            throw new IllegalArgumentException(wrong.size() + " of " + done.differences().size() + " outputs are further from " + reference
                    + " than allowed: " + wrong.stream().limit(5).collect(Collectors.joining(", ")) + (wrong.size() > 5 ? ", …" : ""));
        }
    }

    private void print(List<Verification.Line> lines) {
        int width = lines.stream().mapToInt(line -> line.name().length()).max().orElse(0);
        for (Verification.Line line : lines) {
            String name = line.name() + " ".repeat(width - line.name().length());
            out().println(!line.compared() ? name + "  computed; not in the reference"
                    : String.format(Locale.ROOT, "%s  difference %.2e, allowed %.0e%s", name, line.largest(), line.allowed(), line.holds() ? "" : "  TOO FAR"));
        }
    }
}
