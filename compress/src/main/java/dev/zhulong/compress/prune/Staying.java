package dev.zhulong.compress.prune;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * The parts of a decoder that stay, each by its old number, in rising order.
 *
 * @param layers   that stay
 * @param channels of each staying layer's MLP; null for all
 * @param groups   of heads that share a key and a value, of each staying layer; null for all
 * @param experts  of each staying layer; null for all
 */
public record Staying(List<Integer> layers, List<int[]> channels, List<int[]> groups, List<int[]> experts) {
    /** Widths stay multiples of it: of what blocks of 32 weights divide. */
    private static final int BLOCK = 32;
    /** Of what k-quants divide, where the model's width is one. */
    private static final int SUPER_BLOCK = 256;

    /**
     * How much is to stay. What is absent stays whole.
     *
     * @param layers   how many, those of the most influence
     * @param these    layers by their numbers, in place of a count
     * @param width    of the MLPs, as a share above 0 and below 1, or channels where it is 1 or more
     * @param groups   of heads that share a key and a value, in each layer
     * @param experts  in each layer
     */
    public record Wanted(Optional<Integer> layers, List<Integer> these, Optional<Double> width, Optional<Integer> groups, Optional<Integer> experts) {
        public Wanted {
            these = List.copyOf(these);
        }

        /** Layers alone, by their numbers: what a student is cut from its teacher by. */
        public static Wanted layers(List<Integer> these) {
            return new Wanted(Optional.empty(), these, Optional.empty(), Optional.empty(), Optional.empty());
        }

        /** Whether texts have to say which parts matter. */
        public boolean needsTexts() {
            return layers.isPresent() || width.isPresent() || groups.isPresent() || experts.isPresent();
        }
    }

    /**
     * {@code count} of {@code of} layers with the first and the last among them and the others evenly between: where a student begins that has its teacher's ends (Distil-Whisper,
     * Gandhi et al. 2023).
     */
    public static List<Integer> spread(int count, int of) {
        if (count < 1 || count > of) {
            throw new IllegalArgumentException("expected 1 to " + of + " layers, as many as the model has, found " + count);
        }
        return count == 1 ? List.of(0) : IntStream.range(0, count).mapToObj(i -> (int) Math.round(i * (of - 1.0) / (count - 1))).toList();
    }

    /**
     * Chooses by importance.
     *
     * @param importance of the parts; null where {@link Wanted#needsTexts} is false
     * @throws IllegalArgumentException where the model has not so many parts, or they cannot be taken from a model of its kind
     */
    public static Staying choose(DecoderSpec spec, Wanted wanted, PartImportance importance) {
        List<Integer> layers = layers(spec, wanted, importance);
        List<int[]> channels = null;
        if (wanted.width().isPresent()) {
            requireAll(spec, layers, layer -> layer.mlp() instanceof Mlp.Dense, "--ffn narrows dense MLPs, and this model has experts: take some of these with --experts");
            int whole = spec.layer(layers.getFirst()).mlp().width();
            requireAll(spec, layers, layer -> layer.mlp().width() == whole, "the MLPs of this model differ in width, and files can say one width only");
            int width = width(wanted.width().get(), whole);
            channels = layers.stream().map(layer -> best(importance.channels(layer), width)).toList();
        }
        List<int[]> groups = null;
        if (wanted.groups().isPresent()) {
            requireAll(spec, layers, layer -> layer.attention().latent() == null && layer.attention().headNorm() != HeadNorm.ROW && layer.attention().headNorm() != HeadNorm.EACH_HEAD,
                    "heads of this model share a narrow row or a norm, and cannot be taken out by groups");
            int all = spec.layer(layers.getFirst()).attention().kvHeads();
            requireAll(spec, layers, layer -> layer.attention().kvHeads() == all, "the layers of this model differ in their heads, and files can say one number only");
            int count = within(wanted.groups().get(), all, "--kv-groups");
            groups = layers.stream().map(layer -> best(importance.groups(layer), count)).toList();
        }
        List<int[]> experts = null;
        if (wanted.experts().isPresent()) {
            Mlp.Experts mixture = spec.stack().experts().orElseThrow(() -> new IllegalArgumentException("--experts takes experts out of a mixture, and this model has none"));
            if (mixture.routing().groups() > 1) {
                throw new IllegalArgumentException("this model's experts stand in groups, of which routers choose first, and cannot be taken out one by one");
            }
            int count = within(wanted.experts().get(), mixture.count(), "--experts");
            if (count < mixture.chosen()) {
                throw new IllegalArgumentException("--experts " + count + ": a token of this model is given to " + mixture.chosen() + " experts, so at least as many stay");
            }
            experts = layers.stream().map(layer -> importance.experts(layer).length == 0 ? new int[0] : best(importance.experts(layer), count)).toList();
        }
        return new Staying(layers, channels, groups, experts);
    }

