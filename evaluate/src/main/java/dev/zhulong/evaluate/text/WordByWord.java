package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Translation by a dictionary alone, each word by the likeliest one: what a model that translates has to beat. The dictionary is learnt from translated texts
 * by IBM's model 1 (Brown et al. 1993): every word of a target is the translation of some word of its source, or of none, all places being equally likely.
 *
 * <pre>{@code
 * var dictionary = WordByWord.learn(sources, targets);
 * dictionary.translate("The dog barks.");
 * }</pre>
 */
public final class WordByWord {
    private static final int ROUNDS = 8;
    /** Stands in each source for what has no counterpart there. */
    private static final String NONE = "";

    private final TranslationUnits sourceUnits;
    private final Map<String, String> best;

    private WordByWord(TranslationUnits sourceUnits, Map<String, String> best) {
        this.sourceUnits = sourceUnits;
        this.best = best;
    }

    /**
     * @param targets translations, as many as sources
     * @throws IllegalArgumentException where there are none, or not as many
     */
    public static WordByWord learn(List<String> sources, List<String> targets) {
        if (sources.isEmpty() || sources.size() != targets.size()) {
            throw new IllegalArgumentException("a dictionary is learnt from texts and as many translations; found " + sources.size() + " and " + targets.size());
        }
        var sourceUnits = new TranslationUnits(sources);
        var targetUnits = new TranslationUnits(targets);
        var sourceWords = new Words();
        var targetWords = new Words();
        sourceWords.id(NONE);
        int[][] from = new int[sources.size()][];
        int[][] to = new int[sources.size()][];
        for (int i = 0; i < from.length; i++) {
            List<String> units = new ArrayList<>(List.of(NONE));
            units.addAll(sourceUnits.of(sources.get(i)));
            from[i] = units.stream().mapToInt(sourceWords::id).toArray();
            to[i] = targetUnits.of(targets.get(i)).stream().mapToInt(targetWords::id).toArray();
        }
        var table = new Table(from, to, sourceWords.all.size());
        for (int round = 0; round < ROUNDS; round++) {
            table.round();
        }
        Map<String, String> best = new HashMap<>();
        for (int s = 1; s < sourceWords.all.size(); s++) {
            int target = table.best(s);
            if (target >= 0) {
                best.put(sourceWords.all.get(s), targetWords.all.get(target));
            }
        }
        return new WordByWord(sourceUnits, best);
    }

    /** A word that the dictionary does not have stays as it is. */
    public String translate(String text) {
        return TranslationUnits.text(sourceUnits.of(text).stream().map(unit -> best.getOrDefault(unit, unit)).toList());
    }

    private static final class Words {
        final Map<String, Integer> ids = new HashMap<>();
        final List<String> all = new ArrayList<>();

        int id(String word) {
            return ids.computeIfAbsent(word, w -> {
                all.add(w);
                return all.size() - 1;
            });
        }
    }

    /** P(target word | source word) of the pairs that stand in one row, in the order of the source words. */
    private static final class Table {
        private final long[] pairs;
        private final int sourceWords;
        /** Of each row, target word and source word where their pair is. */
        private final int[][] places;
        private final int[] targets;
        private double[] probability;

        Table(int[][] from, int[][] to, int sourceWords) {
            this.sourceWords = sourceWords;
            int count = 0;
            for (int i = 0; i < from.length; i++) {
                count += from[i].length * to[i].length;
            }
            long[] all = new long[count];
            int at = 0;
            for (int i = 0; i < from.length; i++) {
                for (int t : to[i]) {
                    for (int s : from[i]) {
                        all[at++] = (long) s << 32 | t;
                    }
                }
            }
            pairs = Arrays.stream(all).sorted().distinct().toArray();
            places = new int[from.length][];
            targets = new int[from.length];
            for (int i = 0, k = 0; i < from.length; i++) {
                targets[i] = to[i].length;
                places[i] = new int[from[i].length * to[i].length];
                for (int j = 0; j < places[i].length; j++) {
                    places[i][j] = Arrays.binarySearch(pairs, all[k++]);
                }
            }
            probability = new double[pairs.length];
            Arrays.fill(probability, 1);
        }

        /** One step of expectation and maximization. */
        void round() {
            double[] counts = new double[pairs.length];
            for (int i = 0; i < places.length; i++) {
                int sources = targets[i] == 0 ? 0 : places[i].length / targets[i];
                for (int start = 0; start < places[i].length; start += sources) {
                    double sum = 0;
                    for (int j = start; j < start + sources; j++) {
                        sum += probability[places[i][j]];
                    }
                    for (int j = start; j < start + sources; j++) {
                        counts[places[i][j]] += probability[places[i][j]] / sum;
                    }
                }
            }
            double[] totals = new double[sourceWords];
            for (int p = 0; p < pairs.length; p++) {
                totals[(int) (pairs[p] >>> 32)] += counts[p];
            }
            for (int p = 0; p < pairs.length; p++) {
                probability[p] = counts[p] / totals[(int) (pairs[p] >>> 32)];
            }
        }

        /** The likeliest target word, the first seen of several; -1 where there is none. */
        int best(int source) {
            int from = Arrays.binarySearch(pairs, (long) source << 32);
            int best = -1;
            for (int p = from < 0 ? -from - 1 : from; p < pairs.length && pairs[p] >>> 32 == source; p++) {
                best = best < 0 || probability[p] > probability[best] ? p : best;
            }
            return best < 0 ? -1 : (int) pairs[best];
        }
    }
}
