package dev.zhulong.recipe;

/** What every recipe of a {@link RecipeJob} says. */
public interface RunRecipe {
    /** What the recipe is for. */
    String kind();

    /** Where the model is computed: {@code cpu}, {@code cuda} or {@code cuda:N}. */
    String device();

    /** How it is trained. */
    Train train();
}