    private static void requireAll(DecoderSpec spec, List<Integer> layers, Predicate<Layer> rule, String otherwise) {
        if (!layers.stream().map(spec::layer).allMatch(rule)) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    private static List<Integer> layers(DecoderSpec spec, Wanted wanted, PartImportance importance) {
        if (!wanted.these().isEmpty()) {
            return numbers(spec.layers(), wanted.these());
        }
        if (wanted.layers().isEmpty()) {
            return IntStream.range(0, spec.layers()).boxed().toList();
        }
        return Arrays.stream(best(importance.layers(), within(wanted.layers().get(), spec.layers(), "--layers"))).boxed().toList();
    }

    /** In rising order. @param of how many layers the model has */
    static List<Integer> numbers(int of, List<Integer> these) {
        var sorted = new TreeSet<>(these);
        if (sorted.isEmpty() || sorted.first() < 0 || sorted.last() >= of) {
            throw new IllegalArgumentException("--layers: the model's layers are numbered from 0 to " + (of - 1) + ", found " + (sorted.isEmpty() ? "none" : sorted.first() < 0 ? sorted.first()
                    : sorted.last()));
        }
        return List.copyOf(sorted);
    }

    private static int within(int count, int most, String option) {
        if (count < 1 || count > most) {
            throw new IllegalArgumentException(option + ": expected 1 to " + most + ", as many as the model has, found " + count);
        }
        return count;
    }

    /** A multiple of what files' blocks divide, where the model's width is one; of what k-quants divide where a share is asked for and no number. */
    static int width(double wanted, int whole) {
        double channels = wanted < 1 ? wanted * whole : wanted;
        if (!(channels >= 1) || channels > whole) {
            throw new IllegalArgumentException("--ffn: expected a share such as 50% or 1 to " + whole + " channels, as many as the model has, found " + wanted);
        }
        int block = wanted < 1 && whole % SUPER_BLOCK == 0 && channels >= SUPER_BLOCK ? SUPER_BLOCK : whole % BLOCK == 0 && channels >= BLOCK ? BLOCK : 1;
        return (int) Math.clamp(Math.round(channels / block) * block, block, whole);
    }

    /** Of equals the first. */
    private static int[] best(double[] importance, int count) {
        List<Integer> sorted = new ArrayList<>(IntStream.range(0, importance.length).boxed().toList());
        sorted.sort(Comparator.comparingDouble((Integer i) -> importance[i]).reversed().thenComparing(Comparator.naturalOrder()));
        return sorted.subList(0, count).stream().mapToInt(Integer::intValue).sorted().toArray();
    }

    /** The smaller network's shape. @param of the model that they are parts of */
    public DecoderSpec spec(DecoderSpec of) {
        List<Layer> smaller = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            Layer layer = of.layer(layers.get(i));
            smaller.add(new Layer(groups == null ? layer.attention() : layer.attention().withHeads(layer.attention().heads() / layer.attention().kvHeads() * groups.get(i).length,
                    groups.get(i).length), layer.cross(), mlp(layer.mlp(), i)));
        }
        return new DecoderSpec(of.family(), of.stack().withLayers(smaller), of.vocabSize(), of.tiedEmbeddings(), of.bosId(), of.eosIds());
    }

    private Mlp mlp(Mlp mlp, int i) {
        return switch (mlp) {
            case Mlp.Dense dense -> channels == null ? dense : new Mlp.Dense(channels.get(i).length, dense.activation(), dense.gated(), dense.bias());
            case Mlp.Experts mixture -> experts == null ? mixture : mixture.withCount(experts.get(i).length);
        };
    }
}
