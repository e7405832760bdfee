package dev.zhulong.infer;

import java.util.List;

/**
 * How likely a generated token was, and which were likelier: natural logarithms of the model's own distribution over the tokenizer's
 * vocabulary, before any step of the {@link Sampler} and before a constraint.
 *
 * @param chosen the token that was written
 * @param top    the most likely tokens, best first, equal ones by lowest id; as many as were asked for
 */
public record TokenLogProbs(Entry chosen, List<Entry> top) {
    public TokenLogProbs {
        top = List.copyOf(top);
    }

    /** A token and its log-probability, at most 0. */
    public record Entry(int id, double logProb) {}
}
