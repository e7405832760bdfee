package dev.zhulong.cli;

import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LookupDrafter;
import dev.zhulong.infer.ModelDrafter;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options of verbs whose text may be guessed ahead. The text stays the same, only its speed changes. */
final class DraftOptions {
    @Spec(Spec.Target.MIXEE)
    CommandSpec spec;

    @Option(names = "--lookup", description = "Speculative decoding from the text so far: the same output, faster where the answer "
            + "repeats the prompt (edits, summaries, answers from documents).")
    boolean lookup;

    @Option(names = "--draft", paramLabel = "DIR|FILE", description = "Smaller model with the same vocabulary for speculative decoding: "
            + "the same output, faster where it guesses well.")
    Path draft;

    void check(EngineOptions engine) {
        if (lookup && draft != null) {
            throw new ParameterException(spec.commandLine(), "--lookup and --draft cannot be combined: give one of them");
        }
        if (draft != null) {
            engine.check(List.of(draft), null);
        }
    }

    /** The smaller model, if there is one; closed after the generators. */
    record Drafts(boolean lookup, ModelFiles files, LoadedModel model) implements AutoCloseable {
        Generator on(Generator generator) {
            return lookup ? generator.withDrafts(LookupDrafter::new)
                    : model != null ? generator.withDrafts(ModelDrafter.factory(model.model(), model.tokenizer())) : generator;
        }

        @Override
        public void close() {
            if (model != null) {
                model.close();
                files.close();
            }
        }
    }

    /** @param tokens that the caches of the text's sequences will hold */
    Drafts open(EngineOptions engine, long tokens) {
        if (draft == null) {
            return new Drafts(lookup, null, null);
        }
        ModelFiles files = engine.open(draft, null, Engine.AUTO);
        try {
            return new Drafts(false, files, files.load(tokens));
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
    }

    /** Such as {@code ; 36 of 40 guesses right}, or nothing where none were made. */
    static String judged(List<Generation> results) {
        int drafted = results.stream().mapToInt(Generation::drafted).sum();
        return drafted == 0 ? "" : "; " + results.stream().mapToInt(Generation::accepted).sum() + " of " + drafted + " guesses right";
    }
}
