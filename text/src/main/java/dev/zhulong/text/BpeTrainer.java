package dev.zhulong.text;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;

/**
 * Trains byte-level BPE (Sennrich et al. 2016, over bytes as in GPT-2).
 *
 * <pre>{@code
 * var trainer = new BpeTrainer(8192, List.of("<|endoftext|>"));
 * trainer.addAll(documents);                      // a Stream<String>, counted on all cores; or add(text) from any thread
 * TokenizerJson.write(directory, trainer.train(), settings);
 * }</pre>
 *
 * <p>The result depends on the multiset of texts alone, not on their order or on threads: pairs are merged in the total order (count
 * descending, left id, right id). Memory is proportional to the number of distinct pre-tokens, of at most 64 bytes each.
 */
public final class BpeTrainer {
    /** Pre-tokens longer than this many bytes (base64, minified code) are counted in pieces. */
    static final int LONGEST = 64;

    private final int vocabSize;
    private final List<String> specials;
    private final PreTokenizer preTokenizer;
    private final ConcurrentLinkedQueue<WordCounts> counts = new ConcurrentLinkedQueue<>();

    /** A trainer for {@code vocabSize} tokens with {@link PreTokenizer#LLAMA3}. */
    public BpeTrainer(int vocabSize, List<String> specials) {
        this(vocabSize, specials, PreTokenizer.LLAMA3);
    }

    /**
     * @param vocabSize number of tokens in all: specials, 256 bytes, merged tokens
     * @param specials  control tokens such as {@code <|endoftext|>}, which get the ids from 0
     */
    public BpeTrainer(int vocabSize, List<String> specials, PreTokenizer preTokenizer) {
        this.specials = checked(specials);
        if (vocabSize < 256 + specials.size()) {
            throw new IllegalArgumentException("vocabulary size " + vocabSize + " is too small: the 256 bytes and " + specials.size()
                    + " special tokens need " + (256 + specials.size()));
        }
        this.vocabSize = vocabSize;
        this.preTokenizer = preTokenizer;
    }

    static List<String> checked(List<String> specials) {
        Set<String> seen = new HashSet<>();
        for (String special : specials) {
            if (special.isBlank() || !seen.add(special)) {
                throw new IllegalArgumentException("special token \"" + special + "\" is blank or given twice");
            }
        }
        return List.copyOf(specials);
    }

    /** Counts a text. May be called by several threads. */
    public void add(String text) {
        WordCounts mine = counts.poll();
        if (mine == null) {
            mine = new WordCounts();
        }
        mine.add(HuggingFaceTokenizer.withoutLoneSurrogates(text), preTokenizer, LONGEST);
        counts.add(mine);
    }

    /** Counts all texts, on all cores. */
    public void addAll(Stream<String> texts) {
        texts.parallel().unordered().forEach(this::add);
    }

    /**
     * The vocabulary of what was added, which stays for further training. It is smaller than asked for when no pair is left that occurs
     * twice. No text may be added meanwhile.
     */
    public BpeVocabulary train() {
        WordCounts all = counts.poll();
        if (all == null) {
            all = new WordCounts();
        }
        for (WordCounts next = counts.poll(); next != null; next = counts.poll()) {
            all.addAll(next);
        }
        counts.add(all);
        return new BpeVocabulary(preTokenizer, specials, new MergeLoop(all, specials, vocabSize).run());
    }
}
