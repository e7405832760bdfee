package dev.zhulong.recipe.quickstart;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What to do with the model next, as commands. */
final class NextCommands {
    private NextCommands() {}

    /** @param adapted whether an adapter lies in the model's directory */
    static List<String> of(Path model, boolean adapted) {
        var commands = new ArrayList<String>();
        if (adapted) {
            commands.add("./zhulong generate --model " + model + " --adapter " + model.resolve(Quickstart.ADAPTER)
                    + " --greedy --prompt $'/** Returns the number of elements in this list. */\\n'");
        }
        commands.addAll(List.of(
                "./zhulong generate --model " + model + " --prompt 'public static void '",
                "./zhulong generate --model " + model + " --control-tokens --prompt '<|fim_prefix|>int size() { return <|fim_suffix|>; }<|fim_middle|>'",
                "./zhulong evaluate --model " + model + " --data " + model.resolve("corpus"),
                "./zhulong continue --model " + model + " --data YOUR_DIRECTORY --out runs/continued"));
        return commands;
    }
}
