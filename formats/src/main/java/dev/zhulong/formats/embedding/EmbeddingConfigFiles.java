package dev.zhulong.formats.embedding;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/** Reads {@link EmbeddingConfig}. */
final class EmbeddingConfigFiles {
    static final String MODULES = "modules.json";
    static final String CONFIG = "config_sentence_transformers.json";
    private static final List<String> NETWORK_CONFIGS = List.of("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json",
            "sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json");
    private static final List<String> SIMILARITIES = List.of("cosine", "dot", "euclidean", "manhattan");
    private static final String CROSS_ENCODER = "CrossEncoder";
    private static final int WIDEST = 1 << 20;

    private EmbeddingConfigFiles() {}

    static EmbeddingConfig read(Path directory) {
        Path modules = directory.resolve(MODULES);
        String network = "";
        List<Pooling> pooling = List.of(Pooling.MEAN);
        boolean includePrompt = true;
        OptionalInt hidden = OptionalInt.empty();
        List<EmbeddingConfig.Step> steps = new ArrayList<>();
        boolean stated = Files.exists(modules);
        boolean scores = Files.exists(directory.resolve(CONFIG)) && JsonFields.read(directory.resolve(CONFIG)).text("model_type").orElse("").equals(CROSS_ENCODER);
        if (stated && scores) {
            List<JsonFields> all = JsonFields.readArray(modules);
            if (all.size() != 1 || !kind(all.getFirst()).equals("Transformer")) {
                throw FormatException.at(modules, "file", "a Transformer alone, since no cross-encoder with other modules is implemented", all.isEmpty() ? "no modules"
                        : String.join(", ", all.stream().map(EmbeddingConfigFiles::kind).toList()));
            }
            network = folder(all.getFirst());
        } else if (stated) {
            List<JsonFields> all = JsonFields.readArray(modules);
            if (all.size() < 2 || !kind(all.get(0)).equals("Transformer") || !kind(all.get(1)).equals("Pooling")) {
                throw FormatException.at(modules, "file", "a Transformer, then a Pooling", all.isEmpty() ? "no modules" : String.join(", ",
                        all.stream().map(EmbeddingConfigFiles::kind).toList()));
            }
            network = folder(all.get(0));
            JsonFields own = JsonFields.read(directory.resolve(folder(all.get(1))).resolve("config.json"));
            pooling = pooling(own);
            includePrompt = own.flag("include_prompt", true);
            String width = own.named("embedding_dimension", "word_embedding_dimension");
            hidden = own.isSet(width) ? OptionalInt.of(own.integer(width, 1, WIDEST)) : OptionalInt.empty();
            for (JsonFields module : all.subList(2, all.size())) {
                steps.add(step(module, directory));
            }
            check(modules, hidden, pooling.size(), steps);
        }
        OptionalInt maxTokens = OptionalInt.empty();
        boolean lowercase = false;
        for (String name : NETWORK_CONFIGS) {
            Path file = directory.resolve(network).resolve(name);
            if (Files.exists(file)) {
                JsonFields own = JsonFields.read(file);
                maxTokens = own.isSet("max_seq_length") ? OptionalInt.of(own.integer("max_seq_length", 1, 1 << 24)) : maxTokens;
                lowercase = own.flag("do_lower_case", false);
                String expected = scores ? "sequence-classification" : "feature-extraction";
                own.text("transformer_task").filter(task -> !task.equals(expected)).ifPresent(_ -> {
                    throw own.wrong("transformer_task", expected, own.node("transformer_task"));
                });
                break;
            }
        }
        Map<String, String> prompts = new LinkedHashMap<>();
        Optional<String> prompt = Optional.empty();
        String similarity = "cosine";
        if (Files.exists(directory.resolve(CONFIG))) {
            JsonFields own = JsonFields.read(directory.resolve(CONFIG));
            own.text("model_type").filter(type -> !type.equals("SentenceTransformer") && !type.equals(CROSS_ENCODER)).ifPresent(_ -> {
                throw own.wrong("model_type", "SentenceTransformer or " + CROSS_ENCODER, own.node("model_type"));
            });
            own.object("prompts").ifPresent(texts -> texts.object().fieldNames().forEachRemaining(name -> prompts.put(name, texts.text(name).orElse(""))));
            prompt = own.text("default_prompt_name");
            if (prompt.isPresent() && !prompts.containsKey(prompt.get())) {
                throw own.wrong("default_prompt_name", "one of the prompts " + prompts.keySet(), own.node("default_prompt_name"));
            }
            similarity = own.text("similarity_fn_name").map(name -> name.equals("dot_product") ? "dot" : name).orElse(similarity);
            if (!SIMILARITIES.contains(similarity)) {
                throw own.wrong("similarity_fn_name", "one of " + String.join(", ", SIMILARITIES), own.node("similarity_fn_name"));
            }
        }
        return new EmbeddingConfig(stated, network, maxTokens, lowercase, pooling, includePrompt, hidden, steps, prompts, prompt, similarity);
    }

