package dev.zhulong.cli;

import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A model directory, opened for use.
 *
 * @param model     on the torch engine, weights in F32
 * @param tokenizer of the same directory
 * @param advice    its {@code generation_config.json}
 * @param eosIds    ids that end a sequence
 */
record LoadedModel(LanguageModel model, Tokenizer tokenizer, GenerationConfig advice, List<Integer> eosIds) implements AutoCloseable {
    /** With the adapter in a directory, or null for none. */
    static LoadedModel open(Path directory, Path adapter) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            Tokenizer tokenizer = HuggingFaceTokenizer.load(directory);
            try {
                return new LoadedModel(engine(files, adapter), tokenizer, files.generationConfig(), files.eosIds());
            } catch (RuntimeException | Error e) {
                tokenizer.close();
                throw e;
            }
        }
    }

    /** Only the weights, for verbs that need no text. */
    static LanguageModel openEngine(Path directory, Path adapter) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return engine(files, adapter);
        }
    }

    private static LanguageModel engine(ModelDirectory files, Path adapter) {
        long needed = files.tensors().values().stream().mapToLong(tensor -> tensor.elements() * Float.BYTES).sum();
        long available = Machine.availableMemory();
        if (needed > available) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%s needs %.1f GB for its weights in F32 and %.1f GB of memory "
                    + "are available: close other programs or take a smaller model", files.path(), needed * 1e-9, available * 1e-9));
        }
        Decoder model = DecoderFiles.load(files);
        if (adapter != null) {
            try {
                adapt(model, adapter);
            } catch (RuntimeException e) {
                model.close();
                throw e;
            }
        }
        return new TorchEngine(model);
    }

    /** An adapter that was asked for and does nothing would look like one that works. */
    private static void adapt(Decoder model, Path directory) {
        LoraAdapter adapter = LoraAdapter.load(directory, model);
        if (adapter.changesNothing()) {
            adapter.close();
            throw new IllegalArgumentException(directory + ": this adapter changes nothing: it has not been trained");
        }
        model.attach(adapter);
    }

    /** The template of the adapter where it brings one, else the model's, else ChatML. */
    static ChatTemplate template(Path model, Path adapter) {
        return ChatTemplate.load(adapter != null && Files.isRegularFile(adapter.resolve(ChatTemplate.FILE)) ? adapter : model);
    }

    /** What tells a model and its adapter from every other: hashes of the files that decide what it says. */
    static SortedMap<String, String> identity(Path model, Path adapter) {
        SortedMap<String, String> hashes = new TreeMap<>();
        put(hashes, "model/", model);
        if (adapter != null) {
            put(hashes, "adapter/", adapter);
        }
        hashes.put("engine", "torch f32");
        return hashes;
    }

    private static void put(SortedMap<String, String> hashes, String prefix, Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            files.filter(file -> file.getFileName().toString().matches(".*\\.safetensors|.*config\\.json|tokenizer\\.json|.*\\.jinja"))
                    .forEach(file -> hashes.put(prefix + file.getFileName(), ContentHash.ofFile(file).sha256()));
        } catch (IOException e) {
            throw new UncheckedIOException(directory + ": cannot be read: " + e.getMessage(), e);
        }
    }

    Generator generator() {
        return new Generator(model, tokenizer);
    }

    @Override
    public void close() {
        model.close();
        tokenizer.close();
    }
}
