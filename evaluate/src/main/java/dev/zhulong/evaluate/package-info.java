/**
 * How well a model predicts text: metrics, each with the protocol it was measured by.
 *
 * <p>{@link dev.zhulong.evaluate.Perplexity} states the protocol in full; {@link dev.zhulong.evaluate.UnigramBaseline} scores the same
 * tokens, so that the two can be compared.
 */
package dev.zhulong.evaluate;
