package dev.zhulong.cli;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.EmbedJob;
import dev.zhulong.recipe.EmbedRecipe;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.recipe.LabelJob;
import dev.zhulong.recipe.LabelRecipe;
import dev.zhulong.recipe.RewriteJob;
import dev.zhulong.recipe.RewriteRecipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What a model is, what it is used for by which verbs and on which engines, and by which tasks and methods it can be trained in the memory there is.
 *
 * @param kind     decoder, encoder or encoder–decoder
 * @param what     family, size and head
 * @param verbs    for it as it is
 * @param engines  that run it
 * @param training ways to train it, each with its peak of memory in bytes; empty where only directories can be trained and this is none
 */
record ModelUse(String kind, String what, List<String> verbs, String engines, Map<String, Long> training) {
    /** Tasks of text that one may have for a model. */
    enum Task {
        WRITE, CLASSIFY, TAGS, QA, EMBED, RERANK, TRANSLATE, SUMMARIZE;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** @throws IllegalArgumentException where there is no model */
    static ModelUse of(Path model) {
        if (Files.isRegularFile(model)) {
            return new ModelUse("decoder", "a GGUF file", writing(), "cpu", Map.of());
        }
        boolean elsewhere = !Files.isRegularFile(model.resolve(ModelDirectory.CONFIG)) && EncoderModel.is(model);
        NetworkSpec spec = HfConfig.network((elsewhere ? model.resolve(EmbeddingConfig.read(model).network()) : model).resolve(ModelDirectory.CONFIG));
        String size = String.format(Locale.ROOT, "%s, %,d weights", spec.family().modelType(), Parameters.of(spec).count());
        return switch (spec) {
            case DecoderSpec decoder -> new ModelUse("decoder", size, writing(), "cpu or torch", peaks(model, List.of("--method full", "--method lora", "--method qlora")));
            case EncoderDecoderSpec both when both.hears() -> new ModelUse("encoder–decoder that hears", size, List.of("transcribe", "serve"), "torch", Map.of());
            case EncoderDecoderSpec both -> new ModelUse("encoder–decoder", size, List.of("translate", "serve"), "cpu or torch", peaks(model, List.of("--task translate", "--task summarize")));
            case EncoderSpec encoder -> new ModelUse("encoder", size + ", " + head(encoder.head()), verbs(encoder.head()), "cpu or torch",
                    peaks(model, List.of("--task classify", "--task tags", "--task qa", "--task embed")));
            case VisionSpec vision -> new ModelUse("vision network", size + (vision.labels().isEmpty() ? "" : ", " + vision.labels().size() + " classes"), vision.labels().isEmpty() && vision.texts().isEmpty() ? List.of("embed") : List.of(vision.texts().isPresent() ? "classify --labels" : "classify", "embed"), "torch", vision.texts().isPresent() ? Map.of() : peaks(model, List.of("--task classify")));
        };
    }

    private static List<String> writing() {
        return List.of("generate", "chat", "serve", "evaluate");
    }

    private static String head(Head head) {
        return switch (head) {
            case Head.None _ -> "no head";
            case Head.MaskedTokens _ -> "a head that fills in masked tokens";
            case Head.Classes classes -> classes.labels().size() == 1 ? "a score of a pair of texts" : classes.labels().size() + " classes";
            case Head.Tags tags -> tags.labels().size() + " tags";
            case Head.Spans _ -> "a head that finds answers";
        };
    }

    private static List<String> verbs(Head head) {
        return switch (head) {
            case Head.None _ -> List.of("embed", "serve", "evaluate --retrieval");
            case Head.MaskedTokens _ -> List.of("embed", "serve", "evaluate --retrieval");
            case Head.Classes classes -> classes.labels().size() == 1 ? List.of("rerank", "serve") : List.of("evaluate --task classify", "serve");
            case Head.Tags _ -> List.of("evaluate --task tags", "serve");
            case Head.Spans _ -> List.of("evaluate --task qa", "serve");
        };
    }

