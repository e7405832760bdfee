/**
 * Fine-tuning data: from the files people have to token sequences that say which tokens are to be learnt.
 *
 * <pre>{@code
 * Examples examples = ExampleReader.read(DataSource.of(Path.of("train.jsonl")));
 * var encoder = new ExampleEncoder(tokenizer, conversations, 1024);
 * TuneTokens tokens = TuneTokens.of(examples.examples(), encoder, examples.report());
 * var rows = SupervisedRows.packed(tokens.sequences(), 1024, seed);
 * }</pre>
 *
 * <p>A row of a file either becomes an {@link dev.zhulong.data.tune.Example} or is refused in a
 * {@link dev.zhulong.data.read.RowReport}, with its number and the reason; nothing is dropped in silence.
 */
package dev.zhulong.data.tune;
