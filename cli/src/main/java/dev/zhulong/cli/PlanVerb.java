package dev.zhulong.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.cost.Precision;
import dev.zhulong.recipe.plan.Hardware;
import dev.zhulong.recipe.plan.PlanText;
import dev.zhulong.recipe.plan.Shapes;
import dev.zhulong.recipe.plan.Strategy;
import dev.zhulong.recipe.plan.TrainingPlan;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What a training would take, before anybody pays for it. */
@Command(
        name = "plan",
        description = {
            "Compute what a training would take, without running it: memory of a rank by component and phase under each strategy, work, time, traffic, energy and price. "
                    + "The same formulas refuse a job that does not fit before it starts.",
            "The shape is a published one by name, the config.json of a model directory, or sizes of your own; no weights are read.",
            "Strategies are ddp (each device holds all; with one device, no more than that device) and ZeRO's stages, which share out masters and moments (zero1), gradients as "
                    + "well (zero2) and weights as well (zero3). 'auto' compares them all and chooses the one that fits and ends first, of equals the simplest. "
                    + "train-cluster runs all of them.",
            "Every assumption is printed. CO2 is computed only with --grid: no factor is assumed.",
        },
        footer = {
            "", "Examples:",
            "  zhulong plan --model layers=12,hidden=768,vocab=24000 --tokens 300M",
            "  zhulong plan --model gpt3-175b --tokens 300B --devices 1024 --device a100-80gb \\",
            "      --step-tokens 3.2M --price 2 --grid 400",
            "  zhulong plan --model llama-2-7b --tokens 2T --devices 512 --device a100-80gb \\",
            "      --seq 4096 --mfu 0.39 --json",
            "  zhulong plan --model my-model --tokens 10M --method lora --device h100",
            "  zhulong plan --model llama-3-8b --tokens 1B --devices 8 \\",
            "      --device flops=90e12,half=180e12,memory=24e9,link=3e9,watts=350"
        })
final class PlanVerb extends Verb {
    private static final Pattern COUNT = Pattern.compile("(\\d+(?:\\.\\d+)?)([kMBT]?)");
    private static final int LONGEST_BY_DEFAULT = 2048;
    private static final int MOST_DEVICES = 1 << 20;

    @Option(names = "--model", required = true, paramLabel = "SHAPE|DIR", description = "Published shape, directory of a model or its config.json, or sizes: layers and hidden, and "
            + "as needed heads, kv-heads, ffn, vocab, context, tied, experts, chosen, family. An unknown name lists the published ones.")
    String model;

    @Option(names = "--tokens", required = true, paramLabel = "N", description = "Number of tokens to train on, such as 300M, 15B or 1.4T.")
    String tokens;

    @Option(names = "--devices", paramLabel = "N", description = "Number of devices that train together, one rank each (default: ${DEFAULT-VALUE}).")
    int devices = 1;

    @Option(names = "--device", paramLabel = "DEVICE", description = "Device: cpu (this machine, measured now), a name with published figures (an unknown one lists them), or your own "
            + "figures: flops, half, memory, bandwidth, link, watts in FLOP/s, bytes, bytes a second and watts (default: ${DEFAULT-VALUE}).")
    String device = Hardware.CPU;

    @Option(names = "--strategy", paramLabel = "NAME", description = "Strategy: ddp, zero1, zero2, zero3, or auto to choose (default: ${DEFAULT-VALUE}).")
    String strategy = "auto";

    @Option(names = "--precision", paramLabel = "NAME", description = "Precision: fp32; mixed, 16 bits with F32 masters and gradients, 18 bytes a parameter; or mixed16, with gradients in 16 bits, "
            + "16 bytes (default: mixed where the device is faster with it, else fp32).")
    String precision;

    @Option(names = "--method", paramLabel = "NAME", description = "What is trained: full, lora or qlora (default: ${DEFAULT-VALUE}).")
    String method = "full";

    @Option(names = "--rank", paramLabel = "R", description = "Rank of the adapter, on every projection (default: ${DEFAULT-VALUE}).")
    int rank = 16;

    @Option(names = "--batch", paramLabel = "ROWS", description = "Number of rows that a device takes at once (default: the largest power of two that fits, up to 16,384 tokens).")
    long batch;

    @Option(names = "--seq", paramLabel = "N", description = "Number of tokens in a row; of an encoder–decoder, in either text (default: the model's context, at most 2048).")
    int seq;

    @Option(names = "--step-tokens", paramLabel = "N", description = "Number of tokens in a step on all devices together, such as 4M (default: one batch on each device).")
    String stepTokens;

    @Option(names = "--recompute", negatable = true, description = "Run blocks again in backward instead of keeping what they computed, or never do (default: where it is needed).")
    Boolean recompute;

