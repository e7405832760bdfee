package dev.zhulong.recipe.plan;

import dev.zhulong.infer.open.Machine;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.MachineSpeed;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A device to train on.
 *
 * @param name      as it is spoken of
 * @param fp32      peak in F32, FLOP/s
 * @param half      peak in BF16 or FP16 without sparsity, FLOP/s
 * @param memory    bytes
 * @param bandwidth of its memory, bytes a second; 0 where it is not known
 * @param link      bytes a second that it sends to the others
 * @param watts     most that it draws; 0 where nobody said
 * @param framework bytes that a process needs before there is a model
 * @param source    of these figures
 */
public record Hardware(String name, double fp32, double half, double memory, double bandwidth, double link, double watts, double framework, String source) {
    /** This machine, measured. */
    public static final String CPU = "cpu";

    /** A JVM with libtorch, before there is a model: measured, see docs/plan.md. */
    private static final double PROCESS = 410e6;
    /** A CUDA or ROCm context with its libraries' workspaces: assumed. */
    private static final double CONTEXT = 1e9;
    /** Ten gigabits a second. */
    private static final double ETHERNET = 1.25e9;

    /** Peaks without sparsity; the link is the network port that the maker's own servers have for each device, as beyond one server it is what binds. */
    private static final List<Hardware> PUBLISHED = List.of(
            gpu("v100", 15.7, 125, 32, 900, 12.5, 300, "NVIDIA V100 data sheet 2020 (SXM2, 32 GB); a port of 100 Gbit/s"),
            gpu("a100-40gb", 19.5, 312, 40, 1555, 25, 400, "NVIDIA A100 data sheet 2020 (SXM4); a port of 200 Gbit/s, as in DGX A100"),
            gpu("a100-80gb", 19.5, 312, 80, 2039, 25, 400, "NVIDIA A100 data sheet 2021 (SXM4); a port of 200 Gbit/s, as in DGX A100"),
            gpu("h100", 67, 989.4, 80, 3350, 50, 700, "NVIDIA H100 data sheet 2023 (SXM5), half of its figures with sparsity; a port of 400 Gbit/s, as in DGX H100"),
            gpu("h200", 67, 989.4, 141, 4800, 50, 700, "NVIDIA H200 data sheet 2024 (SXM), half of its figures with sparsity; a port of 400 Gbit/s, as in DGX H200"),
            gpu("mi250x", 95.7, 383, 128, 3277, 25, 560, "AMD Instinct MI250X data sheet 2021; a port of 200 Gbit/s"),
            gpu("mi300x", 163.4, 1307.4, 192, 5300, 50, 750, "AMD Instinct MI300X data sheet 2023; a port of 400 Gbit/s"));

    private static Hardware gpu(String name, double fp32, double half, double memory, double bandwidth, double link, double watts, String source) {
        return new Hardware(name, fp32 * 1e12, half * 1e12, memory * 1e9, bandwidth * 1e9, link * 1e9, watts, CONTEXT, source);
    }

    /** Names of those with published figures. */
    public static List<String> names() {
        return PUBLISHED.stream().map(Hardware::name).toList();
    }

    /** Where the published figures are from, a line each. */
    public static List<String> sources() {
        return PUBLISHED.stream().map(h -> h.name + ": " + h.source).toList();
    }

    /**
     * The device that is meant.
     *
     * @param device {@link #CPU}, a published name, or one's own figures such as {@code flops=90e12,half=180e12,memory=24e9,bandwidth=1e12,link=3e9,watts=350}
     * @throws IllegalArgumentException where it is none of them
     */
    public static Hardware read(String device) {
        if (device.equals(CPU)) {
            return here();
        }
        Optional<Hardware> published = PUBLISHED.stream().filter(h -> h.name.equals(device)).findFirst();
        if (published.isPresent()) {
            return published.get();
        }
        if (!device.contains("=")) {
            throw new IllegalArgumentException("'" + device + "' is no device with published figures: give cpu, one of " + String.join(", ", names())
                    + ", or your own, such as flops=90e12,half=180e12,memory=24e9,link=3e9,watts=350");
        }
        return own(device);
    }

    private static Hardware own(String device) {
        Map<String, Double> given = new LinkedHashMap<>();
        for (String figure : device.split(",")) {
            String[] both = figure.split("=", 2);
            if (both.length < 2 || !List.of("flops", "half", "memory", "bandwidth", "link", "watts").contains(both[0])) {
                throw new IllegalArgumentException("a figure of a device is one of flops, half, memory, bandwidth, link, watts, with = and its value; found '" + figure + "'");
            }
            double value;
            try {
                value = Double.parseDouble(both[1]);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("expected a number for " + both[0] + ", such as 90e12, found '" + both[1] + "'", e);
            }
            if (!(value > 0) || Double.isInfinite(value)) {
                throw new IllegalArgumentException(both[0] + " must be positive, found " + both[1]);
            }
            given.put(both[0], value);
        }
        for (String needed : List.of("flops", "memory")) {
            if (!given.containsKey(needed)) {
                throw new IllegalArgumentException("a device of your own needs " + needed + ", such as flops=90e12,memory=24e9; found " + device);
            }
        }
        return new Hardware("your own", given.get("flops"), given.getOrDefault("half", given.get("flops")), given.get("memory"), given.getOrDefault("bandwidth", 0.0),
                given.getOrDefault("link", ETHERNET), given.getOrDefault("watts", 0.0), CONTEXT, "as given");
    }

    private static Hardware here() {
        double flops = MachineSpeed.gflops() * 1e9;
        double bandwidth = MachineSpeed.readBandwidth(Libtorch.threads()) * 1e9;
        return new Hardware(CPU, flops, flops, Machine.availableMemory(), bandwidth, ETHERNET, 0, PROCESS,
                String.format(Locale.ROOT, "measured now on this machine (%s, %d threads): F32 products, reading memory; memory that is free now", Machine.processor(), Libtorch.threads()));
    }

    /** Whether it was measured here. */
    public boolean isHere() {
        return name.equals(CPU);
    }

    /** With another link, in bytes a second, and other watts; 0 leaves either. */
    public Hardware with(double otherLink, double otherWatts) {
        return new Hardware(name, fp32, half, memory, bandwidth, otherLink > 0 ? otherLink : link, otherWatts > 0 ? otherWatts : watts, framework, source);
    }
}
