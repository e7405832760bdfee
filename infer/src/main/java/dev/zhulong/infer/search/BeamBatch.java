package dev.zhulong.infer.search;

import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.infer.LanguageModel.Span;
import java.util.ArrayList;
import java.util.List;

/**
 * Searches that run side by side over one model: texts join and leave between steps, and each step is one pass over the beams of all of them. Every text is found as
 * if it were searched for alone. One thread uses it.
 */
public final class BeamBatch implements AutoCloseable {
    private final ConditionalModel model;
    private final List<Text> open = new ArrayList<>();

    /** Over a model that stays the caller's. */
    public BeamBatch(ConditionalModel model) {
        this.model = model;
    }

    /** A text that is searched for. */
    public static final class Text {
        private final BeamSearch search;
        private final CachedContinuation rows;
        private final int beams;
        private int length;
        private RuntimeException problem;
        private boolean closed;

        private Text(BeamSearch search, CachedContinuation rows, int beams) {
            this.search = search;
            this.rows = rows;
            this.beams = beams;
        }

        /** Whether it was found, or cannot be. */
        public boolean isOver() {
            return problem != null || search.isOver();
        }

        /**
         * The ids found, without what the decoder begins with.
         *
         * @throws RuntimeException what the search failed by
         */
        public int[] ids() {
            if (problem != null) {
                throw problem;
            }
            return search.text();
        }

        private void close() {
            if (!closed) {
                closed = true;
                rows.close();
            }
        }
    }

    /** Rows that a step runs. */
    public int rows() {
        return open.stream().mapToInt(text -> text.beams).sum();
    }

    /** Whether there is nothing to do. */
    public boolean isEmpty() {
        return open.isEmpty();
    }

    /**
     * Begins a search, which the next step runs.
     *
     * @param source ids that the encoder reads
     */
    public Text join(int[] source, SearchOptions options) {
        var rows = new CachedContinuation(model, List.of(source));
        rows.choose(new int[options.beams()]);
        var text = new Text(new BeamSearch(options), rows, options.beams());
        open.add(text);
        return text;
    }

    /** Gives a search up. */
    public void leave(Text text) {
        open.remove(text);
        text.close();
    }

    /** Runs a step; searches that are over then leave. */
    public void step() {
        List<List<Span>> spans = open.stream().map(text -> text.rows.spans(text.search.tokens())).toList();
        try {
            List<float[]> logits = model.forward(spans.stream().flatMap(List::stream).toList());
            int at = 0;
            for (Text text : open) {
                advance(text, logits.subList(at, at + text.beams));
                at += text.beams;
            }
        } catch (RuntimeException | Error e) {
            eachAlone();
        }
        for (Text text : List.copyOf(open)) {
            if (text.isOver()) {
                leave(text);
            }
        }
    }

    /** After a step that failed: what fails alone has failed, the others have lost nothing. */
    private void eachAlone() {
        for (Text text : open) {
            if (text.isOver()) {
                continue;
            }
            try {
                text.rows.truncate(text.length);
                advance(text, model.forward(text.rows.spans(text.search.tokens())));
            } catch (RuntimeException | Error e) {
                text.problem = e instanceof RuntimeException problem ? problem : new IllegalStateException("the text cannot be computed: " + e, e);
            }
        }
    }

    private static void advance(Text text, List<float[]> logits) {
        text.search.step(logits.toArray(float[][]::new));
        text.length++;
        if (!text.search.isOver()) {
            text.rows.choose(text.search.parents());
        }
    }

    /** Gives up what is not over. */
    @Override
    public void close() {
        open.forEach(Text::close);
        open.clear();
    }
}
