package dev.zhulong.compress;

/**
 * How well a model predicts a text and how fast it writes.
 *
 * @param perplexity      a token
 * @param tokens          scored
 * @param tokensPerSecond of one sequence being written
 */
public record Measurement(double perplexity, long tokens, double tokensPerSecond) {}
