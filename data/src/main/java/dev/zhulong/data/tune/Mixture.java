package dev.zhulong.data.tune;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;

/**
 * Several tasks in one run.
 *
 * <pre>
 * sources:
 *   - {name: gsm8k, path: gsm8k.train.jsonl, weight: 2, as_chat: true}
 *   - {name: faq, path: faq.csv, weight: 1, mapping: {prompt: question, completion: reply}}
 * </pre>
 *
 * <p>With weights, rows of the sources alternate in these proportions, and a small source begins anew while a large one is not yet through. Without
 * any, all examples are mixed and an epoch has each exactly once.
 *
 * @param sources each with a name of its own; all with a weight or none
 */
public record Mixture(List<DataSource> sources) {
    public Mixture {
        sources = List.copyOf(sources);
        if (sources.isEmpty()) {
            throw new IllegalArgumentException("a mixture needs at least one source");
        }
        var names = new HashSet<String>();
        for (DataSource source : sources) {
            if (!names.add(source.name())) {
                throw new IllegalArgumentException("two sources are called '" + source.name() + "'; give each a name of its own");
            }
            if (source.weight().isPresent() != sources.getFirst().weight().isPresent()) {
                throw new IllegalArgumentException("source '" + source.name() + "': give all sources a weight, or none");
            }
        }
    }

    /** One source alone. */
    public static Mixture of(DataSource source) {
        return new Mixture(List.of(source));
    }

    /** The same with paths that are not absolute taken from {@code directory} on. */
    public Mixture in(Path directory) {
        return new Mixture(sources.stream().map(source -> source.in(directory)).toList());
    }

    /** Whether rows alternate by weight. */
    public boolean weighted() {
        return sources.getFirst().weight().isPresent();
    }
}
