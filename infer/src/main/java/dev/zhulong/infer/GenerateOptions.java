package dev.zhulong.infer;

import dev.zhulong.infer.constrain.Constraint;
import java.util.List;

/**
 * What to generate and when to end.
 *
 * @param maxNewTokens most tokens to generate
 * @param sampler      how each is drawn
 * @param stop         strings that end the text; neither the text nor the stream holds them. Only generated text is searched
 * @param stopIds      ids that end the sequence besides the model's and the tokenizer's EOS
 * @param ignoreEos    goes on past EOS (for measuring speed)
 * @param logProbs     log-probabilities: {@link #NO_LOG_PROBS}, 0 for those of the tokens written, n for the n likeliest besides; of the
 *                     model's own distribution, which knows nothing of a constraint
 * @param constraint   what may be written; null for anything
 */
public record GenerateOptions(
        int maxNewTokens, SamplerOptions sampler, List<String> stop, List<Integer> stopIds, boolean ignoreEos, int logProbs,
        Constraint constraint) {
    public static final int NO_LOG_PROBS = -1;

    public GenerateOptions {
        if (maxNewTokens < 0) {
            throw new IllegalArgumentException("max new tokens must not be negative, found " + maxNewTokens);
        }
        if (logProbs < NO_LOG_PROBS) {
            throw new IllegalArgumentException("the number of log-probabilities a token must not be negative, found " + logProbs);
        }
        stop = List.copyOf(stop);
        stopIds = List.copyOf(stopIds);
        for (String text : stop) {
            if (text.isEmpty()) {
                throw new IllegalArgumentException("a stop string must not be empty");
            }
            if (Character.isLowSurrogate(text.charAt(0))) {
                throw new IllegalArgumentException("a stop string must not begin in the middle of a character");
            }
        }
    }

    /** Without log-probabilities and constraint. */
    public GenerateOptions(int maxNewTokens, SamplerOptions sampler, List<String> stop, List<Integer> stopIds, boolean ignoreEos) {
        this(maxNewTokens, sampler, stop, stopIds, ignoreEos, NO_LOG_PROBS, null);
    }

    /** At most {@code maxNewTokens}, ended by EOS alone. */
    public static GenerateOptions of(int maxNewTokens, SamplerOptions sampler) {
        return new GenerateOptions(maxNewTokens, sampler, List.of(), List.of(), false);
    }

    /** Most tokens that can be written after a prompt, in a context it fits into. */
    int newTokens(int promptTokens, int context) {
        return Math.min(maxNewTokens, context - promptTokens);
    }

    public GenerateOptions withStop(List<String> value) {
        return new GenerateOptions(maxNewTokens, sampler, value, stopIds, ignoreEos, logProbs, constraint);
    }

    public GenerateOptions withStopIds(List<Integer> value) {
        return new GenerateOptions(maxNewTokens, sampler, stop, value, ignoreEos, logProbs, constraint);
    }

    public GenerateOptions withSampler(SamplerOptions value) {
        return new GenerateOptions(maxNewTokens, value, stop, stopIds, ignoreEos, logProbs, constraint);
    }

    public GenerateOptions withLogProbs(int value) {
        return new GenerateOptions(maxNewTokens, sampler, stop, stopIds, ignoreEos, value, constraint);
    }

    public GenerateOptions withConstraint(Constraint value) {
        return new GenerateOptions(maxNewTokens, sampler, stop, stopIds, ignoreEos, logProbs, value);
    }
}
