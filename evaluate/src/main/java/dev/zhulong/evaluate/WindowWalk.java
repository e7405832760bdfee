package dev.zhulong.evaluate;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** Reads documents window by window, by the protocol of {@link Perplexity}, with one model or several beside one another. */
final class WindowWalk {
    private static final int MOST_WINDOWS_AT_ONCE = 16;

    /** What is kept of a scored token. */
    interface Row {
        /**
         * @param logits of each model, rows one after another
         * @param row    in question
         * @param target the token that follows
         */
        double[] of(List<float[]> logits, int row, int target);
    }

    private final List<LanguageModel> models;
    private final Tokenizer tokenizer;
    private final PerplexityOptions options;
    private final Progress progress;
    private final Row row;
    private final Consumer<double[][]> each;
    private final int rowsAtOnce;
    private final int windowsAtOnce;
    private final List<Window> pending = new ArrayList<>();
    /** Of each model, a cache for each pending window. */
    private final List<List<KvCache>> caches = new ArrayList<>();
    private long tokens;

    /** {@code from}: the first of the targets that no earlier window has scored. */
    private record Window(int[] inputs, int[] targets, int from) {}

    /**
     * @param logitsAtOnce floats asked of the models at once, about
     * @param row          called from several threads
     * @param each         takes what {@code row} gave of a window's scored tokens, window after window, whatever ran at once
     */
    WindowWalk(List<LanguageModel> models, Tokenizer tokenizer, PerplexityOptions options, Progress progress, int logitsAtOnce, Row row, Consumer<double[][]> each) {
        for (LanguageModel model : models) {
            if (options.window() > model.spec().contextLength()) {
                throw new IllegalArgumentException("a window of " + options.window() + " tokens is longer than the model's context of "
                        + model.spec().contextLength());
            }
            caches.add(new ArrayList<>());
        }
        this.models = models;
        this.tokenizer = tokenizer;
        this.options = options;
        this.progress = progress;
        this.row = row;
        this.each = each;
        rowsAtOnce = Math.max(1, logitsAtOnce / models.stream().mapToInt(model -> model.spec().vocabSize()).sum());
        windowsAtOnce = Math.clamp(rowsAtOnce / options.window(), 1, MOST_WINDOWS_AT_ONCE);
    }

    /** Walks through all of them, each read once and by itself; gives the bytes of what was scored. */
    long through(Iterable<TokenDocument> documents) {
        long bytes = 0;
        try {
            for (TokenDocument document : documents) {
                cut(document.sequence(tokenizer, options.bos()));
                bytes += document.scoredBytes(tokenizer, options.bos());
            }
            run();
            return bytes;
        } finally {
            caches.forEach(all -> all.forEach(KvCache::close));
        }
    }

    private void cut(int[] sequence) {
        int count = sequence.length - 1;
        int scored = 0;
        for (int start = 0; scored < count; start += options.stride()) {
            int end = Math.min(start + options.window(), count);
            int[] inputs = Arrays.copyOfRange(sequence, start, end);
            if (options.bos()) {
                inputs[0] = sequence[0];
            }
            pending.add(new Window(inputs, Arrays.copyOfRange(sequence, start + 1, end + 1), scored - start));
            if (pending.size() == windowsAtOnce) {
                run();
            }
            scored = end;
        }
    }

    private void run() {
        for (int m = 0; m < models.size(); m++) {
            readContext(models.get(m), caches.get(m));
        }
        double[][][] found = new double[pending.size()][][];
        int rows = Math.max(1, rowsAtOnce / Math.max(1, pending.size()));
        boolean more = !pending.isEmpty();
        for (int done = 0; more; done += rows) {
            more = predict(done, rows, found);
        }
        for (double[][] window : found) {
            each.accept(window);
            tokens += window.length;
        }
        pending.clear();
        progress.at("evaluate", tokens, 0, "tokens");
    }

    /** What is read, but not scored again. */
    private void readContext(LanguageModel model, List<KvCache> own) {
        while (own.size() < pending.size()) {
            own.add(model.newCache(options.window()));
        }
        var context = new ArrayList<Span>();
        for (int i = 0; i < pending.size(); i++) {
            Window window = pending.get(i);
            own.get(i).truncate(0);
            if (window.from > 0) {
                context.add(new Span(own.get(i), Arrays.copyOf(window.inputs, window.from), Logits.NONE));
            }
        }
        if (!context.isEmpty()) {
            model.forward(context);
        }
    }

    /** Scores up to {@code rows} further targets of each pending window after the {@code done} first; false when none is left. */
    private boolean predict(int done, int rows, double[][][] found) {
        var of = new ArrayList<Integer>();
        var inputs = new ArrayList<int[]>();
        boolean more = false;
        for (int i = 0; i < pending.size(); i++) {
            Window window = pending.get(i);
            int from = window.from + done;
            int end = Math.min(from + rows, window.inputs.length);
            if (from < end) {
                inputs.add(Arrays.copyOfRange(window.inputs, from, end));
                of.add(i);
                more |= end < window.inputs.length;
            }
        }
        List<List<float[]>> logits = new ArrayList<>();
        for (int m = 0; m < models.size(); m++) {
            var spans = new ArrayList<Span>();
            for (int j = 0; j < inputs.size(); j++) {
                spans.add(new Span(caches.get(m).get(of.get(j)), inputs.get(j)));
            }
            logits.add(models.get(m).forward(spans, true));
        }
        for (int j = 0; j < inputs.size(); j++) {
            int i = of.get(j);
            Window window = pending.get(i);
            if (found[i] == null) {
                found[i] = new double[window.inputs.length - window.from][];
            }
            int span = j;
            List<float[]> own = logits.stream().map(all -> all.get(span)).toList();
            IntStream.range(0, inputs.get(j).length).parallel().forEach(r -> found[i][done + r] = row.of(own, r, window.targets[window.from + done + r]));
        }
        return more;
    }
}
