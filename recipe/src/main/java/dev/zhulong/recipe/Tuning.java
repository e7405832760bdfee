package dev.zhulong.recipe;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.cost.Counts;
import dev.zhulong.recipe.cost.Sharing;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What of an encoder or an encoder–decoder is trained: all weights, or an adapter on weights that stay as they are, perhaps in blocks of 4 or 8 bits.
 *
 * @param quantize storage of the base, where the method is qlora
 * @param adapter  of the methods lora and qlora
 * @param from     the base; empty for a new model
 */
record Tuning(Method method, QuantizedMatrix.Format quantize, PretrainRecipe.Adapter adapter, Optional<Path> from) {
    Tuning {
        if (method == Method.DPO) {
            throw new IllegalArgumentException("dpo learns from pairs of answers, which a decoder writes: method must be full, lora or qlora here");
        }
    }

    /** Of the same model. */
    Tuning with(Method other) {
        return new Tuning(other, quantize, adapter, from);
    }

    boolean isFull() {
        return method == Method.FULL;
    }

    /** Whether blocks are run again in backward. @param asked by the recipe */
    boolean recompute(boolean asked) {
        // a base made whole inside the graph would be kept for backward
        return asked || method == Method.QLORA;
    }

    /** What projections are rounded to as they are read. */
    Optional<QuantizedMatrix.Format> format() {
        return method == Method.QLORA ? Optional.of(quantize) : Optional.empty();
    }

    /** What training takes. @param rows a batch. @param seq tokens of the longest row, on either side */
    TrainingMemory memory(NetworkSpec spec, long rows, int seq, boolean recompute) {
        return new TrainingMemory(method, quantize, Counts.of(spec), count(spec), rows, seq, false, recompute(recompute), Sharing.NONE);
    }

    /** What may be trained instead where that does not fit. */
    Map<String, TrainingMemory> others(TrainingMemory memory) {
        Map<String, TrainingMemory> others = new LinkedHashMap<>();
        if (isFull() && from.isPresent()) {
            for (Method other : List.of(Method.LORA, Method.QLORA)) {
                others.put("train an adapter (--method " + other.name().toLowerCase(Locale.ROOT) + ")", memory.withMethod(other, with(other).count(memory.spec())));
            }
        }
        return others;
    }

    /** Number of an adapter's weights; 0 where there is none. */
    long count(NetworkSpec spec) {
        return isFull() ? 0 : LoraAdapter.count(spec, adapter.config(base()));
    }

    private Path base() {
        return from.orElseThrow(() -> new IllegalArgumentException("an adapter needs a model that it changes: give model.from, or train all weights of the new one (method full)"));
    }

    /** A fresh adapter on the model, to be closed before it; null where all weights are trained. */
    LoraAdapter attach(Network model, long seed) {
        if (isFull()) {
            return null;
        }
        LoraAdapter fresh = LoraAdapter.create(model, adapter.config(base()), seed);
        model.attach(fresh);
        return fresh;
    }

    /** In words, behind the number of all weights. */
    String text(Network model) {
        return model.adapter().map(on -> String.format(Locale.ROOT, "trained: %,d (%.2f %%), an adapter of rank %d on %d projections%s%s", on.count(),
                100.0 * on.count() / Parameters.of(model.spec()).count(), adapter.rank(), on.modules().size(), on.config().whole().isEmpty() ? "" : " and the head",
                method == Method.QLORA ? "; base in " + quantize : "")).orElse("all trained");
    }

    /** Writes what was trained: the model, or its adapter as PEFT does, with the configuration of the network under its head. */
    void save(Network model, Path directory) {
        if (model.adapter().isEmpty()) {
            NetworkFiles.save(model, directory, StorageType.F32);
            return;
        }
        model.adapter().get().save(directory, StorageType.F32);
        if (model.spec() instanceof EncoderSpec) {
            AtomicFile.writeString(directory.resolve("config.json"), HfConfig.write(model.spec(), StorageType.F32));
        }
    }

    /** How the result is used by a verb. */
    String use(Path run) {
        return isFull() ? " --model " + run : " --model " + base() + " --adapter " + run;
    }

    /** What the result is. */
    String result() {
        return isFull() ? "the model" : "the adapter";
    }
}
