/**
 * Token shards: a corpus as token ids, memory-mapped, with the boundaries of its documents.
 *
 * <p>A directory with {@code shards.json} and {@code tokens-00000.bin}, {@code tokens-00001.bin}, ... Each binary file, little-endian:
 *
 * <pre>
 * offset 0   8 bytes   "ZLTOKENS"
 *        8   u32       version, 1
 *       12   u32       bytes a token: 2 (u16) or 4 (i32)
 *       16   u64       tokens, T
 *       24   u64       documents, D
 *       32   T tokens  of all documents one after another, then zeros up to a multiple of 8
 *        .   u64 x D+1 where each document begins, in tokens; the last is T
 *        .   u32 x D   bytes of each document's text in UTF-8
 * </pre>
 *
 * A document is BOS (when the tokenizer adds it), its tokens, EOS. No document lies in two files.
 *
 * <p>{@code shards.json}: {@code format}, {@code key}, {@code tokenizer} (its hash), {@code content} (the documents' hash),
 * {@code vocabSize}, {@code bos} and {@code eos} (ids, or -1 where none is added), {@code documents}, {@code tokens}, {@code bytes}, and
 * {@code files} with name, documents, tokens, size in bytes and CRC-32C of each. It is written last: a directory without it is unfinished.
 */
package dev.zhulong.data.shard;
