package dev.zhulong.cli;

import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.DistilJob;
import dev.zhulong.recipe.DistilRecipe;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A student that learns from a teacher. */
@Command(
        name = "distil",
        description = {
            "Train a smaller model to say what a larger one says: of every token of the text it learns the teacher's whole distribution, and not only the token that comes next.",
            "The student is a model of its own with the teacher's tokenizer (a pruned one, for example), or is cut from the teacher: some of its layers, the first and the last among them.",
            "The weights that are nearest to the teacher on held-out text are kept, the start's among them, so that the student is never worse than it began. --control trains the same student on the same "
                    + "text without the teacher, and the last line reports both.",
            "An interrupted run continues when the same command is given again, or with 'zhulong resume RUN', and ends with the same bits as a run that was never stopped.",
        },
        footer = {
            "", "Examples:",
            "  zhulong distil --teacher my-model --layers 4 --data corpus.txt --out RUN",
            "  zhulong distil --teacher my-model --student pruned --data corpus.txt --control --out RUN",
            "  zhulong distil --teacher my-model --layers 4 --divergence jsd --temperature 2 \\",
            "      --data corpus.txt --set train.steps=1000 --out RUN",
            "  zhulong distil --teacher my-model.q8_0.gguf --student pruned --draws 64 \\",
            "      --data corpus.txt --set train.epochs=4 --out RUN",
            "  zhulong distil --fields           every field, its default and meaning",
        })
final class DistilVerb extends JobVerb {
    @Option(names = "--teacher", paramLabel = "DIR|FILE", description = "Model to learn from: a directory in the Hugging Face layout, computed in F32, or a GGUF file, computed by the CPU engine as it is "
            + "stored, which takes a quarter of the memory in q8_0 (with --student).")
    Path teacher;

    @Option(names = "--student", paramLabel = "DIR", description = "Model that learns, in the Hugging Face layout, with the teacher's tokenizer.")
    Path student;

    @Option(names = "--layers", paramLabel = "N|LIST", description = "Student to cut from the teacher, in place of --student: a number of layers, the first and the last among them, or the numbers, "
            + LayerNumbers.FORMS + ".")
    String layers;

    @Option(names = "--data", paramLabel = "PATH", arity = "1..*", description = "Files, directories or archives to train on, or a corpus made by zhulong clean.")
    List<Path> data = List.of();

    @Option(names = "--divergence", paramLabel = "KIND", description = "What is minimized: forward (the student covers what the teacher says), reverse (it says nothing that the teacher does not) or jsd, "
            + "a mixture of both (default: forward).")
    String divergence;

    @Option(names = "--temperature", paramLabel = "T", description = "What the logits of both models are divided by (default: 1).")
    Double temperature;

    @Option(names = "--hidden", paramLabel = "WEIGHT", description = "Weight, 1 for example, of what the states of the student's layers cost besides: each layer learns to give what the teacher gives to the layer that comes "
            + "next, up to its length; a student of another width how alike its tokens are to one another. Helps most where layers are gone and text is little. --set objective.hidden_layers=[0,3] "
            + "chooses layers; the teacher must be a directory (default: 0, the divergence alone).")
    Double hidden;

    @Option(names = "--draws", paramLabel = "N", description = "Number of tokens, 1 to 255, to draw from each of the teacher's distributions, once, and learn from in place of the whole distribution. Each row of "
            + "text is then given to the teacher a single time: for several epochs (--set train.epochs=N) or several students. In the mean the gradient is the same; 64 are enough for most "
            + "(default: 0, the whole distribution, each time).")
    Integer draws;

    @Option(names = "--draws-in", paramLabel = "DIR", description = "Directory of the files that draws are kept in, for several runs to share (default: in the run's directory).")
    Path drawsIn;

    @Option(names = "--control", description = "Train the same student without the teacher as well, and report both.")
    boolean control;

    @Option(names = "--fields", description = "List every field of a recipe and exit.")
    boolean fields;

    @Override
    protected void run() {
        if (fields) {
            out().print(RecipeReader.describe(DistilRecipe.class));
            return;
        }
        requireOut();
        if (recipe == null && (teacher == null || data.isEmpty())) {
            throw wrongUsage("nothing to learn from: give --teacher DIR and --data PATH, or --recipe FILE");
        }
        if (student != null && layers != null) {
            throw wrongUsage("--student is a model of its own, and --layers cuts one from the teacher: give one of them");
        }
        List<String> overrides = new ArrayList<>();
        if (teacher != null) {
            overrides.add("teacher=" + teacher);
        }
        if (student != null) {
            overrides.add("student.from=" + student);
        }
        if (layers != null) {
            LayerNumbers kept = layerNumbers();
            overrides.add(kept.count().map(count -> "student.layers=" + count).orElseGet(() -> "student.layer_list=" + kept.these()));
        }
        if (!data.isEmpty()) {
            overrides.add(PretrainVerb.text("data", data));
        }
        if (divergence != null) {
            overrides.add("objective.divergence=" + divergence);
        }
        if (temperature != null) {
            overrides.add("objective.temperature=" + temperature);
        }
        if (hidden != null) {
            overrides.add("objective.hidden=" + hidden);
        }
        if (draws != null) {
            overrides.add("objective.draws=" + draws);
        }
        if (drawsIn != null) {
            overrides.add("objective.draws_in=" + drawsIn);
        }
        if (control) {
            overrides.add("control=true");
        }
        overrides.addAll(set);
        run(new DistilJob(read(DistilRecipe.KIND, DistilRecipe.class, overrides)), out);
    }

    private LayerNumbers layerNumbers() {
        try {
            return LayerNumbers.parse(layers);
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
    }
}
