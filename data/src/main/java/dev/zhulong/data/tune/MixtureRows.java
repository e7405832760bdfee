package dev.zhulong.data.tune;

import dev.zhulong.data.pack.MixedRows;
import dev.zhulong.data.pack.Rows;
import dev.zhulong.data.pack.SupervisedRows;
import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The rows of a mixture, and how much of each source a run sees. */
public final class MixtureRows {
    private final Mixture mixture;
    private final List<TuneTokens> tokens;
    private final List<Rows> own;
    private final Rows rows;

    private MixtureRows(Mixture mixture, List<TuneTokens> tokens, List<Rows> own, Rows rows) {
        this.mixture = mixture;
        this.tokens = tokens;
        this.own = own;
        this.rows = rows;
    }

    /**
     * How much of a source was seen.
     *
     * @param source    its name
     * @param sequences it has
     * @param rows      of it among those taken; of a mixture without weights, where sources share rows, of all sources
     * @param epochs    passes over it that these rows are
     */
    public record Coverage(String source, int sequences, long rows, double epochs) {
        /** {@code faq: 120 sequences, 1.50 epochs}. */
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%s: %,d sequences, %.2f epochs", source, sequences, epochs);
        }
    }

    /**
     * Rows of all sources.
     *
     * @param tokens by the source's name
     * @param packed whether several sequences share a row
     * @throws IllegalArgumentException where a source has no sequence
     */
    public static MixtureRows of(Mixture mixture, Map<String, TuneTokens> tokens, int seq, boolean packed, long seed) {
        var each = new ArrayList<TuneTokens>();
        for (DataSource source : mixture.sources()) {
            TuneTokens own = tokens.get(source.name());
            if (own == null || own.documents().isEmpty()) {
                throw new IllegalArgumentException("source '" + source.name() + "' (" + source.path() + ") has nothing to train on");
            }
            each.add(own);
        }
        if (!mixture.weighted()) {
            List<SupervisedTokens> all = each.stream().flatMap(own -> own.sequences().stream()).toList();
            return new MixtureRows(mixture, each, List.of(), rows(all, seq, packed, seed));
        }
        var own = new ArrayList<Rows>();
        var sources = new ArrayList<MixedRows.Source>();
        for (int i = 0; i < each.size(); i++) {
            own.add(rows(each.get(i).sequences(), seq, packed, seed + i));
            sources.add(new MixedRows.Source(own.get(i), mixture.sources().get(i).weight().orElseThrow()));
        }
        return new MixtureRows(mixture, each, own, new MixedRows(sources));
    }

    private static Rows rows(List<SupervisedTokens> sequences, int seq, boolean packed, long seed) {
        return packed ? SupervisedRows.packed(sequences, seq, seed) : SupervisedRows.unpacked(sequences, seq, seed);
    }

    public Rows rows() {
        return rows;
    }

    /** What the first {@code taken} rows hold of each source. */
    public List<Coverage> coverage(long taken) {
        var coverage = new ArrayList<Coverage>();
        for (int i = 0; i < tokens.size(); i++) {
            long ownRows = rows instanceof MixedRows mixed ? mixed.rowsOf(i, taken) : taken;
            long perEpoch = own.isEmpty() ? rows.rowsPerEpoch() : own.get(i).rowsPerEpoch();
            coverage.add(new Coverage(mixture.sources().get(i).name(), tokens.get(i).documents().size(), ownRows, (double) ownRows / perEpoch));
        }
        return List.copyOf(coverage);
    }
}
