package dev.zhulong.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.Divergence;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.evaluate.Writing;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.text.Vocabularies;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** A model beside the one that it was made from. */
final class AgainstOptions {
    private static final int BEGINNING = 32;
    private static final int WRITTEN_TOKENS = 128;

    @Option(names = "--against", paramLabel = "DIR|FILE", description = "Reference with the same tokens, such as the model that --model was quantized, pruned or distilled from: shows how far "
            + "--model's probabilities are from its (Kullback–Leibler divergence), how often both have the same likeliest token, and both perplexities, with intervals; in windows of "
            + "at most 512 tokens unless --window says otherwise. Take a text that was not used to make --model smaller.")
    Path reference;

    @Option(names = "--written", paramLabel = "N", description = "With --against, number of texts that both models write, " + WRITTEN_TOKENS + " tokens each, to see whether --model "
            + "repeats itself more often or comes to an end less often (default: 16; 0 for none).")
    Integer written;

    /** The options of texts for a model, with windows as they were asked for. */
    PerplexityOptions options(PerplexityOptions usual, boolean windowGiven) {
        return windowGiven ? usual : usual.withWindow(Math.min(usual.window(), Divergence.WINDOW));
    }

    /**
     * Measures.
     *
     * @param files     of the model, and what is loaded of it
     * @param documents of the model's tokenizer
     * @param options   of texts, for a model's tokenizer and context
     * @return the JSON object
     */
    ObjectNode run(Verb verb, ModelFiles files, LoadedModel loaded, EngineChoice as, List<TokenDocument> documents, Function<LoadedModel, PerplexityOptions> options, boolean json) {
        try (ModelFiles others = ModelFiles.open(reference, null, as, step -> {}); LoadedModel other = others.loadFitting(verb.err()::println)) {
            Vocabularies.difference(other.tokenizer(), loaded.tokenizer()).ifPresent(id -> {
                throw new IllegalArgumentException(reference + " has another vocabulary than " + files.path() + " (token " + id + " differs): probabilities are compared token by token");
            });
            Divergence found;
            try (var status = ProgressLine.on(verb.err())) {
                found = Divergence.of(other.model(), loaded.model(), loaded.tokenizer(), documents, options.apply(loaded), status);
            }
            ObjectNode object = found.json();
            object.put("model", files.path().toString()).put("engine", files.engine()).put("reference", reference.toString()).put("reference_engine", others.engine());
            if (!json) {
                verb.out().println(found.text());
            }
            int texts = written == null ? 16 : written;
            if (texts > 0) {
                write(verb, loaded, other, documents, texts, object, json);
            }
            return object;
        }
    }

    private static void write(Verb verb, LoadedModel loaded, LoadedModel other, List<TokenDocument> documents, int texts, ObjectNode object, boolean json) {
        List<int[]> beginnings = Writing.beginnings(documents, texts, BEGINNING, loaded.generator());
        Writing mine = Writing.of(loaded.generator(), beginnings, WRITTEN_TOKENS, loaded.eosIds());
        Writing theirs = Writing.of(other.generator(), beginnings, WRITTEN_TOKENS, other.eosIds());
        object.put("written", mine.texts()).put("repetition", mine.repetition()).put("reference_repetition", theirs.repetition()).put("ended", mine.ended())
                .put("reference_ended", theirs.ended());
        if (!json) {
            verb.out().println(String.format(Locale.ROOT, "of %,d texts written greedily after %d tokens: %.1f %% of runs of four tokens are repetitions, of the reference's %.1f %%; %.0f %% come to an"
                    + " end within %d tokens, of the reference's %.0f %%", mine.texts(), BEGINNING, 100 * mine.repetition(), 100 * theirs.repetition(), 100 * mine.ended(), WRITTEN_TOKENS,
                    100 * theirs.ended()));
        }
    }
}
