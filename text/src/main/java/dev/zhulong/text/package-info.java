/**
 * Tokenizers: load any {@code tokenizer.json}, train one, encode, decode as a stream.
 *
 * <p>{@link dev.zhulong.text.HuggingFaceTokenizer#load} opens what Hugging Face's tokenizers library writes;
 * {@link dev.zhulong.text.BpeTrainer} and {@link dev.zhulong.text.CharacterVocabulary} make vocabularies and
 * {@link dev.zhulong.text.TokenizerJson} writes them for that library. Ids are ints from 0 to {@code vocabSize - 1} and may have holes.
 * A tokenizer may be shared by threads until it is closed; a {@link dev.zhulong.text.StreamingDecoder} belongs to one sequence.
 */
package dev.zhulong.text;
