package dev.zhulong.recipe;

import dev.zhulong.formats.progress.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** A job whose recipe's fields a search can vary ({@code zhulong tune}). */
public interface Searchable extends Job {
    /** The recipe's {@code train} section. */
    Train train();

    /**
     * The same job with other values, as on the command line: {@code train.lr=1e-3}.
     *
     * @throws dev.zhulong.formats.yaml.RecipeException if there is no such field, or the recipe refuses its value
     */
    Searchable with(List<String> overrides);

    /**
     * A job like this one whose trials share what they can: what does not depend on the fields is made once, in {@code directory}.
     *
     * @param fields that the search varies
     */
    Searchable shared(Set<String> fields, Path directory, Progress progress, long available);

    /** How long it is, before it is run. */
    Length length();

    /**
     * @param steps  of the optimizer
     * @param tokens read in all of them
     */
    record Length(long steps, long tokens) {}
}
