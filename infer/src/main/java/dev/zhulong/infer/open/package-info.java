/**
 * Opening a model, whatever it is stored as, and choosing what runs it: the one way, for the command line and for programs.
 *
 * <pre>{@code
 * try (ModelFiles files = ModelFiles.open(Path.of("my-model"), EngineChoice.DEFAULT.withWeights(WeightType.Q8_0));
 *         LoadedModel model = files.loadFitting(System.err::println)) {
 *     Generator generator = model.generator();
 *     GenerateOptions options = GenerateOptions.of(60, SamplerOptions.GREEDY).withStopIds(model.eosIds());
 *     generator.generate(generator.sequence("Once upon a time"), options, System.out::print);
 * }
 * }</pre>
 *
 * <p>{@code "my-model"} is a directory in Hugging Face's layout or a GGUF file. {@link dev.zhulong.infer.open.EngineChoice} says which engine runs it, in which
 * precision, on how many threads; a LoRA adapter is named beside the model. Files are opened first, and only their headers are read: what a model is, what
 * memory it needs and which engine it gets is known before anything is loaded. {@code load} refuses what does not fit into memory with an error that says what
 * would.
 *
 * <p>A {@link dev.zhulong.infer.open.ModelFiles} is for one thread and loads its model once. The tokenizer is closed with the files, the weights with the
 * {@link dev.zhulong.infer.open.LoadedModel}.
 */
package dev.zhulong.infer.open;