    static List<Path> files(EmbeddingConfig config, Path directory) {
        List<Path> files = new ArrayList<>(Stream.of(MODULES, CONFIG).map(directory::resolve).toList());
        NETWORK_CONFIGS.forEach(name -> files.add(directory.resolve(config.network()).resolve(name)));
        if (config.stated()) {
            for (JsonFields module : JsonFields.readArray(directory.resolve(MODULES))) {
                Path folder = directory.resolve(folder(module));
                if (!kind(module).equals("Transformer")) {
                    files.add(folder.resolve("config.json"));
                    files.add(folder.resolve("model.safetensors"));
                }
            }
        }
        return files.stream().filter(Files::isRegularFile).toList();
    }

    static void write(EmbeddingConfig config, Path from, Path to, int hidden) {
        try {
            for (Path file : files(config, from)) {
                Path copy = to.resolve(from.relativize(file));
                Files.createDirectories(copy.getParent());
                AtomicFile.writeBytes(copy, Files.readAllBytes(file));
            }
            if (config.stated()) {
                return;
            }
            var pooling = JsonNodeFactory.instance.objectNode().put("word_embedding_dimension", hidden);
            for (Pooling each : Pooling.values()) {
                pooling.put(each.flag(), config.pooling().contains(each));
            }
            Files.createDirectories(to.resolve("1_Pooling"));
            JsonFile.write(to.resolve("1_Pooling/config.json"), pooling.put("include_prompt", config.includePrompt()));
            var modules = JsonNodeFactory.instance.arrayNode();
            modules.add(module(0, config.network(), "Transformer"));
            modules.add(module(1, "1_Pooling", "Pooling"));
            if (config.normalizes()) {
                Files.createDirectories(to.resolve("2_Normalize"));
                modules.add(module(2, "2_Normalize", "Normalize"));
            }
            // what is there last says that the rest is
            JsonFile.write(to.resolve(MODULES), modules);
        } catch (IOException e) {
            throw new UncheckedIOException(to + ": the files of its vectors cannot be written: " + e.getMessage(), e);
        }
    }

    private static ObjectNode module(int number, String path, String kind) {
        return JsonNodeFactory.instance.objectNode().put("idx", number).put("name", Integer.toString(number)).put("path", path)
                .put("type", "sentence_transformers.models." + kind);
    }

    /** The class's own name; the package it is in has changed from version to version. */
    private static String kind(JsonFields module) {
        String type = module.text("type").orElseThrow(() -> module.wrong("type", "a class of sentence_transformers", module.node("type")));
        if (!type.startsWith("sentence_transformers.")) {
            throw module.wrong("type", "a class of sentence_transformers, since no code from model files is run", module.node("type"));
        }
        return type.substring(type.lastIndexOf('.') + 1);
    }

    private static String folder(JsonFields module) {
        String path = module.text("path").orElse("");
        if (path.startsWith("/") || path.indexOf('\\') >= 0 || path.indexOf(':') >= 0 || path.indexOf('\0') >= 0 || Arrays.asList(path.split("/")).contains("..")) {
            throw module.wrong("path", "a folder inside the directory", module.node("path"));
        }
        return path;
    }

