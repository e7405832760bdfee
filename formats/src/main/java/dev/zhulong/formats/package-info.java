/**
 * The files a model lives in: safetensors, Hugging Face model directories and their configuration, and provenance.
 *
 * <p>Everything read here may come from a stranger. A file that breaks its format raises {@link dev.zhulong.formats.FormatException},
 * whose one line names the file, the tensor or field, what was expected and what was found; a disk that fails raises
 * {@link java.io.UncheckedIOException}. Nothing else leaves a reader, and no reader runs code found in a file.
 *
 * <p>Tensor data are views on mapped files: they live until the {@link dev.zhulong.formats.SafetensorsFile} or
 * {@link dev.zhulong.formats.ModelDirectory} that gave them is closed. Files are written whole or not at all
 * ({@link dev.zhulong.formats.AtomicFile}).
 */
package dev.zhulong.formats;
