package dev.zhulong.cli;

import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.SamplerOptions.Mirostat;
import dev.zhulong.infer.SamplerOptions.Penalties;
import dev.zhulong.infer.constrain.Constraint;
import dev.zhulong.infer.constrain.TokenBytes;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options of all verbs that generate text. What is not given is taken from the model's {@code generation_config.json}. */
final class SamplingOptions {
    private static final int MAX_NEW_TOKENS = 256;
    private static final double TEMPERATURE = 0.8;
    private static final double TOP_P = 0.95;

    @Spec(Spec.Target.MIXEE)
    CommandSpec spec;

    @Option(names = "--max-new-tokens", paramLabel = "N", description = "Maximum number of tokens to write, up to the model's context "
            + "(default: from generation_config.json, else 256).")
    Integer maxNewTokens;

    @Option(names = "--greedy", description = "Always take the most likely token; the same as --temperature 0.")
    boolean greedy;

    @Option(names = "--temperature", paramLabel = "T", description = "Divisor of the logits: lower is more predictable, higher more "
            + "varied (default: from generation_config.json, else 0.8).")
    Double temperature;

    @Option(names = "--top-k", paramLabel = "K",
            description = "Draw from the K most likely tokens; 0 for all (default: from generation_config.json, else 0).")
    Integer topK;

    @Option(names = "--top-p", paramLabel = "P",
            description = "Draw from the smallest set of likely tokens whose probability reaches P, 0 to 1 (default: from "
            + "generation_config.json, else 0.95).")
    Double topP;

    @Option(names = "--min-p", paramLabel = "P", description = "Leave out tokens less than P times as likely as the most likely one, 0 "
            + "to 1 (default: from generation_config.json, else 0).")
    Double minP;

    @Option(names = "--repetition-penalty", paramLabel = "R", description = "Factor that makes tokens already written less likely; 1 is "
            + "off (default: from generation_config.json, else 1).")
    Double repetitionPenalty;

    @Option(names = "--typical-p", paramLabel = "P", defaultValue = "1", description = "Draw from the tokens whose surprise is nearest "
            + "to the expected surprise, until their probability reaches P, 0 to 1 (default: 1, off).")
    double typicalP;

    @Option(names = "--frequency-penalty", paramLabel = "F", defaultValue = "0", description = "Amount to subtract from a token's logit "
            + "for each time it was written, -100 to 100 (default: 0, off).")
    double frequencyPenalty;

    @Option(names = "--presence-penalty", paramLabel = "F", defaultValue = "0", description = "Amount to subtract once from the logits "
            + "of all tokens that were written, -100 to 100 (default: 0, off).")
    double presencePenalty;

    @Option(names = "--mirostat", paramLabel = "TAU", defaultValue = "0", description = "Hold the surprise of the text at TAU bits per "
            + "token (mirostat 2), instead of top-k, top-p, min-p and typical-p (default: 0, off).")
    double mirostat;

    @Option(names = "--mirostat-rate", paramLabel = "ETA", defaultValue = "0.1", description = "Speed at which mirostat adapts to what "
            + "was written, 0 to 1 (default: 0.1).")
    double mirostatRate;

    @Option(names = "--logit-bias", paramLabel = "ID=B", description = "Add B, -100 to 100, to the logit of token ID: -100 bans the "
            + "token, 100 forces it; may be repeated.")
    Map<Integer, Double> logitBias = Map.of();

    @Option(names = "--stop", paramLabel = "TEXT", description = "Stop before this text; may be repeated.")
    List<String> stop = List.of();

    @ArgGroup(exclusive = true)
    Form form = new Form();

    /** What the text has to be. */
    static final class Form {
        @Option(names = "--json-schema", paramLabel = "FILE", description = "Write JSON that is valid under the JSON schema in FILE; "
            + "keywords that are not supported are an error.")
        Path jsonSchema;

        @Option(names = "--regex", paramLabel = "PATTERN", description = "Write text that matches this regular expression from "
            + "beginning to end.")
        String regex;

        @Option(names = "--json", description = "Write a JSON object.")
        boolean json;
    }

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Random seed: the same seed gives the same text "
            + "(default: 0).")
    long seed;

    /** Ends in exit code 2 where the options given contradict each other or are out of range. */
    void check() {
        if (greedy && temperature != null && temperature != 0) {
            throw new ParameterException(spec.commandLine(), "--greedy means --temperature 0 and cannot be combined with --temperature " + temperature);
        }
        usage(() -> sampler(GenerationConfig.of(-1, List.of())));
        usage(() -> GenerateOptions.of(maxNewTokens == null ? MAX_NEW_TOKENS : maxNewTokens, SamplerOptions.DEFAULT).withStop(stop));
        // what is wrong with the form is said before a large model is read
        if (form.jsonSchema != null) {
            String schema = TextFile.read(form.jsonSchema);
            ofSchema(() -> {
                Constraint.checkJsonSchema(schema);
                return null;
            });
        }
        if (form.regex != null) {
            Constraint.checkRegex(form.regex);
        }
    }

    /** With the file's name before what is wrong with it. */
    private Constraint ofSchema(Supplier<Constraint> made) {
        try {
            return made.get();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(form.jsonSchema + ": " + e.getMessage(), e);
        }
    }

    private void usage(Supplier<?> made) {
        try {
            made.get();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    /** What to generate with this model. */
    GenerateOptions options(LoadedModel model) {
        return new GenerateOptions(mostNewTokens(model.advice()), sampler(model.advice()), stop, model.eosIds(), false).withConstraint(constraint(model.tokenizer()));
    }

    private Constraint constraint(Tokenizer tokenizer) {
        if (form.jsonSchema != null) {
            String schema = TextFile.read(form.jsonSchema);
            return ofSchema(() -> Constraint.jsonSchema(schema, TokenBytes.of(tokenizer)));
        }
        return form.regex != null ? Constraint.regex(form.regex, TokenBytes.of(tokenizer))
                : form.json ? Constraint.json(TokenBytes.of(tokenizer)) : null;
    }

    /** Most tokens to write. */
    int mostNewTokens(GenerationConfig advice) {
        return maxNewTokens != null ? maxNewTokens : advice.maxNewTokens().orElse(MAX_NEW_TOKENS);
    }

    private SamplerOptions sampler(GenerationConfig advice) {
        // a model whose makers say nothing about sampling gets moderate settings, one whose makers say something gets theirs alone
        boolean silent = advice.doSample().isEmpty() && advice.temperature().isEmpty() && advice.topP().isEmpty() && advice.topK().isEmpty();
        boolean adviseGreedy = advice.doSample().isPresent() && !advice.doSample().get();
        double heat = greedy || temperature == null && adviseGreedy ? 0
                : temperature != null ? temperature : advice.temperature().orElse(silent ? TEMPERATURE : 1);
        // mirostat is asked for by hand only, and takes the place of what would be advised; what else is asked for by hand it refuses
        boolean advised = mirostat == 0;
        return new SamplerOptions(heat,
                topK != null ? topK : advised ? advice.topK().orElse(0) : 0,
                topP != null ? topP : advised ? advice.topP().orElse(silent ? TOP_P : 1) : 1,
                minP != null ? minP : advised ? advice.minP().orElse(0) : 0,
                typicalP,
                new Penalties(repetitionPenalty != null ? repetitionPenalty : advice.repetitionPenalty().orElse(1),
                        frequencyPenalty, presencePenalty),
                new Mirostat(mirostat, mirostatRate),
                logitBias,
                seed);
    }
}
