package dev.zhulong.infer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What one conversation keeps between its generations: keys and values of the tokens read so far, so that of the next prompt only what is new
 * is read. It changes the speed and nothing else; on the torch engine other chunks round otherwise.
 *
 * <pre>{@code
 * try (PromptCache kept = generator.promptCache()) {
 *     Generation first = generator.generate(prompt, options, onText, kept);
 *     Generation second = generator.generate(longer, options, onText, kept); // second.cachedTokens() of them were not read again
 * }
 * }</pre>
 *
 * <p>A generation that ends in an exception leaves it usable. It belongs to one conversation at a time: what is cached is never shared.
 */
public final class PromptCache implements AutoCloseable {
    private final CachedTokens tokens;
    /** Null for none. */
    private final Drafter drafter;
    private final boolean reusable;

    /** @param drafters null for none */
    PromptCache(LanguageModel model, int capacity, Drafter.Factory drafters) {
        this(model, model.newCache(capacity), drafters);
    }

    /** Of a job's sequence: with its adapter, or of its source. */
    PromptCache(LanguageModel model, int capacity, Job job) {
        this(model, job.source() == null ? model.newCache(capacity, job.adapter()) : ((ConditionalModel) model).newCache(capacity, job.source().ids()), null);
    }

    private PromptCache(LanguageModel model, LanguageModel.KvCache cache, Drafter.Factory drafters) {
        reusable = isReusable(model);
        tokens = new CachedTokens(cache);
        try {
            drafter = drafters == null ? null : drafters.begin();
        } catch (RuntimeException | Error e) {
            tokens.close();
            throw e;
        }
    }

    /** Keeps what {@code prompt} begins with and gives how many tokens that is; the rest, at least one, is to be read. */
    int begin(int[] prompt) {
        if (!reusable) {
            clear();
        }
        int kept = tokens.keep(prompt, prompt.length);
        if (drafter != null) {
            drafter.cut(kept);
        }
        return kept;
    }

    /** Begins, empty, with pages that hold {@code ids}. */
    void begin(List<PagedKv.Page> pages, int[] ids) {
        ((PagedKv) tokens.cache()).begin(pages);
        tokens.ran(ids);
    }

    CachedTokens tokens() {
        return tokens;
    }

    /** Whether what was read in one sequence serves another: not where angles change with a sequence's length, nor where each is written of its own source. */
    static boolean isReusable(LanguageModel model) {
        return !(model instanceof ConditionalModel) && model.spec().stack().anglesChangeAfter().isEmpty();
    }

    /** Null for none. */
    Drafter drafter() {
        return drafter;
    }

    /** Tokens held. */
    public int length() {
        return tokens.length();
    }

    /** Forgets everything. */
    public void clear() {
        tokens.truncate(0);
        if (drafter != null) {
            drafter.cut(0);
        }
    }

    /**
     * Writes what is held to {@code file}, whole or not at all ({@code docs/session-files.md}).
     *
     * @param model what tells the model from every other, on one line
     * @return false, and nothing is written, where the engine's caches cannot be kept in files
     * @throws java.io.UncheckedIOException when it cannot be written
     */
    public boolean save(Path file, String model) {
        if (!(tokens.cache() instanceof StorableCache cache) || !reusable) {
            return false;
        }
        // drops what a call that failed may have left
        tokens.truncate(tokens.length());
        CacheFile.write(file, model, tokens.ids(), cache);
        return true;
    }

    /**
     * Takes over what {@link #save} wrote, in place of what is held.
     *
     * @return why nothing was: the file is missing or damaged, or of another model, engine or processor; empty where all is well
     */
    public Optional<String> restore(Path file, String model) {
        clear();
        if (!(tokens.cache() instanceof StorableCache cache) || !reusable) {
            return Optional.of("this engine keeps no cache in files");
        }
        if (!Files.exists(file)) {
            return Optional.of("there is no " + file.getFileName());
        }
        CacheFile.Content content = CacheFile.read(file, model, cache);
        if (content.problem().isPresent()) {
            tokens.truncate(0);
        } else {
            tokens.ran(content.ids());
        }
        return content.problem();
    }

    @Override
    public void close() {
        try (tokens) {
            if (drafter != null) {
                drafter.close();
            }
        }
    }
}
