package dev.zhulong.recipe.plan;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.TrainingMemory;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.recipe.cost.Precision;
import dev.zhulong.recipe.plan.TrainingPlan.Option;
import dev.zhulong.recipe.plan.TrainingPlan.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A plan in words, and in JSON with the same figures; every assumption stands among them. */
public final class PlanText {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private PlanText() {}

    private static String text(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    private static String bytes(double bytes) {
        return Sizes.memory((long) bytes);
    }

    /** With a digit more from a terabyte on, where sums of 16 and of 18 bytes are told apart. */
    private static String exact(double bytes) {
        return bytes < 999.5e9 ? bytes(bytes) : text("%.2f TB", bytes * 1e-12);
    }

    /** A line each. */
    public static List<String> lines(TrainingPlan plan) {
        Request r = plan.request();
        NetworkSpec spec = r.shape().spec();
        List<String> lines = new ArrayList<>();
        long all = r.shape().counts().all();
        lines.add(text("%s: %,d parameters (%s; %d layers, hidden size %,d, vocabulary %,d; %s)", r.shape().name(), all, spec.family().modelType(),
                Formulas.layers(spec).size(), spec.stack().hiddenSize(), spec.vocabSize(), r.shape().source()));
        if (Formulas.layers(spec).stream().anyMatch(layer -> layer.mlp() instanceof Mlp.Experts)) {
            lines.add(text("  a token meets %,.0f of them; all of them take memory", Formulas.active(spec)));
        }
        lines.add(r.method() == Method.FULL ? "  all of them are trained" : text("  trained: an adapter of %,d parameters (%s)", r.adapter(), r.method().name().toLowerCase(Locale.ROOT)));
        lines.add(state(plan, Precision.MIXED_16, "16 bits for weights and gradients, F32 masters and moments; or all F32 without masters"));
        lines.add(state(plan, Precision.MIXED, "the same with gradients in F32"));
        lines.add("");
        lines.add(text("memory of a rank, %d %s of %s (%s):", r.devices(), r.devices() == 1 ? "device" : "devices", bytes(r.device().memory()), r.device().name()));
        table(plan, lines);
        lines.add("");
        plan.chosen().ifPresentOrElse(chosen -> chosen(plan, chosen, lines), () -> lines.add("nothing fits: " + plan.remedy()));
        lines.add("");
        lines.add("assumed:");
        assumptions(plan).forEach(line -> lines.add("  " + line));
        return lines;
    }

    private static String state(TrainingPlan plan, Precision precision, String words) {
        double state = plan.state(precision);
        return text("  state at %d B a trained parameter: %s, 1/%,d of it %s (%s)", precision.state(), exact(state), plan.request().devices(),
                exact(state / plan.request().devices()), words);
    }

    private static void table(TrainingPlan plan, List<String> lines) {
        lines.add(text("  %-6s %-5s %6s %9s %9s %9s %9s %11s %9s %9s %9s %9s %9s | %9s %9s %9s  %s", "", "again", "batch", "weights", "gradients", "masters", "moments", "activations",
                "block", "gathered", "exchange", "head", "process", "forward", "backward", "update", ""));
        for (Option o : plan.options()) {
            TrainingMemory m = o.memory();
            double process = plan.request().device().framework();
            lines.add(text("  %-6s %-5s %6d %9s %9s %9s %9s %11s %9s %9s %9s %9s %9s | %9s %9s %9s  %s", o.strategy(), m.recompute() ? "yes" : "no", m.rows(),
                    bytes((double) m.weights() + m.adapterWeights()), bytes(m.gradients()), bytes(m.masters()), bytes(m.moments()), bytes(m.kept()), bytes(m.working()),
                    bytes((double) m.gathered() + m.outside()), bytes(m.exchanged()), bytes(m.head()), bytes(process), bytes(m.forward() + process), bytes(m.backward() + process), bytes(m.update() + process),
                    o.fits() ? "fits" : "does not fit"));
        }
        TrainingMemory first = plan.options().getFirst().memory();
        if (plan.request().device().isHere()) {
            first.fromDisk().ifPresent(disk -> lines.add(text("  from the disk (pretrain --memory), batch %d: %s of memory at least, the process included; %s of disk; a step of one batch reads and writes %s",
                    first.rows(), bytes(disk.memory()), bytes(disk.disk()), bytes(disk.moved()))));
        }
    }

    private static void chosen(TrainingPlan plan, Option o, List<String> lines) {
        Request r = plan.request();
        lines.add(text("chosen: %s%s, %d %s of %,d tokens on each device%s; %s", o.strategy(), o.memory().recompute() ? " with blocks run again in backward" : "",
                o.memory().rows(), o.memory().rows() == 1 ? "row" : "rows", r.seq(), o.microBatches() == 1 ? "" : text(", %,d times a step", o.microBatches()),
                plan.options().stream().filter(Option::fits).count() == 1 ? "the only one that fits" : "it fits, and none that fits ends sooner"));
        lines.add(text("  work      %.3g FLOP, %.3g a token%s", plan.flops(), r.flopsPerToken(),
                o.memory().recompute() ? text(" and %.3g again", Formulas.flopsAgain(r.shape().spec(), r.seq())) : ""));
        lines.add(text("  step      %,.0f tokens in %s; %,.0f tokens/s on all devices; %,.0f steps", o.tokensPerStep(), duration(o.stepSeconds()),
                o.tokensPerStep() / o.stepSeconds(), o.steps()));
        if (r.devices() > 1) {
            lines.add(text("  traffic   %s a rank and step, %s on the wire, %s", bytes(o.traffic()), duration(o.wireSeconds()),
                    o.wireSeconds() > o.computeSeconds() ? "which is what the step waits for" : text("behind %s of computing", duration(o.computeSeconds()))));
        }
        lines.add(text("  time      %s, %s device-hours", duration(o.hours() * 3600), number(plan.deviceHours(o))));
        plan.price(o).ifPresent(price -> lines.add(text("  price     %s", number(price))));
        plan.kilowattHours(o).ifPresent(energy -> lines.add(text("  energy    %s", energy < 1000 ? text("%.3g kWh", energy) : text("%,.1f MWh", energy / 1000))));
        plan.kilogramsOfCo2(o).ifPresent(co2 -> lines.add(text("  CO2       %s", co2 < 1000 ? text("%.3g kg", co2) : text("%,.1f t", co2 / 1000))));
    }

    private static String number(double value) {
        return text(value < 100 ? "%.3g" : "%,.0f", value);
    }

    private static String duration(double seconds) {
        return seconds < 1 ? text("%.3g ms", seconds * 1000) : seconds < 600 ? text("%.3g s", seconds) : seconds < 48 * 3600 ? text("%.1f h", seconds / 3600)
                : text("%,.1f days", seconds / 86400);
    }

    /** Everything that the figures rest on and that nobody computed. */
    private static List<String> assumptions(TrainingPlan plan) {
        Request r = plan.request();
        Hardware d = r.device();
        List<String> lines = new ArrayList<>();
        lines.add(text("device: peak %.4g TFLOP/s in %s, memory %s%s; %s", r.peak() * 1e-12, r.precision() == Precision.FP32 ? "F32" : "16 bits", bytes(d.memory()),
                d.bandwidth() == 0 ? "" : text(" read at %,.0f GB/s", d.bandwidth() * 1e-9), d.source()));
        lines.add(r.utilization() > 0 ? text("utilization: %.3g of the peak, counting each operation of the model once (MFU), as given", r.utilization())
                : d.isHere() ? "time: products at the measured speed of matrices, what stands between them (95 B of memory traffic for each value that a layer keeps, 36 B for each update) at that of memory"
                : text("utilization: %.3g of the peak, what is computed twice included; give --mfu for what yours reaches", TrainingPlan.USUAL));
        lines.add(text("precision: %s; values kept for backward take %d B each", r.precision() == Precision.FP32 ? "F32 throughout"
                : r.precision() == Precision.MIXED ? "16 bits with F32 masters and gradients" : "16 bits with F32 masters and gradients in 16 bits", r.precision().weights()));
        lines.add(text("process: %s before there is a model", bytes(d.framework())));
        if (r.devices() > 1) {
            lines.add(text("link: each device sends %.4g GB/s while it computes; nothing is cut within a layer (no tensor or pipeline parallelism)", d.link() * 1e-9));
            lines.add("parts: each tensor is cut at multiples of 64 values");
        }
        lines.add(d.watts() == 0 ? "energy: not computed, as nobody said what a device draws; give --watts"
                : text("energy: %.4g W a device all the time, times a PUE of %.3g", d.watts(), r.pue()));
        lines.add(r.grid() == 0 ? "CO2: not computed, as it is the grid's; give --grid in grams a kilowatt-hour" : text("CO2: %.4g g a kilowatt-hour, as given", r.grid()));
        return lines;
    }

    /** The same figures; bytes, seconds and operations. */
    public static ObjectNode json(TrainingPlan plan) {
        Request r = plan.request();
        NetworkSpec spec = r.shape().spec();
        ObjectNode out = JSON.objectNode();
        out.put("model", r.shape().name()).put("source", r.shape().source()).put("family", spec.family().modelType());
        out.put("parameters", r.shape().counts().all()).put("active_parameters", Formulas.active(spec)).put("trained_parameters", r.trained());
        out.put("state_bytes_16", plan.state(Precision.MIXED_16)).put("state_bytes_18", plan.state(Precision.MIXED));
        out.put("devices", r.devices()).put("tokens", r.tokens()).put("seq", r.seq());
        out.put("flop", plan.flops()).put("flop_a_token", r.flopsPerToken());
        ArrayNode options = out.putArray("options");
        plan.options().forEach(o -> options.add(option(plan, o)));
        out.set("chosen", plan.chosen().<com.fasterxml.jackson.databind.JsonNode>map(o -> result(plan, o)).orElse(JSON.nullNode()));
        if (plan.chosen().isEmpty()) {
            out.put("remedy", plan.remedy());
        }
        ArrayNode assumed = out.putArray("assumed");
        assumptions(plan).forEach(assumed::add);
        return out;
    }

    private static ObjectNode option(TrainingPlan plan, Option o) {
        TrainingMemory m = o.memory();
        double process = plan.request().device().framework();
        ObjectNode node = JSON.objectNode();
        node.put("strategy", o.strategy().toString()).put("recompute", m.recompute()).put("batch", m.rows());
        node.put("weights", m.weights() + m.adapterWeights()).put("gradients", m.gradients()).put("masters", m.masters()).put("moments", m.moments());
        node.put("activations", m.kept()).put("block", m.working()).put("gathered", m.gathered() + m.outside()).put("exchange", m.exchanged()).put("head", m.head()).put("process", process);
        node.put("forward", m.forward() + process).put("backward", m.backward() + process).put("update", m.update() + process);
        return node.put("peak", o.peak()).put("fits", o.fits());
    }

    private static ObjectNode result(TrainingPlan plan, Option o) {
        ObjectNode node = option(plan, o);
        node.put("micro_batches", o.microBatches()).put("tokens_a_step", o.tokensPerStep()).put("steps", o.steps()).put("traffic_bytes_a_step", o.traffic());
        node.put("compute_seconds_a_step", o.computeSeconds()).put("wire_seconds_a_step", o.wireSeconds()).put("step_seconds", o.stepSeconds());
        node.put("hours", o.hours()).put("device_hours", plan.deviceHours(o));
        plan.price(o).ifPresent(v -> node.put("price", v));
        plan.kilowattHours(o).ifPresent(v -> node.put("kwh", v));
        plan.kilogramsOfCo2(o).ifPresent(v -> node.put("co2_kg", v));
        return node;
    }
}
