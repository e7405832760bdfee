package dev.zhulong.compress;

import dev.zhulong.compress.RoundingLosses.Item;
import dev.zhulong.compress.RoundingLosses.Option;
import dev.zhulong.formats.Sizes;
import dev.zhulong.kernels.WeightType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Types of tensors that lose least, by prediction, of all that a number of bytes allows.
 *
 * <pre>{@code
 * RoundingLosses losses = RoundingLosses.measure(model, tokens, 2, Progress.SILENT);
 * Budget budget = Budget.ofFile(losses, 800_000_000);
 * new Quantization(model, budget.precision(), out, false, 2, Progress.SILENT).calibration(tokens).types(budget.types()).run();
 * }</pre>
 *
 * <p>Of each tensor the types on the lower hull of loss over bytes are taken; one price of a byte decides for all, found by bisection so that the sum is within the budget; what is then left goes to
 * the tensors that gain most from it for a byte.
 */
public final class Budget {
    private static final int HALVINGS = 200;

    private final RoundingLosses losses;
    private final Option[] chosen;

    private Budget(RoundingLosses losses, Option[] chosen) {
        this.losses = losses;
        this.chosen = chosen;
    }

    /**
     * For a whole GGUF file, vocabulary and names included: never more, and at most a few thousand bytes and a step of the smallest tensor less.
     *
     * @throws IllegalArgumentException where the model has no types that are small enough; says what is the least
     */
    public static Budget ofFile(RoundingLosses losses, long bytes) {
        long least = least(losses) + losses.rest();
        if (bytes < least) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "no file of %,d bytes can be made of this model by rounding: the smallest has %s (%,d bytes); ask for that, or prune the model first",
                    bytes, Sizes.of(least), least));
        }
        return choose(losses, bytes - losses.rest());
    }

    /**
     * For the weights alone.
     *
     * @param bits of all weights, over how many they are; the few that have no choice are counted with 32
     * @throws IllegalArgumentException where the model has no types that are small enough; says what is the least
     */
    public static Budget ofBits(RoundingLosses losses, double bits) {
        double least = 8.0 * least(losses) / losses.weights();
        if (!(bits >= least)) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%s bits a weight are too few for this model: the types that its rows can have take %.3f at least; ask for %.2f, or prune the model first",
                    Double.toString(bits), least, Math.ceil(least * 100) / 100));
        }
        return choose(losses, (long) (bits * losses.weights() / 8));
    }

    private static long least(RoundingLosses losses) {
        return losses.whole() + losses.items().stream().mapToLong(item -> item.options().stream().mapToLong(Option::bytes).min().orElseThrow()).sum();
    }

    private static Budget choose(RoundingLosses losses, long bytes) {
        long room = bytes - losses.whole();
        List<List<Option>> hulls = losses.items().stream().map(item -> hull(item.options())).toList();
        // by the logarithm of a price: losses of types lie orders of magnitude apart
        double low = -200;
        double high = 200;
        for (int i = 0; i < HALVINGS; i++) {
            double middle = (low + high) / 2;
            if (bytes(at(hulls, Math.exp(middle))) <= room) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Option[] chosen = at(hulls, Math.exp(high));
        spend(losses.items(), chosen, room - bytes(chosen));
        return new Budget(losses, chosen);
    }

    /** Corners of the lower hull, from few bytes to many. */
    static List<Option> hull(List<Option> options) {
        List<Option> sorted = options.stream().sorted(Comparator.comparingLong(Option::bytes).thenComparingDouble(Option::loss)).toList();
        List<Option> hull = new ArrayList<>();
        for (Option next : sorted) {
            if (!hull.isEmpty() && (next.bytes() == hull.getLast().bytes() || next.loss() >= hull.getLast().loss())) {
                continue;
            }
            while (hull.size() > 1 && gain(hull.get(hull.size() - 2), hull.getLast()) <= gain(hull.getLast(), next)) {
                hull.removeLast();
            }
            hull.add(next);
        }
        return hull;
    }

    /** Loss that is saved for each byte more. */
    private static double gain(Option from, Option to) {
        return (from.loss() - to.loss()) / (to.bytes() - from.bytes());
    }

    private static Option[] at(List<List<Option>> hulls, double price) {
        return hulls.stream().map(hull -> {
            int i = 0;
            while (i + 1 < hull.size() && gain(hull.get(i), hull.get(i + 1)) > price) {
                i++;
            }
            return hull.get(i);
        }).toArray(Option[]::new);
    }

    private static void spend(List<Item> items, Option[] chosen, long left) {
        while (true) {
            int best = -1;
            Option to = null;
            for (int i = 0; i < chosen.length; i++) {
                for (Option option : items.get(i).options()) {
                    long more = option.bytes() - chosen[i].bytes();
                    if (more > 0 && more <= left && option.loss() < chosen[i].loss() && (to == null || gain(chosen[i], option) > gain(chosen[best], to))) {
                        best = i;
                        to = option;
                    }
                }
            }
            if (to == null) {
                return;
            }
            left -= to.bytes() - chosen[best].bytes();
            chosen[best] = to;
        }
    }

    private static long bytes(Option[] chosen) {
        return Arrays.stream(chosen).mapToLong(Option::bytes).sum();
    }

    /** Of a file with these types, by at most a few thousand too many. */
    public long fileBytes() {
        return losses.rest() + losses.whole() + bytes(chosen);
    }

    /** A weight, over all weights. */
    public double bits() {
        return 8.0 * (losses.whole() + bytes(chosen)) / losses.weights();
    }

    /** Predicted: nats a token, where the losses were measured with gradients; else the sum over tensors of the share of what they give. */
    public double loss() {
        return Arrays.stream(chosen).mapToDouble(Option::loss).sum();
    }

    /** The kind of file whose usual type most weights have. */
    public Precision precision() {
        Map<WeightType, Long> weights = new LinkedHashMap<>();
        for (int i = 0; i < chosen.length; i++) {
            weights.merge(chosen[i].type(), losses.items().get(i).weights(), Long::sum);
        }
        WeightType most = weights.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
        return Arrays.stream(Precision.values()).filter(precision -> !precision.isDirectory() && precision.type() == most).findFirst().orElseThrow();
    }

    /** What {@link Quantization#types} takes. */
    public TensorTypes types() {
        return TensorTypes.parse(lines());
    }

    /** {@code REGEX=TYPE} of all tensors that have a choice, as {@code --tensor-type} of quantize and of llama-quantize take them. */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        groups().forEach((group, members) -> {
            String name = group.kind.replace(".", "\\.");
            String layers = members.stream().map(i -> losses.items().get(i).layer()).map(String::valueOf).collect(Collectors.joining("|"));
            lines.add("^" + (group.isOfLayers ? "blk\\.(" + layers + ")\\." : "") + name + "$=" + group.type.name().toLowerCase(Locale.ROOT));
        });
        return lines;
    }

    /** For people: of each kind of tensor and type the layers, the bytes, and the share of the predicted loss. */
    public String table() {
        var table = new StringBuilder(String.format(Locale.ROOT, "%-22s %-8s %10s %6s  %s%n", "tensor", "type", "bytes", "loss", "layers"));
        double all = loss();
        groups().forEach((group, members) -> {
            long bytes = members.stream().mapToLong(i -> chosen[i].bytes()).sum();
            double loss = members.stream().mapToDouble(i -> chosen[i].loss()).sum();
            table.append(String.format(Locale.ROOT, "%-22s %-8s %10s %5.1f%%  %s%n", group.kind, group.type.name().toLowerCase(Locale.ROOT), Sizes.of(bytes), all > 0 ? 100 * loss / all : 0,
                    group.isOfLayers ? ranges(members.stream().map(i -> losses.items().get(i).layer()).collect(Collectors.toCollection(TreeSet::new))) : "-"));
        });
        table.append(String.format(Locale.ROOT, "%.3f bits a weight; predicted %s", bits(), losses.isNats() ? String.format(Locale.ROOT, "divergence %.4f nats a token when rounded plainly", loss())
                : "by the errors of what matrices give"));
        return table.toString();
    }

    private record Group(boolean isOfLayers, String kind, WeightType type) {}

    private Map<Group, List<Integer>> groups() {
        Map<Group, List<Integer>> groups = new LinkedHashMap<>();
        for (int i = 0; i < chosen.length; i++) {
            String name = losses.items().get(i).tensor();
            boolean layers = name.startsWith("blk.");
            String kind = layers ? name.substring(name.indexOf('.', 4) + 1) : name;
            groups.computeIfAbsent(new Group(layers, kind, chosen[i].type()), group -> new ArrayList<>()).add(i);
        }
        return groups.entrySet().stream().sorted(Comparator.comparing((Map.Entry<Group, List<Integer>> entry) -> entry.getKey().isOfLayers).thenComparing(entry -> entry.getKey().kind)
                .thenComparing(entry -> entry.getKey().type)).collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue, (one, other) -> one, LinkedHashMap::new));
    }

    /** Such as 0-3, 7. */
    private static String ranges(TreeSet<Integer> numbers) {
        List<String> ranges = new ArrayList<>();
        int from = numbers.first();
        for (int number : numbers) {
            if (!numbers.contains(number + 1)) {
                ranges.add(from == number ? String.valueOf(number) : from + "-" + number);
                Integer next = numbers.higher(number);
                from = next == null ? 0 : next;
            }
        }
        return String.join(", ", ranges);
    }
}