    @Option(names = "--mfu", paramLabel = "X", description = "Share of the peak that the model's own work reaches, from 0 to 1, what is computed twice not counted (default: 0.4 of a "
            + "published peak, what is computed twice counted; of cpu, from its measured speeds).")
    double utilization;

    @Option(names = "--link", paramLabel = "GB/S", description = "Gigabytes a second that a device sends to the others (default: its published network port; of cpu 1.25, ten gigabits).")
    double link;

    @Option(names = "--price", paramLabel = "N", description = "Price of an hour of a device, in any currency.")
    double price;

    @Option(names = "--watts", paramLabel = "N", description = "Power that a device draws (default: the published maximum; of cpu and your own nothing is assumed).")
    double watts;

    @Option(names = "--pue", paramLabel = "X", description = "Energy of the whole building over that of the devices (default: ${DEFAULT-VALUE}).")
    double pue = 1;

    @Option(names = "--grid", paramLabel = "G", description = "Grams of CO2 equivalents a kilowatt-hour of the grid. Without it no CO2 is computed.")
    double grid;

    @Option(names = "--json", description = "Print one JSON object: bytes, seconds and operations.")
    boolean json;

    @Override
    protected void run() throws IOException {
        TrainingPlan plan = TrainingPlan.of(request());
        if (json) {
            out().println(new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(PlanText.json(plan)));
        } else {
            PlanText.lines(plan).forEach(out()::println);
        }
    }

    private TrainingPlan.Request request() {
        if (devices < 1 || devices > MOST_DEVICES) {
            throw wrongUsage("--devices must be 1 to " + MOST_DEVICES + ", found " + devices);
        }
        if (seq < 0 || batch < 0 || rank < 1) {
            throw wrongUsage("--seq, --batch and --rank must be positive, found " + seq + ", " + batch + " and " + rank);
        }
        if (!(utilization >= 0 && utilization <= 1)) {
            throw wrongUsage("--mfu is a share from 0 to 1, found " + utilization);
        }
        if (!(price >= 0 && watts >= 0 && grid >= 0 && link >= 0 && pue >= 1)) {
            throw wrongUsage("--price, --watts, --grid and --link must not be negative, and --pue must be at least 1");
        }
        Shapes.Shape shape = Shapes.read(model);
        Hardware hardware = Hardware.read(device).with(link * 1e9, watts);
        Method trained = method();
        long adapter = trained == Method.FULL ? 0 : LoraAdapter.count(shape.spec(), LoraConfig.of(rank, 2 * rank, LoraConfig.ALL_LINEAR));
        int row = seq > 0 ? seq : Math.min(LONGEST_BY_DEFAULT, shape.spec().stack().contextLength());
        return new TrainingPlan.Request(shape, trained, adapter, row, count("--tokens", tokens), devices, hardware, strategies(), precision(hardware), batch,
                stepTokens == null ? 0 : count("--step-tokens", stepTokens), Optional.ofNullable(recompute), utilization, price, pue, grid);
    }

    private double count(String option, String text) {
        Matcher found = COUNT.matcher(text);
        double value = found.matches() ? Double.parseDouble(found.group(1)) * Math.pow(1000, "kMBT".indexOf(found.group(2)) + (found.group(2).isEmpty() ? 0 : 1)) : 0;
        if (value < 1) {
            throw wrongUsage(option + ": expected a number of tokens such as 500k, 2M, 15B or 1.4T; found '" + text + "'");
        }
        return value;
    }

    private List<Strategy> strategies() {
        if (strategy.equals("auto")) {
            return devices == 1 ? List.of(Strategy.DDP) : List.of(Strategy.values());
        }
        return List.of(List.of(Strategy.values()).stream().filter(s -> s.toString().equals(strategy)).findFirst()
                .orElseThrow(() -> wrongUsage("--strategy is auto, ddp, zero1, zero2 or zero3, found '" + strategy + "'")));
    }

    private Precision precision(Hardware hardware) {
        if (precision == null) {
            return hardware.half() > hardware.fp32() ? Precision.MIXED : Precision.FP32;
        }
        return switch (precision) {
            case "fp32" -> Precision.FP32;
            case "mixed" -> Precision.MIXED;
            case "mixed16" -> Precision.MIXED_16;
            default -> throw wrongUsage("--precision is fp32, mixed or mixed16, found '" + precision + "'");
        };
    }

    private Method method() {
        return switch (method) {
            case "full", "lora", "qlora" -> Method.valueOf(method.toUpperCase(Locale.ROOT));
            default -> throw wrongUsage("--method is full, lora or qlora, found '" + method + "'");
        };
    }
}