    private static List<Pooling> pooling(JsonFields own) {
        if (own.isSet("pooling_mode")) {
            var modes = new ArrayList<Pooling>();
            for (var mode : own.node("pooling_mode").isArray() ? own.node("pooling_mode") : List.of(own.node("pooling_mode"))) {
                modes.add(Pooling.of(mode.isTextual() ? mode.textValue() : "").orElseThrow(() -> own.wrong("pooling_mode", "one or more of "
                        + String.join(", ", Pooling.ids()), mode)));
            }
            if (modes.isEmpty()) {
                throw own.wrong("pooling_mode", "one or more of " + String.join(", ", Pooling.ids()), own.node("pooling_mode"));
            }
            return modes;
        }
        List<String> known = Arrays.stream(Pooling.values()).map(Pooling::flag).toList();
        own.object().fieldNames().forEachRemaining(name -> {
            if (name.startsWith("pooling_mode_") && !known.contains(name) && own.flag(name, false)) {
                throw own.wrong(name, "false, since it is not implemented", own.node(name));
            }
        });
        List<Pooling> modes = Arrays.stream(Pooling.values()).filter(mode -> own.flag(mode.flag(), false)).toList();
        if (modes.isEmpty() && own.isSet(Pooling.MEAN.flag())) {
            throw own.wrong(Pooling.MEAN.flag(), "true, or another pooling mode that is", own.node(Pooling.MEAN.flag()));
        }
        return modes.isEmpty() ? List.of(Pooling.MEAN) : modes;
    }

    private static EmbeddingConfig.Step step(JsonFields module, Path directory) {
        String kind = kind(module);
        Path file = directory.resolve(folder(module)).resolve("config.json");
        switch (kind) {
            case "Normalize" -> {
                if (Files.exists(file)) {
                    onVector(JsonFields.read(file));
                }
                return new EmbeddingConfig.Normalize();
            }
            case "Dense" -> {
                JsonFields own = JsonFields.read(file);
                onVector(own);
                if (own.flag("use_residual", false)) {
                    throw own.wrong("use_residual", "false, since it is not implemented", own.node("use_residual"));
                }
                // Tanh is what the class has by itself
                String activation = own.text("activation_function").orElse("Tanh");
                return new EmbeddingConfig.Dense(folder(module), own.integer("in_features", 1, WIDEST), own.integer("out_features", 1, WIDEST),
                        own.flag("bias", true), switch (activation.substring(activation.lastIndexOf('.') + 1)) {
                            case "Identity" -> EmbeddingConfig.Activation.IDENTITY;
                            case "Tanh" -> EmbeddingConfig.Activation.TANH;
                            default -> throw own.wrong("activation_function", "Identity or Tanh, since no other is implemented", own.node("activation_function"));
                        });
            }
            case "Dropout" -> throw module.wrong("type", "Pooling, Dense or Normalize; a Dropout does nothing here and may be taken out", module.node("type"));
            default -> throw module.wrong("type", "Dense or Normalize behind the Pooling, since no other module is implemented", module.node("type"));
        }
    }

    private static void onVector(JsonFields own) {
        for (String name : List.of("module_input_name", "module_output_name")) {
            own.text(name).filter(key -> !key.equals("sentence_embedding")).ifPresent(_ -> {
                throw own.wrong(name, "sentence_embedding", own.node(name));
            });
        }
    }

    private static void check(Path modules, OptionalInt hidden, int poolings, List<EmbeddingConfig.Step> steps) {
        int width = hidden.isPresent() ? poolings * hidden.getAsInt() : -1;
        for (EmbeddingConfig.Step step : steps) {
            if (step instanceof EmbeddingConfig.Dense dense) {
                if (width >= 0 && dense.inputs() != width) {
                    throw FormatException.at(modules, dense.folder(), "in_features " + width + ", the length of what comes before", dense.inputs());
                }
                width = dense.outputs();
            }
        }
    }
}
