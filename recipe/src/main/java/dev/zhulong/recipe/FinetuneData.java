package dev.zhulong.recipe;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.PairedRows;
import dev.zhulong.data.pack.Rows;
import dev.zhulong.data.pack.SupervisedRows;
import dev.zhulong.data.tune.ConversationEncoder;
import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.EndMarks;
import dev.zhulong.data.tune.Example;
import dev.zhulong.data.tune.ExampleEncoder;
import dev.zhulong.data.tune.ExampleReader;
import dev.zhulong.data.tune.ExampleRow;
import dev.zhulong.data.tune.Examples;
import dev.zhulong.data.tune.HeldOut;
import dev.zhulong.data.tune.Mixture;
import dev.zhulong.data.tune.MixtureRows;
import dev.zhulong.data.tune.PreferenceTokens;
import dev.zhulong.data.tune.SupervisedDocument;
import dev.zhulong.data.tune.TuneTokens;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/** The examples of a fine-tuning as rows and batches. */
final class FinetuneData {
    private final FinetuneRecipe recipe;
    private final ExampleEncoder encoder;
    private Mixture mixture;
    private final Progress progress;
    private final Map<String, TuneTokens> train = new LinkedHashMap<>();
    private final List<PreferenceTokens> pairs = new ArrayList<>();
    private final Map<String, List<Batch>> heldOut = new LinkedHashMap<>();
    private final Map<String, List<SupervisedTokens>> answers = new LinkedHashMap<>();
    private final SortedSet<Integer> controlIds = new TreeSet<>();
    private final EndMarks ends;
    private boolean conversations;
    private boolean plainPairs;
    private MixtureRows rows;

    /**
     * Reads, splits and tokenises all of it.
     *
     * @param seq     most inputs of a sequence
     * @param end     of texts and completions; empty for the tokenizer's EOS
     * @param progress hears what was read and what could not be used
     * @throws IllegalArgumentException where a source has nothing to train on, or rows of the wrong kind
     */
    FinetuneData(FinetuneRecipe recipe, Tokenizer tokenizer, ConversationEncoder conversations, int seq, OptionalInt end, Progress progress) {
        this.recipe = recipe;
        this.encoder = new ExampleEncoder(tokenizer, conversations, seq, end.isPresent() ? end : tokenizer.eos());
        this.mixture = new Mixture(recipe.data().sources());
        this.progress = progress;
        this.ends = new EndMarks(encoder);
        mixture.sources().forEach(this::read);
        if (!dpo()) {
            if (recipe.data().temperature() != 1) {
                mixture = new Mixture(mixture.sources().stream().map(source ->
                        source.withWeight(Math.pow(train.get(source.name()).documents().size(), 1 / recipe.data().temperature()))).toList());
            }
            rows = MixtureRows.of(mixture, train, seq, recipe.train().packing(), recipe.seed());
        } else if (pairs.isEmpty()) {
            throw new IllegalArgumentException("no preference pair to train on");
        }
    }

    private boolean dpo() {
        return recipe.method() == FinetuneRecipe.Method.DPO;
    }

    private void read(DataSource source) {
        Examples examples = ExampleReader.read(source);
        HeldOut split = source.heldOutSource().isPresent() ? new HeldOut(examples.examples(), List.of())
                : HeldOut.split(examples.examples(), recipe.data().heldOutFraction(), recipe.seed());
        List<ExampleRow> held = split.heldOut();
        Examples other = examples;
        if (source.heldOutSource().isPresent()) {
            other = ExampleReader.read(source.heldOutSource().get());
            held = other.examples();
        }
        if (recipe.data().heldOutRows() > 0 && held.size() > recipe.data().heldOutRows()) {
            held = held.subList(0, recipe.data().heldOutRows());
        }
        conversations |= examples.examples().stream().anyMatch(row -> row.example() instanceof Example.Chat || row.example() instanceof Example.Preference);
        plainPairs |= examples.examples().stream().anyMatch(row -> row.example() instanceof Example.Completion);
        if (dpo()) {
            List<PreferenceTokens> own = PreferenceTokens.all(split.train(), encoder, examples.report());
            pairs.addAll(own);
            ends.add(own);
            List<PreferenceTokens> kept = PreferenceTokens.all(held, encoder, other.report());
            heldOut.put(source.name(), kept.isEmpty() ? List.of() : batches(paired(kept, false), 2 * kept.size()));
            progress.message(String.format(Locale.ROOT, "%s: %,d pairs to train on, %,d held out", source.name(), own.size(), kept.size()));
        } else {
            TuneTokens own = TuneTokens.of(split.train(), encoder, examples.report());
            TuneTokens kept = TuneTokens.of(held, encoder, other.report());
            train.put(source.name(), own);
            controlIds.addAll(own.controlIds());
            ends.add(own);
            heldOut.put(source.name(), kept.documents().isEmpty() ? List.of() : heldOut(kept));
            if (source.metric().isPresent()) {
                answers.put(source.name(), kept.documents().stream().filter(document -> !document.truncated()).map(SupervisedDocument::tokens).toList());
            }
            progress.message(String.format(Locale.ROOT, "%s: %,d sequences to train on (%,d tokens, %,d learnt), %,d held out", source.name(),
                    own.documents().size(), own.tokens(), own.supervised(), kept.documents().size()));
            long seen = overlap(own.sequences(), kept.sequences());
            if (seen > 0) {
                progress.message(source.name() + ": " + seen + " of the held-out sequences are also among those trained on; their score says little");
            }
        }
        for (Examples read : other == examples ? List.of(examples) : List.of(examples, other)) {
            if (!read.report().refused().isEmpty() || !read.report().noted().isEmpty()) {
                progress.message(read.report().text().strip());
            }
        }
    }

