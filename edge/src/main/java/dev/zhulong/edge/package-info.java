/**
 * A decoder for places where the rest of Zhulong does not run: phones, browsers, old JVMs. It reads a GGUF file and writes text, in plain Java 8 without a
 * dependency, and computes the same bits as the CPU engine.
 *
 * <pre>{@code
 * EdgeModel model = new EdgeModel(buffer);                       // a GGUF file, mapped or in memory
 * int[] prompt = model.tokenizer().sequence("Once upon a time");
 * EdgeWriter writer = new EdgeWriter(model, new EdgeSampler(0.8, 0, 0.95, 0, 1), prompt);
 * for (byte[] piece; (piece = writer.next()) != null; ) { ... }  // UTF-8; a character may go over several pieces
 * }</pre>
 *
 * <p>Llama, Qwen2 and Qwen3; weights in F32, F16, Q8_0, Q4_0, Q4_K, Q6_K and Q2_0. One thread; a model may be used by one thread at a time. What is wrong with a file is told in an
 * {@link java.lang.IllegalArgumentException} of one line. Its API is Java 8's, and all of it is in Android 13 (API 33).
 */
package dev.zhulong.edge;
