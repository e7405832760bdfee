/**
 * GGUF, the file format of ggml and llama.cpp: the container, and what a decoder's metadata and tensor names in it mean.
 *
 * <p>The layout is that of ggml's {@code docs/gguf.md}, versions 2 and 3, little-endian. As everywhere in {@code formats}, a file that
 * breaks it raises {@link dev.zhulong.formats.FormatException}, and tensor data are views that live until the
 * {@link dev.zhulong.formats.gguf.GgufFile} that gave them is closed; metadata are copies and outlive it.
 */
package dev.zhulong.formats.gguf;
