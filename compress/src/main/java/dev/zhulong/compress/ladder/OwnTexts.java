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
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Texts that a model writes from nothing, for whoever has none at hand: what it says by itself is what it must not lose. What it will be used for, they do not know. */
final class OwnTexts {
    private static final int MOST = 128;
    private static final int AT_ONCE = 16;
    private static final int TOKENS = 200;
    private static final long SEED = 1;

    private OwnTexts() {}

    /**
     * Writes them at temperature 1, from a fixed seed.
     *
     * @param limit after which no more are begun than are needed at least
     */
    static List<String> of(Path model, int threads, Duration limit, Progress progress) {
        EngineChoice choice = EngineChoice.DEFAULT.withEngine(Engine.CPU).withThreads(threads);
        long until = System.nanoTime() + limit.toNanos();
        List<String> texts = new ArrayList<>();
        try (ModelFiles files = ModelFiles.open(model, choice); LoadedModel loaded = files.load((long) AT_ONCE * TOKENS)) {
            Generator generator = loaded.generator();
            int[] start = generator.sequence(new int[0]);
            int most = Math.min(TOKENS, loaded.model().spec().contextLength() - start.length);
            while (texts.size() < MOST && (texts.size() < 2 * SplitTexts.FEWEST || System.nanoTime() < until)) {
                progress.at("writing texts", texts.size(), MOST, "texts");
                GenerateOptions options = GenerateOptions.of(most, SamplerOptions.DEFAULT.withSeed(SEED + texts.size())).withStopIds(loaded.eosIds());
                for (Generation text : generator.generateAll(Collections.nCopies(AT_ONCE, start), options, (index, piece) -> { })) {
                    texts.add(text.text());
                }
            }
        }
        return texts;
    }
}
