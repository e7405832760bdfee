/**
 * Networks over libtorch.
 *
 * <p>A {@link dev.zhulong.model.Network} is an ordered map of weights, named and laid out as in Hugging Face's files, and a list of parts that a flow of
 * tensors passes: of a {@link dev.zhulong.model.Decoder} {@code embed → layers → norm}. A {@link dev.zhulong.model.Part} is a function of its weights,
 * the flow and the {@link dev.zhulong.model.Pass} (positions, who sees whom, cache). Whatever walks a network a part at a time (recomputation, streaming,
 * pruning) rests on that shape. One layer serves every family, driven by its spec and by the roles of its weights; a new family is a
 * {@link dev.zhulong.formats.Family}, and a float64 reference in the tests.
 */
package dev.zhulong.model;