    private List<Batch> heldOut(TuneTokens kept) {
        SupervisedRows all = SupervisedRows.packedInOrder(kept.sequences(), encoder.seq());
        return batches(all, Math.toIntExact(all.rowsPerEpoch()));
    }

    private static long overlap(List<SupervisedTokens> train, List<SupervisedTokens> held) {
        Set<String> seen = new HashSet<>();
        train.forEach(tokens -> seen.add(Arrays.toString(tokens.ids())));
        return held.stream().filter(tokens -> seen.contains(Arrays.toString(tokens.ids()))).count();
    }

    private PairedRows paired(List<PreferenceTokens> all, boolean shuffled) {
        List<SupervisedTokens> chosen = all.stream().map(PreferenceTokens::chosenSequence).toList();
        List<SupervisedTokens> rejected = all.stream().map(PreferenceTokens::rejectedSequence).toList();
        return shuffled ? PairedRows.shuffled(chosen, rejected, encoder.seq(), recipe.seed()) : PairedRows.inOrder(chosen, rejected, encoder.seq());
    }

    private List<Batch> batches(Rows from, int count) {
        List<Batch> batches = new ArrayList<>();
        int size = size();
        for (int first = 0; first < count; first += size) {
            batches.add(new Batches(from, 1).range(first, Math.min(size, count - first)));
        }
        return batches;
    }

    /** Rows a batch. */
    private int size() {
        return dpo() ? 2 * recipe.train().batch() : recipe.train().batch();
    }

    /** What is trained on. */
    Batches training() {
        return new Batches(dpo() ? paired(pairs, true) : rows.rows(), size());
    }

    /** One source alone. */
    Batches training(String source) {
        return new Batches(SupervisedRows.packed(train.get(source).sequences(), encoder.seq(), recipe.seed()), size());
    }

    /** Steps of one pass over one source alone. */
    long stepsAlone(String source, long together) {
        long own = rows.coverage(together * size() * recipe.train().accumulation()).stream().filter(c -> c.source().equals(source)).findFirst()
                .orElseThrow().rows();
        if (!mixture.weighted()) {
            long tokens = train.values().stream().mapToLong(TuneTokens::tokens).sum();
            own = own * train.get(source).tokens() / tokens;
        }
        return Math.max(1, own / ((long) size() * recipe.train().accumulation()));
    }

    /** Steps asked for. */
    long steps() {
        return recipe.train().steps(training().rows().rowsPerEpoch(), size());
    }

    /** How much of each source a run of so many steps sees. */
    List<String> coverage(long steps) {
        return dpo() ? List.of(String.format(Locale.ROOT, "%,d pairs", pairs.size()))
                : rows.coverage(steps * size() * recipe.train().accumulation()).stream().map(MixtureRows.Coverage::toString).toList();
    }

    /** Held-out batches by source; a source without any has none. */
    Map<String, List<Batch>> heldOut() {
        return heldOut;
    }

    /** Held-out examples of the sources whose answers are scored. */
    Map<String, List<SupervisedTokens>> answers() {
        return answers;
    }

    /** What ends its answers. */
    EndMarks ends() {
        return ends;
    }

    /** Share of a batch's tokens that are learnt. */
    double learnt() {
        Batch first = training().get(0);
        return (double) first.supervised() / first.tokens().length;
    }

    /** Control tokens in the training data. */
    SortedSet<Integer> controlIds() {
        return controlIds;
    }

    /** Control tokens that the answers it learns end with. */
    SortedSet<Integer> endMarks() {
        return ends.ids();
    }

    /** Whether rows went through the chat template. */
    boolean conversations() {
        return conversations;
    }

    /** Whether rows are prompts and completions that stay plain text. */
    boolean plainPairs() {
        return plainPairs;
    }
}
