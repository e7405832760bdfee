package dev.zhulong.evaluate;

import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * What a model writes by itself after the beginnings of texts, the likeliest token each time. A model that was made smaller may predict a text nearly as well and yet turn in circles,
 * or not come to an end.
 *
 * @param texts      that were written
 * @param repetition share of runs of {@value #RUN} tokens that were written before in the same text
 * @param ended      share of texts that the model ended itself
 */
public record Writing(int texts, double repetition, double ended) {
    private static final int RUN = 4;
    private static final int AT_ONCE = 8;

    /**
     * Writes.
     *
     * @param beginnings ids, with BOS where sequences begin with it
     * @param most       tokens of each text
     * @param ends       ids that end a sequence
     */
    public static Writing of(Generator generator, List<int[]> beginnings, int most, List<Integer> ends) {
        GenerateOptions options = GenerateOptions.of(most, SamplerOptions.GREEDY).withStopIds(ends);
        long runs = 0;
        long repeated = 0;
        int ended = 0;
        for (int at = 0; at < beginnings.size(); at += AT_ONCE) {
            for (Generation text : generator.generateAll(beginnings.subList(at, Math.min(beginnings.size(), at + AT_ONCE)), options, (index, piece) -> {})) {
                Set<List<Integer>> seen = new HashSet<>();
                List<Integer> ids = Arrays.stream(text.ids()).boxed().toList();
                for (int i = 0; i + RUN <= ids.size(); i++) {
                    runs++;
                    repeated += seen.add(ids.subList(i, i + RUN)) ? 0 : 1;
                }
                ended += text.finish() == Generation.Finish.LENGTH ? 0 : 1;
            }
        }
        return new Writing(beginnings.size(), runs == 0 ? 0 : (double) repeated / runs, beginnings.isEmpty() ? 0 : (double) ended / beginnings.size());
    }

    /**
     * Beginnings of so many pieces of the texts, spread evenly over them.
     *
     * @param length tokens of each
     */
    public static List<int[]> beginnings(List<TokenDocument> documents, int count, int length, Generator generator) {
        List<int[]> pieces = documents.stream().flatMap(document -> cut(document.ids(), length).stream()).toList();
        int some = Math.min(count, pieces.size());
        return IntStream.range(0, some).mapToObj(i -> generator.sequence(pieces.get((int) ((long) i * pieces.size() / some)))).toList();
    }

    private static List<int[]> cut(int[] ids, int length) {
        return IntStream.range(0, ids.length / length).mapToObj(i -> Arrays.copyOfRange(ids, i * length, (i + 1) * length)).toList();
    }
}
