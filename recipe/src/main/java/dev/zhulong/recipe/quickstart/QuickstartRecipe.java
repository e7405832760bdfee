package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.recipe.Kinds;
import java.nio.file.Path;
import java.util.Optional;

/** What a quickstart was asked for; its {@code plan.json} holds what was made of it. */
public record QuickstartRecipe(
        @Doc("what the recipe is for: quickstart") String kind,
        @Doc("minutes of training; everything else comes on top") double minutes,
        @Doc("texts to learn from; without them the JDK's own sources") Optional<Path> corpus,
        @Doc("random seed of the whole run") long seed) {
    /** Of its jobs. */
    public static final String KIND = "quickstart";

    public QuickstartRecipe {
        Kinds.require(KIND, kind);
    }

    static QuickstartRecipe defaults() {
        return new QuickstartRecipe(KIND, 5, Optional.empty(), 0);
    }

    static QuickstartRecipe of(Plan plan) {
        return new QuickstartRecipe(KIND, plan.minutes(), Optional.ofNullable(plan.corpus()).map(Path::of), plan.seed());
    }
}
