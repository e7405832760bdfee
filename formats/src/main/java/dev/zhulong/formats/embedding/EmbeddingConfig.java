package dev.zhulong.formats.embedding;

import dev.zhulong.formats.FormatException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a sentence encoder makes a vector of a text, as a directory in sentence-transformers' layout says: {@code modules.json}, a folder for each module
 * behind the network ({@code 1_Pooling}, {@code 2_Dense}, {@code 2_Normalize}), {@code sentence_bert_config.json} and
 * {@code config_sentence_transformers.json}.
 *
 * <pre>{@code
 * EmbeddingConfig config = EmbeddingConfig.read(Path.of("all-MiniLM-L6-v2"));
 * config.describe();          // mean pooling, normalized
 * }</pre>
 *
 * @param stated        whether the directory has a {@code modules.json}; without one the mean of all states is taken as it is
 * @param network       folder of the network within the directory; empty for the directory itself
 * @param maxTokens     longest input, special tokens included
 * @param lowercase     whether texts are put in lower case before anything else
 * @param pooling       one or more, concatenated in this order
 * @param includePrompt whether the tokens of a prompt are pooled with those of the text
 * @param hidden        width of a state, where the pooling's file has it
 * @param steps         what the pooled vector passes, in order
 * @param prompts       texts to put before a text, by the name of their purpose ({@code query})
 * @param defaultPrompt name of the prompt that is used where none is asked for
 * @param similarity    how two vectors are compared; {@code cosine} where no file says
 */
public record EmbeddingConfig(boolean stated, String network, OptionalInt maxTokens, boolean lowercase, List<Pooling> pooling, boolean includePrompt,
        OptionalInt hidden, List<Step> steps, Map<String, String> prompts, Optional<String> defaultPrompt, String similarity) {
    /** What is done to a pooled vector. */
    public sealed interface Step {}

    /** It is divided by its length (L2). */
    public record Normalize() implements Step {}

    /**
     * It is multiplied by a matrix {@code [outputs, inputs]}, {@code linear.weight} of {@code model.safetensors} in {@code folder}.
     *
     * @param bias       whether {@code linear.bias [outputs]} is added
     * @param activation applied to the result
     */
    public record Dense(String folder, int inputs, int outputs, boolean bias, Activation activation) implements Step {}

    /** Activations of a {@link Dense}. */
    public enum Activation { IDENTITY, TANH }

    public EmbeddingConfig {
        pooling = List.copyOf(pooling);
        steps = List.copyOf(steps);
        prompts = Collections.unmodifiableMap(new LinkedHashMap<>(prompts));
    }

    /**
     * What a directory says.
     *
     * @throws FormatException where a file is malformed or asks for what is not implemented; says which and what
     */
    public static EmbeddingConfig read(Path directory) {
        return EmbeddingConfigFiles.read(directory);
    }

    /** The same where a directory says how its vectors are made; else with this pooling, and vectors of length 1. */
    public EmbeddingConfig orPooled(Pooling other) {
        return stated ? this : new EmbeddingConfig(false, network, maxTokens, lowercase, List.of(other), includePrompt, hidden, List.of(new Normalize()), prompts, defaultPrompt,
                similarity);
    }

    /** The files of {@code directory} that say how its vectors are made, the weights of dense layers among them; none where nothing does. */
    public List<Path> files(Path directory) {
        return EmbeddingConfigFiles.files(this, directory);
    }

    /**
     * Writes what {@code from} says of its vectors to another directory, file by file; where it says nothing, what this configuration says.
     *
     * @param hidden width of a state
     */
    public void write(Path from, Path to, int hidden) {
        EmbeddingConfigFiles.write(this, from, to, hidden);
    }

    /** Whether vectors come out with length 1. */
    public boolean normalizes() {
        return !steps.isEmpty() && steps.getLast() instanceof Normalize;
    }

    /** Length of the vectors that states of {@code hidden} elements become. */
    public int dimension(int hidden) {
        return steps.stream().filter(Dense.class::isInstance).map(step -> ((Dense) step).outputs()).reduce((_, last) -> last).orElse(pooling.size() * hidden);
    }

    /**
     * The prompt of a name, or the default one where none is given.
     *
     * @throws IllegalArgumentException where there is no prompt of that name
     */
    public String prompt(Optional<String> name) {
        if (name.isPresent() && !prompts.containsKey(name.get())) {
            throw new IllegalArgumentException("there is no prompt '" + name.get() + "'; " + (prompts.isEmpty() ? "the model has none"
                    : "the model has " + String.join(", ", prompts.keySet())));
        }
        return name.or(this::defaultPrompt).map(prompts::get).orElse("");
    }

    /** One line for people: {@code mean pooling, normalized}. */
    public String describe() {
        var parts = new ArrayList<String>();
        parts.add(String.join(" + ", pooling.stream().map(Pooling::id).toList()) + " pooling");
        for (Step step : steps) {
            parts.add(switch (step) {
                case Normalize _ -> "normalized";
                case Dense dense -> "dense " + dense.inputs + " to " + dense.outputs;
            });
        }
        if (!normalizes()) {
            parts.add("not normalized");
        }
        if (!stated) {
            parts.add("as the directory has no " + EmbeddingConfigFiles.MODULES);
        }
        return String.join(", ", parts);
    }
}
