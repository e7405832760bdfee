package dev.zhulong.infer;

import java.util.List;

/**
 * What to generate and when to end.
 *
 * @param maxNewTokens most tokens to generate
 * @param sampler      how each is drawn
 * @param stop         strings that end the text; neither the text nor the stream holds them. Only generated text is searched
 * @param stopIds      ids that end the sequence besides the model's and the tokenizer's EOS
 * @param ignoreEos    goes on past EOS (for measuring speed)
 */
public record GenerateOptions(int maxNewTokens, SamplerOptions sampler, List<String> stop, List<Integer> stopIds, boolean ignoreEos) {
    public GenerateOptions {
        if (maxNewTokens < 0) {
            throw new IllegalArgumentException("max new tokens must not be negative, found " + maxNewTokens);
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

    /** At most {@code maxNewTokens}, ended by EOS alone. */
    public static GenerateOptions of(int maxNewTokens, SamplerOptions sampler) {
        return new GenerateOptions(maxNewTokens, sampler, List.of(), List.of(), false);
    }

    public GenerateOptions withStop(List<String> value) {
        return new GenerateOptions(maxNewTokens, sampler, value, stopIds, ignoreEos);
    }
}
