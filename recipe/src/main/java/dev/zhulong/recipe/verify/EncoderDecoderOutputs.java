package dev.zhulong.recipe.verify;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.PairBatch;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.cpu.CpuEncoderDecoder;
import dev.zhulong.infer.search.Continuation;
import dev.zhulong.infer.search.Continuations;
import dev.zhulong.infer.search.Search;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.Loss;
import dev.zhulong.train.SequenceToSequence;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * What an encoder–decoder makes of a reference's inputs: {@code encoder_last_hidden_state}, with labels {@code logits}, {@code loss} and norms of gradients,
 * and the texts {@code greedy} and {@code beam4} of each row.
 */
final class EncoderDecoderOutputs {
    /** Ids written where the reference does not say how many. */
    private static final int WRITTEN = 13;

    private EncoderDecoderOutputs() {}

    /**
     * A reference's inputs.
     *
     * @param visible null where nothing is padding
     */
    private record Inputs(int batch, int seq, int[] ids, boolean[] visible) {
        static Inputs of(Golden reference, EncoderDecoderSpec spec) {
            Verification.requireFits(reference, spec.longest(), spec.sourceVocab());
            int[] mask = reference.mask().orElse(null);
            boolean[] visible = mask == null ? null : new boolean[mask.length];
            for (int i = 0; mask != null && i < mask.length; i++) {
                visible[i] = mask[i] == 1;
            }
            return new Inputs(reference.batch(), reference.seq(), reference.ints(Golden.IDS).orElseThrow(), visible);
        }

        boolean[] visible(int row) {
            return visible == null ? null : Arrays.copyOfRange(visible, row * seq, (row + 1) * seq);
        }

        int[] row(int row) {
            return Arrays.copyOfRange(ids, row * seq, (row + 1) * seq);
        }

        /** Rows without their padding. */
        List<int[]> sources(Golden reference) {
            List<int[]> sources = new ArrayList<>();
            for (int row = 0; row < batch; row++) {
                boolean[] seen = visible(row);
                int length = seen == null ? seq : (int) IntStream.range(0, seq).filter(i -> seen[i]).count();
                for (int i = 0; seen != null && i < length; i++) {
                    if (!seen[i]) {
                        throw new FormatException(reference.path(), "tensor attention_mask: texts are written of rows that are padded at their end, and row " + row
                                + " is padded before it");
                    }
                }
                sources.add(Arrays.copyOf(row(row), length));
            }
            return sources;
        }
    }