    /** By way, what training with the recipe's defaults needs. */
    private static Map<String, Long> peaks(Path model, List<String> ways) {
        Map<String, Long> peaks = new LinkedHashMap<>();
        for (String way : ways) {
            String value = way.substring(way.indexOf(' ') + 1);
            List<String> fields = List.of("model.from=" + model, (way.startsWith("--method") ? "method=" : "task=") + value);
            peaks.put(way, switch (value) {
                case "full", "lora", "qlora" -> new FinetuneJob(RecipeReader.defaults(FinetuneRecipe.class, fields)).needs();
                case "translate", "summarize" -> new RewriteJob(RecipeReader.defaults(RewriteRecipe.class, fields)).needs();
                case "embed" -> new EmbedJob(RecipeReader.defaults(EmbedRecipe.class, fields.subList(0, 1))).needs();
                default -> new LabelJob(RecipeReader.defaults(LabelRecipe.class, fields)).needs();
            });
        }
        return peaks;
    }

    /** One line of all of it. @param available bytes */
    String text(long available) {
        return (kind.startsWith("e") ? "an " : "a ") + kind + " (" + what + "): " + verbs.stream().map(verb -> "zhulong " + verb)
                .collect(Collectors.joining(", ")) + ", on " + engines + "; " + (training.isEmpty() ? kind.startsWith("v") ? "not trained by these verbs" : "not trained from this file: take a directory in the Hugging Face layout"
                        : "zhulong finetune " + training.entrySet().stream().map(way -> way.getKey() + " needs " + Sizes.memory(way.getValue())
                                + (way.getValue() > available ? " (too much here)" : "")).collect(Collectors.joining(", ")));
    }

    /**
     * One line of a task: what to do for it with this model, or what model it needs instead.
     *
     * @param available bytes
     */
    String text(Task task, Path model, long available) {
        boolean head = verbs.contains("evaluate --task " + task) || task == Task.EMBED && verbs.contains("embed") || task == Task.RERANK && verbs.contains("rerank");
        if (head) {
            return task + ": as it is, with zhulong " + (task == Task.RERANK || task == Task.EMBED ? task.toString() : "evaluate --task " + task) + " or serve"
                    + better(task, available).map(way -> "; on your own rows: zhulong finetune " + way + " --model " + model).orElse("");
        }
        return switch (kind) {
            case "decoder" -> task == Task.EMBED || task == Task.RERANK ? task + ": not with a decoder; take an encoder such as BERT, or all-MiniLM-L6-v2"
                    : task == Task.WRITE ? "write: as it is, with zhulong generate, chat or serve" + taught(model, available)
                    : task + ": by prompts with their answers" + taught(model, available);
            case "encoder" -> better(task, available).map(way -> task + ": zhulong finetune " + way + " --model " + model + " --data FILE")
                    .orElseGet(() -> task == Task.RERANK ? "rerank: an encoder with one output is needed: zhulong finetune --task classify on pairs gives classes; take a published cross-encoder"
                            : fits(task, "an encoder writes no text; take a decoder or, to " + task + ", an encoder–decoder such as T5"));
            default -> task == Task.TRANSLATE || task == Task.SUMMARIZE ? task + ": as it is, with zhulong translate" + better(task, available)
                    .map(way -> "; on your own pairs: zhulong finetune " + way + " --model " + model + " --data FILE").orElse("; training does not fit into memory")
                    : fits(task, "take an encoder for it, or a decoder");
        };
    }

    private String fits(Task task, String otherwise) {
        return training.containsKey("--task " + task) ? task + ": training needs " + Sizes.memory(training.get("--task " + task)) + ", more than there is here; set a smaller train.batch"
                + " or train.seq, or train.recompute=true" : task + ": not with this model; " + otherwise;
    }

    /** The way to train for a task, if it fits. */
    private Optional<String> better(Task task, long available) {
        return Optional.of("--task " + task).filter(way -> training.getOrDefault(way, Long.MAX_VALUE) <= available);
    }

    /** The fullest method that fits. */
    private String taught(Path model, long available) {
        if (training.isEmpty()) {
            return "; not trained from this file: take a directory in the Hugging Face layout";
        }
        List<String> fitting = training.entrySet().stream().filter(way -> way.getValue() <= available).map(Map.Entry::getKey).toList();
        return fitting.isEmpty() ? "; no method of training fits into memory: take a smaller model" : "; on your own rows: zhulong finetune " + fitting.getFirst() + " --model "
                + model + " --data FILE (" + Sizes.memory(training.get(fitting.getFirst())) + " of " + Sizes.memory(available) + ")";
    }
}
