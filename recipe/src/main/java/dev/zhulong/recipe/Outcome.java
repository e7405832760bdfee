package dev.zhulong.recipe;

import java.util.OptionalDouble;

/** What came of a job, besides the files in its directory. */
public interface Outcome {
    /** The score on what was held out, by which jobs of one kind are compared: lower is better. Empty where nothing was held out. */
    OptionalDouble score();

    /** What {@link #score} counts: "bits a byte". */
    String measure();

    /** What may be done next, in a sentence with a command; empty where nothing is to be said. */
    String next();
}
