/**
 * Decoder architectures.
 *
 * <p>A network is {@code embed → blocks → head} ({@link dev.zhulong.model.Decoder}); its parameters are an ordered map of Hugging Face
 * names to tensors, in Hugging Face's layouts; a {@link dev.zhulong.model.Block} is a function of the residual stream and a
 * {@link dev.zhulong.model.Context} (positions, mask, cache). Whatever walks a network a block at a time (recompute, streaming, pruning)
 * rests on that shape. A new family is a {@link dev.zhulong.formats.Family}, and a float64
 * reference in the tests.
 */
package dev.zhulong.model;
