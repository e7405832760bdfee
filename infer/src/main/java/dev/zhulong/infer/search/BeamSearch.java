package dev.zhulong.infer.search;

import dev.zhulong.infer.search.SearchOptions.Early;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The search for one text, a step at a time, as transformers defines it ({@code GenerationMixin._beam_search}, version 5): of all texts that are a token longer
 * the likeliest are kept, and of those that end the ones with the best score by length. It knows no model: whoever drives it gives logits and is told which
 * rows go on.
 */
public final class BeamSearch {
    private static final float OUT = -1e9f;

    /** A text and its score: while it runs the sum of its log probabilities, once it ended that by its length. */
    private record Beam(int[] ids, float score, boolean ended) {}

    private record Candidate(int beam, int token, float score) {}

    private final SearchOptions options;
    private final Rules rules;
    private List<Beam> running;
    private List<Beam> finished = List.of();
    private int[] parents;
    private int length = 1;
    private boolean hopeful = true;
    private boolean over;

    /** Begins a text. */
    public BeamSearch(SearchOptions options) {
        this.options = options;
        this.rules = new Rules(options);
        // all beams are the same text at first: only the first may be continued
        List<Beam> beams = new ArrayList<>();
        for (int i = 0; i < options.beams(); i++) {
            beams.add(new Beam(new int[] {options.start()}, i == 0 ? 0 : OUT, false));
        }
        this.running = beams;
    }

    /** Whether there is nothing more to find. */
    public boolean isOver() {
        return over;
    }

    /** The last id of each beam, which the model is to be given. */
    public int[] tokens() {
        return running.stream().mapToInt(beam -> beam.ids[beam.ids.length - 1]).toArray();
    }

    /** For each beam, which of the beams before the last step it continues. */
    public int[] parents() {
        return parents;
    }

    /**
     * A step.
     *
     * @param logits of what follows each beam, [beams][vocab]; changed in place
     */
    public void step(float[][] logits) {
        if (options.beams() == 1) {
            greedy(logits[0]);
            return;
        }
        List<Candidate> best = best(logits);
        boolean full = options.early() == Early.AT_ONCE && finished.size() == options.beams() && finished.stream().allMatch(Beam::ended);
        List<Beam> going = new ArrayList<>();
        List<Integer> from = new ArrayList<>();
        List<Beam> all = new ArrayList<>(finished);
        boolean allStop = true;
        for (int i = 0; i < best.size(); i++) {
            Candidate candidate = best.get(i);
            int[] ids = Arrays.copyOf(running.get(candidate.beam).ids, length + 1);
            ids[length] = candidate.token;
            boolean stops = options.eos().contains(candidate.token) || length + 1 >= options.maxLength();
            allStop &= stops;
            going.add(new Beam(ids, candidate.score + (stops ? OUT : 0), false));
            from.add(candidate.beam);
            if (stops && i < options.beams()) {
                float score = candidate.score / (float) Math.pow(length, options.lengthPenalty()) + (full ? OUT : 0) + (hopeful ? 0 : OUT);
                all.add(new Beam(ids, score, true));
            }
        }
        // a stable sort keeps the earlier of equals in front
        all.sort(Comparator.comparing(Beam::score, Comparator.reverseOrder()));
        finished = List.copyOf(all.subList(0, Math.min(options.beams(), all.size())));
        keep(going, from);
        length++;
        hopeful &= canImprove();
        boolean done = options.early() == Early.AT_ONCE && finished.size() == options.beams();
        over = !hopeful || done || allStop;
    }

    private void greedy(float[] scores) {
        int[] text = running.getFirst().ids;
        rules.apply(text, scores);
        int best = 0;
        for (int i = 1; i < scores.length; i++) {
            best = scores[i] > scores[best] ? i : best;
        }
        int[] ids = Arrays.copyOf(text, length + 1);
        ids[length++] = best;
        running = List.of(new Beam(ids, 0, false));
        parents = new int[] {0};
        over = options.eos().contains(best) || length >= options.maxLength();
        finished = over ? running : finished;
    }

    private void keep(List<Beam> going, List<Integer> from) {
        Integer[] order = new Integer[going.size()];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, Comparator.comparing((Integer i) -> going.get(i).score, Comparator.reverseOrder()));
        List<Beam> next = new ArrayList<>();
        parents = new int[options.beams()];
        for (int i = 0; i < options.beams(); i++) {
            next.add(going.get(order[i]));
            parents[i] = from.get(order[i]);
        }
        running = next;
    }

    /** The likeliest continuations of all beams, best first: so many that as many as there are beams do not end. */
    private List<Candidate> best(float[][] logits) {
        int keep = Math.max(2, 1 + options.eos().size()) * options.beams();
        int vocab = logits[0].length;
        float[] scores = new float[options.beams() * vocab];
        for (int beam = 0; beam < options.beams(); beam++) {
            Rules.logSoftmax(logits[beam]);
            rules.apply(running.get(beam).ids, logits[beam]);
            for (int id = 0; id < vocab; id++) {
                scores[beam * vocab + id] = logits[beam][id] + running.get(beam).score;
            }
        }
        int[] top = top(scores, Math.min(keep, scores.length));
        return Arrays.stream(top).mapToObj(i -> new Candidate(i / vocab, i % vocab, scores[i])).toList();
    }

    /** Indices of the {@code n} largest, largest first, of equals the earlier. */
    private static int[] top(float[] scores, int n) {
        int[] best = new int[n];
        int count = 0;
        for (int i = 0; i < scores.length; i++) {
            if (count == n && !(scores[i] > scores[best[n - 1]])) {
                continue;
            }
            int at = count < n ? count++ : n - 1;
            while (at > 0 && scores[i] > scores[best[at - 1]]) {
                best[at] = best[at - 1];
                at--;
            }
            best[at] = i;
        }
        return best;
    }

    /** Whether the best beam could still become better than the worst finished text. */
    private boolean canImprove() {
        if (finished.size() < options.beams()) {
            return true;
        }
        int reached = options.early() == Early.NEVER && options.lengthPenalty() > 0 ? options.maxLength() - 1 : length - 1;
        float possible = running.getFirst().score / (float) Math.pow(reached, options.lengthPenalty());
        return possible > finished.getLast().score;
    }

    /** The best text so far, without what the decoder begins with; it ends with what ended it, where something did. */
    public int[] text() {
        int[] ids = finished.isEmpty() ? running.getFirst().ids : finished.getFirst().ids;
        return Arrays.copyOfRange(ids, 1, ids.length);
    }
}
