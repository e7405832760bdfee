package dev.zhulong.recipe.quickstart;

import java.nio.file.Path;
import java.util.List;

/** What to do with the model next, as commands. */
final class NextCommands {
    private NextCommands() {}

    static List<String> of(Path model) {
        return List.of(
                "./zhulong generate --model " + model + " --prompt 'public static void '",
                "./zhulong evaluate --model " + model + " --text YOUR_TEXT",
                "./zhulong continue --model " + model + " --corpus YOUR_DIRECTORY --out runs/continued");
    }
}
