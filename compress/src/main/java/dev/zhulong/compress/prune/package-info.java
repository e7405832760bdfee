/**
 * Models with fewer parts, as Hugging Face directories that any tool reads: {@link dev.zhulong.compress.prune.VocabularyTrim} takes tokens away that texts do not need.
 */
package dev.zhulong.compress.prune;
