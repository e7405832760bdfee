/**
 * Models with fewer parts, as Hugging Face directories that any tool reads: {@link dev.zhulong.compress.prune.VocabularyTrim} takes tokens away that texts do not need,
 * {@link dev.zhulong.compress.prune.DecoderPrune} layers, channels of MLPs, heads and experts, which {@link dev.zhulong.compress.prune.Staying} chooses by
 * {@link dev.zhulong.compress.prune.PartImportance}, and {@link dev.zhulong.compress.prune.EncoderLayers} layers of encoders.
 */
package dev.zhulong.compress.prune;
