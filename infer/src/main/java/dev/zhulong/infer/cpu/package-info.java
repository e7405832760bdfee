/**
 * The CPU engine: decoders on {@link dev.zhulong.kernels}, without libtorch. Weights come from a GGUF file or a directory in Hugging Face's
 * layout, stored as they are there or quantised while they are loaded.
 *
 * <p>The bits of a sequence's logits depend on the model and the ids before them alone: not on what shares the batch, nor on the pieces in which
 * the ids were read, nor on the number of threads.
 */
package dev.zhulong.infer.cpu;
