package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.formats.Extension;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.function.Supplier;

/** A scorer from a jar on the class path, whose mistakes are told with its name and its jar. */
final class AddedScorer implements Scorer {
    /** Names of the sections that are scorers of our own. */
    private static final Set<String> OWN = Set.of("perplexity", "choice", "generate", "code", "pairs");

    private final Extension<ScorerProvider> from;
    private final Scorer scorer;

    AddedScorer(Extension<ScorerProvider> from, TaskSpec.Added spec, TaskSpec task, TaskData data, Subject subject) {
        this.from = from;
        scorer = call("made no scorer", () -> from.provider().scorer(spec.settings(), task, data, subject));
    }

    /** @throws IllegalStateException where one cannot be used; the message names its class and its jar */
    static SortedMap<String, Extension<ScorerProvider>> all(ClassLoader loader) {
        return Extension.all(ScorerProvider.class, loader, "scorer", ScorerProvider::name, OWN);
    }

    private <T> T call(String nothing, Supplier<T> work) {
        T result;
        try {
            result = work.get();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("scorer '" + from.name() + "': " + e.getMessage(), e);
        } catch (RuntimeException | LinkageError e) {
            throw new IllegalStateException("scorer '" + from.name() + "' of " + from.origin() + " failed: " + e, e);
        }
        if (result == null || result instanceof Collection<?> all && all.stream().anyMatch(Objects::isNull)) {
            throw new IllegalStateException("scorer '" + from.name() + "' of " + from.origin() + " " + nothing);
        }
        return result;
    }

    @Override
    public int batch() {
        int rows = call("has no batch", scorer::batch);
        if (rows < 1) {
            throw new IllegalStateException("scorer '" + from.name() + "' of " + from.origin() + " asks for " + rows + " rows at once");
        }
        return rows;
    }

    @Override
    public List<ObjectNode> run(List<Item> items) {
        List<ObjectNode> outcomes = call("returned no outcome for a row", () -> scorer.run(items));
        if (outcomes.size() != items.size()) {
            throw new IllegalStateException("scorer '" + from.name() + "' of " + from.origin() + " returned " + outcomes.size() + " outcomes for "
                    + items.size() + " rows");
        }
        return outcomes;
    }

    @Override
    public ObjectNode shown(Item item) {
        return call("shows nothing", () -> scorer.shown(item));
    }

    @Override
    public List<MetricValue> metrics(List<ObjectNode> outcomes, Bootstrap bootstrap) {
        List<MetricValue> metrics = call("returned no metric", () -> scorer.metrics(outcomes, bootstrap));
        // reports name a task by its first number
        if (metrics.isEmpty()) {
            throw new IllegalStateException("scorer '" + from.name() + "' of " + from.origin() + " returned no metric");
        }
        return metrics;
    }

    @Override
    public String protocol() {
        return call("has no protocol", scorer::protocol);
    }
}
