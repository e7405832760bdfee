/**
 * From files to a clean corpus: {@link dev.zhulong.data.Cleaner} reads, cleans, removes duplicates and splits, in two streamed passes.
 *
 * <p>A new cleaning rule is one class that implements {@link dev.zhulong.data.document.CleaningStep}. A new input format is one case in
 * {@link dev.zhulong.data.read.DocumentReader}. Nothing here holds a whole corpus in memory; what grows with the corpus are the
 * near-duplicate signatures, about 250 bytes a document.
 */
package dev.zhulong.data;
