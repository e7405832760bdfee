package dev.zhulong.cli;

import dev.zhulong.data.label.DistantAnswers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Questions whose evidence lies far away. */
@Command(
        name = "distance",
        description = {
            "Write questions whose evidence lies a given number of sentences away: train.jsonl, with texts of all lengths, and held-out.jsonl, with as many questions "
                    + "for each distance.",
            "Texts are made-up facts about people, one a sentence, all of the same shape; no pair of a person and a value stands on both sides. Rows have SQuAD's fields, as "
                    + "finetune and evaluate --task qa read them. To train models on them and draw the curve, see 'zhulong bench distance'.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong data distance --out far",
            "  zhulong finetune --task qa --model my-encoder --data far/train.jsonl --held-out far/held-out.jsonl --out tuned",
        })
final class DataDistanceVerb extends Verb {
    private static final String FILE = "train.jsonl";

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the files to.")
    Path out;

    @Option(names = "--rows", paramLabel = "N", defaultValue = "16000", description = "Number of questions to train on (default ${DEFAULT-VALUE}).")
    int rows;

    @Option(names = "--held-out", paramLabel = "N", defaultValue = "100", description = "Number of questions held out for each distance (default ${DEFAULT-VALUE}).")
    int heldOut;

    @Option(names = "--sentences", paramLabel = "N", defaultValue = "60", description = "Sentences of the longest text, up to " + DistantAnswers.MOST + " (default ${DEFAULT-VALUE}).")
    int sentences;

    @Option(names = "--distances", paramLabel = "N", split = ",", defaultValue = "1,2,4,8,16,24,32,48,60", description = "Distances of the evidence in what is held out, in sentences "
            + "(default ${DEFAULT-VALUE}).")
    List<Integer> distances;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Random seed for the rows (default ${DEFAULT-VALUE}).")
    long seed;

    @Option(names = "--force", description = "Replace the files of an earlier call.")
    boolean force;

    @Override
    protected void run() {
        if (rows < 1 || heldOut < 1) {
            throw wrongUsage("--rows and --held-out must be at least 1");
        }
        var answers = new DistantAnswers(seed);
        List<DistantAnswers.Row> far = answers.heldOut(heldOut, sentences, distances);
        Outputs.directory(out, force);
        DistantAnswers.write(out.resolve(FILE), answers.training(rows, sentences));
        DistantAnswers.write(out.resolve("held-out.jsonl"), far);
        out().println(out.resolve(FILE));
    }
}
