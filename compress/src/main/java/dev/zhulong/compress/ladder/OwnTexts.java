package dev.zhulong.compress.ladder;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Texts that a model writes, for whoever has none at hand or too few: what it says by itself is what it must not lose. What it will be used for, they do not know. */
final class OwnTexts {
    private static final int MOST = 128;
    private static final int AT_ONCE = 16;
    /** As many weights can be asked for {@link #MOST} texts in a minute or two; more of them write fewer. */
    private static final long MANY_WEIGHTS = 250_000_000;
    /** Tokens of a text, at most. */
    static final int TOKENS = 200;
    /** Tokens of a text that is gone on with. */
    private static final int BEGINNING = 16;
    private static final long SEED = 1;

    private OwnTexts() {}

    /** How many are enough to judge a model of so many weights by; always the same, so that a later call is about the same texts. */
    static int count(long weights) {
        return Math.clamp(MOST * MANY_WEIGHTS / Math.max(1, weights), 2 * SplitTexts.FEWEST, MOST);
    }

    /**
     * Writes them at temperature 1, from a fixed seed.
     *
     * @param beginnings texts whose first words begin those that are written, in turn; none for texts from nothing
     */
    static List<String> of(Path model, List<String> beginnings, int count, int threads, Progress progress) {
        EngineChoice choice = EngineChoice.DEFAULT.withEngine(Engine.CPU).withThreads(threads);
        List<String> texts = new ArrayList<>();
        try (ModelFiles files = ModelFiles.open(model, choice); LoadedModel loaded = files.load((long) AT_ONCE * (TOKENS + BEGINNING + 1))) {
            Generator generator = loaded.generator();
            int context = loaded.model().spec().contextLength();
            while (texts.size() < count) {
                progress.at("writing texts", texts.size(), count, "texts");
                List<int[]> starts = new ArrayList<>();
                for (int i = texts.size(); i < Math.min(count, texts.size() + AT_ONCE); i++) {
                    int[] ids = beginnings.isEmpty() ? new int[0] : loaded.tokenizer().encode(beginnings.get(i % beginnings.size()));
                    starts.add(Arrays.copyOf(ids, Math.min(ids.length, Math.min(BEGINNING, context / 2))));
                }
                GenerateOptions options = GenerateOptions.of(TOKENS, SamplerOptions.DEFAULT.withSeed(SEED + texts.size())).withStopIds(loaded.eosIds());
                List<Generation> written = generator.generateAll(starts.stream().map(generator::sequence).toList(), options, (index, piece) -> { });
                for (int i = 0; i < written.size(); i++) {
                    texts.add(loaded.tokenizer().decode(starts.get(i)) + written.get(i).text());
                }
            }
        }
        return texts;
    }
}
