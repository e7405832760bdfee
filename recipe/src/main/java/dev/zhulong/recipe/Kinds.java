package dev.zhulong.recipe;

import dev.zhulong.formats.yaml.RecipeReader;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What recipes call their jobs, in the field {@code kind}. */
public final class Kinds {
    static final String FIELD = "kind";

    private Kinds() {}

    /**
     * The kind of a recipe. One that does not say is of a fine-tuning where it has a method, and no field that such a recipe has not; else of a
     * pretraining.
     *
     * @param fields of the recipe, without those of its sections
     */
    public static String of(Map<String, ?> fields) {
        if (fields.get(FIELD) != null && !fields.get(FIELD).toString().isBlank()) {
            return fields.get(FIELD).toString();
        }
        Set<String> finetune = RunDirectory.tree(RecipeReader.defaults(FinetuneRecipe.class, List.of())).keySet();
        return fields.containsKey("method") && finetune.containsAll(fields.keySet()) ? FinetuneRecipe.KIND : PretrainRecipe.KIND;
    }

    /** @throws IllegalArgumentException if a recipe is for another job */
    public static void require(String expected, String found) {
        if (!expected.equals(found)) {
            throw new IllegalArgumentException("kind must be '" + expected + "' here, found '" + found + "'; a recipe is given to the verb of its kind");
        }
    }
}
