package dev.zhulong.infer.search;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Several searches side by side over one model: each step is one pass over the beams of all that are not over. */
public final class Search {
    private Search() {}

    /**
     * The best text of each row.
     *
     * @param rows with a row for each text; they are used up
     * @return ids without what the decoder begins with
     */
    public static List<int[]> run(Continuation rows, List<SearchOptions> options) {
        List<BeamSearch> searches = options.stream().map(BeamSearch::new).toList();
        List<BeamSearch> open = new ArrayList<>(searches);
        // a row of the model for each beam
        rows.choose(IntStream.range(0, options.size()).flatMap(i -> IntStream.generate(() -> i).limit(options.get(i).beams())).toArray());
        while (!open.isEmpty()) {
            float[][] logits = rows.append(open.stream().flatMapToInt(search -> Arrays.stream(search.tokens())).toArray());
            List<Integer> next = new ArrayList<>();
            List<BeamSearch> still = new ArrayList<>();
            int at = 0;
            for (BeamSearch search : open) {
                int beams = search.tokens().length;
                search.step(Arrays.copyOfRange(logits, at, at + beams));
                if (!search.isOver()) {
                    still.add(search);
                    for (int parent : search.parents()) {
                        next.add(at + parent);
                    }
                }
                at += beams;
            }
            open = still;
            if (!open.isEmpty()) {
                rows.choose(next.stream().mapToInt(Integer::intValue).toArray());
            }
        }
        return searches.stream().map(BeamSearch::text).toList();
    }
}
