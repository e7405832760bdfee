/**
 * The published architectures, a file each: names, shapes, roles, initialisation, layout and GGUF names of their weights, and how their
 * configuration is read and written.
 *
 * <p>A new family goes here: one class that implements {@link dev.zhulong.formats.Family} (and {@link dev.zhulong.formats.gguf.GgufFamily}, where
 * GGUF files exist of it) and one line in {@code families.txt}. {@link dev.zhulong.formats.family.RotaryDecoder}
 * is what the Llama-like ones share.
 */
package dev.zhulong.formats.family;