    /** On libtorch. */
    static void of(EncoderDecoder model, Path directory, Golden reference, Computed computed) {
        EncoderDecoderSpec spec = model.spec();
        Inputs inputs = Inputs.of(reference, spec);
        int batch = inputs.batch;
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            float[] states = model.encode(inputs.ids, batch, model.sourcePass(inputs.ids, inputs.visible, batch)).toFloats();
            computed.put("encoder_last_hidden_state", states, batch, inputs.seq, spec.hiddenSize());
        }
        losses(model, new PairBatch(batch, inputs.ids, inputs.visible, new int[0]), reference, computed);
        texts(Continuations.of(model), directory, inputs, reference, computed);
    }

    /** On the CPU engine: no losses and gradients. */
    static void of(CpuEncoderDecoder model, Path directory, Golden reference, Computed computed) {
        EncoderDecoderSpec spec = model.network();
        Inputs inputs = Inputs.of(reference, spec);
        int batch = inputs.batch;
        float[] states = new float[batch * inputs.seq * spec.hiddenSize()];
        for (int row = 0; row < batch; row++) {
            float[] of = model.encode(inputs.row(row), inputs.visible(row));
            System.arraycopy(of, 0, states, row * of.length, of.length);
        }
        computed.put("encoder_last_hidden_state", states, batch, inputs.seq, spec.hiddenSize());
        Optional<PairBatch> labelled = labelled(spec, new PairBatch(batch, inputs.ids, inputs.visible, new int[0]), reference);
        if (labelled.isPresent()) {
            logits(model, inputs.sources(reference), SequenceToSequence.shifted(spec, labelled.get()), computed);
        }
        texts(Continuations.of(model), directory, inputs, reference, computed);
    }

    private static void logits(CpuEncoderDecoder model, List<int[]> sources, int[] read, Computed computed) {
        int length = read.length / sources.size();
        List<Span> spans = new ArrayList<>();
        for (int row = 0; row < sources.size(); row++) {
            spans.add(new Span(model.newCache(length, sources.get(row)), Arrays.copyOfRange(read, row * length, (row + 1) * length), Logits.ALL));
        }
        float[] all = new float[read.length * model.spec().vocabSize()];
        try {
            int at = 0;
            for (float[] of : model.forward(spans)) {
                System.arraycopy(of, 0, all, at, of.length);
                at += of.length;
            }
        } finally {
            spans.forEach(span -> span.cache().close());
        }
        computed.put("logits", all, sources.size(), length, model.spec().vocabSize());
    }

    /** With the reference's labels; empty where it has none. */
    private static Optional<PairBatch> labelled(EncoderDecoderSpec spec, PairBatch inputs, Golden reference) {
        if (reference.find("labels").isEmpty()) {
            return Optional.empty();
        }
        long[] shape = reference.find("labels").get().shape();
        int length = shape.length == 2 ? (int) shape[1] : 0;
        int[] labels = reference.ints("labels", 0, spec.vocabSize() - 1, Batch.NO_TARGET, inputs.rows(), length).orElseThrow();
        return Optional.of(new PairBatch(inputs.rows(), inputs.source(), inputs.visible(), labels));
    }

    private static void losses(EncoderDecoder model, PairBatch inputs, Golden reference, Computed computed) {
        EncoderDecoderSpec spec = model.spec();
        Optional<PairBatch> labelled = labelled(spec, inputs, reference);
        if (labelled.isEmpty()) {
            return;
        }
        PairBatch batch = labelled.get();
        if (batch.supervised() == 0) {
            throw new FormatException(reference.path(), "tensor labels: none is counted, so there is no loss to compute; leave it out");
        }
        var objective = new SequenceToSequence(model, 0);
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            Tensor logits = model.logits(objective.states(batch));
            computed.put("logits", logits.toFloats(), inputs.rows(), batch.labels().length / inputs.rows(), spec.vocabSize());
        }
        model.requiresGrad(true);
        Loss loss = objective.accumulate(batch, false);
        computed.put("loss", loss.mean());
        Gradients.put(model, loss.count(), computed);
        model.trainable().values().forEach(Tensor::clearGrad);
        model.requiresGrad(false);
    }

    private static void texts(Continuations model, Path directory, Inputs inputs, Golden reference, Computed computed) {
        List<int[]> sources = inputs.sources(reference);
        SearchOptions options = SearchOptions.read(directory, model.spec().ids(), model.spec().longest(), model.spec().vocabSize());
        text("greedy", model, sources, options.withBeams(1), reference, computed);
        text("beam4", model, sources, options.withBeams(4).with(1, SearchOptions.Early.HEURISTIC, options.noRepeat()), reference, computed);
    }

    /** Rows as transformers gives them: what the decoder begins with in front, and filled up. */
    private static void text(String name, Continuations model, List<int[]> sources, SearchOptions options, Golden reference, Computed computed) {
        // a text that ended early makes the reference shorter than what was asked for: the other text tells
        int wanted = Math.max(length(reference, "greedy"), length(reference, "beam4"));
        SearchOptions limited = options.withNewTokens((wanted == 0 ? WRITTEN : wanted) - 1);
        List<int[]> texts;
        try (Continuation rows = model.begin(sources)) {
            texts = Search.run(rows, sources.stream().map(any -> limited).toList());
        }
        int longest = texts.stream().mapToInt(text -> text.length).max().orElse(0) + 1;
        int fill = options.beams() > 1 && options.pad() == 0 && !options.eos().isEmpty() ? options.eos().getFirst() : options.pad();
        int[] all = new int[texts.size() * longest];
        Arrays.fill(all, fill);
        for (int row = 0; row < texts.size(); row++) {
            all[row * longest] = options.start();
            System.arraycopy(texts.get(row), 0, all, row * longest + 1, texts.get(row).length);
        }
        computed.put(name, all);
    }

    private static int length(Golden reference, String name) {
        return reference.find(name).map(view -> view.shape()).filter(shape -> shape.length == 2).map(shape -> (int) shape[1]).orElse(0);
    }
}
