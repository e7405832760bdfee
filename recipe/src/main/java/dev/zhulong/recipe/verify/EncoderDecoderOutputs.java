package dev.zhulong.recipe.verify;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.PairBatch;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.infer.search.Search;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.infer.search.TorchContinuation;
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
import java.util.stream.IntStream;

/**
 * What an encoder–decoder makes of a reference's inputs: {@code encoder_last_hidden_state}, with labels {@code logits}, {@code loss} and norms of gradients,
 * and the texts {@code greedy} and {@code beam4} of each row.
 */
final class EncoderDecoderOutputs {
    /** Ids written where the reference does not say how many. */
    private static final int WRITTEN = 13;

    private EncoderDecoderOutputs() {}

    static void of(EncoderDecoder model, Path directory, Golden reference, Computed computed) {
        EncoderDecoderSpec spec = model.spec();
        Verification.requireFits(reference, spec.longest(), spec.sourceVocab());
        int batch = reference.batch();
        int seq = reference.seq();
        int[] ids = reference.ints(Golden.IDS).orElseThrow();
        int[] mask = reference.mask().orElse(null);
        boolean[] visible = mask == null ? null : new boolean[mask.length];
        for (int i = 0; mask != null && i < mask.length; i++) {
            visible[i] = mask[i] == 1;
        }
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            float[] states = model.encode(ids, batch, model.sourcePass(ids, visible, batch)).toFloats();
            computed.put("encoder_last_hidden_state", states, batch, seq, spec.hiddenSize());
        }
        losses(model, new PairBatch(batch, ids, visible, new int[0]), reference, computed);
        texts(model, directory, ids, visible, reference, computed);
    }

    private static void losses(EncoderDecoder model, PairBatch inputs, Golden reference, Computed computed) {
        if (reference.find("labels").isEmpty()) {
            return;
        }
        EncoderDecoderSpec spec = model.spec();
        long[] shape = reference.find("labels").get().shape();
        int length = shape.length == 2 ? (int) shape[1] : 0;
        int[] labels = reference.ints("labels", 0, spec.vocabSize() - 1, Batch.NO_TARGET, inputs.rows(), length).orElseThrow();
        var batch = new PairBatch(inputs.rows(), inputs.source(), inputs.visible(), labels);
        if (batch.supervised() == 0) {
            throw new FormatException(reference.path(), "tensor labels: none is counted, so there is no loss to compute; leave it out");
        }
        var objective = new SequenceToSequence(model, 0);
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            Tensor logits = model.logits(objective.states(batch));
            computed.put("logits", logits.toFloats(), inputs.rows(), length, spec.vocabSize());
        }
        model.requiresGrad(true);
        Loss loss = objective.accumulate(batch, false);
        computed.put("loss", loss.mean());
        Gradients.put(model, loss.count(), computed);
        model.trainable().values().forEach(Tensor::clearGrad);
        model.requiresGrad(false);
    }

    private static void texts(EncoderDecoder model, Path directory, int[] ids, boolean[] visible, Golden reference, Computed computed) {
        int batch = reference.batch();
        int seq = ids.length / batch;
        List<int[]> sources = new ArrayList<>();
        for (int row = 0; row < batch; row++) {
            int from = row * seq;
            int length = visible == null ? seq : (int) IntStream.range(0, seq).filter(i -> visible[from + i]).count();
            for (int i = 0; visible != null && i < length; i++) {
                if (!visible[from + i]) {
                    throw new FormatException(reference.path(), "tensor attention_mask: texts are written of rows that are padded at their end, and row " + row
                            + " is padded before it");
                }
            }
            sources.add(Arrays.copyOfRange(ids, from, from + length));
        }
        SearchOptions options = SearchOptions.read(directory, model.spec().ids(), model.spec().longest(), model.spec().vocabSize());
        text("greedy", model, sources, options.withBeams(1), reference, computed);
        text("beam4", model, sources, options.withBeams(4).with(1, SearchOptions.Early.HEURISTIC, options.noRepeat()), reference, computed);
    }

    /** Rows as transformers gives them: what the decoder begins with in front, and filled up. */
    private static void text(String name, EncoderDecoder model, List<int[]> sources, SearchOptions options, Golden reference, Computed computed) {
        // a text that ended early makes the reference shorter than what was asked for: the other text tells
        int wanted = Math.max(length(reference, "greedy"), length(reference, "beam4"));
        SearchOptions limited = options.withNewTokens((wanted == 0 ? WRITTEN : wanted) - 1);
        List<int[]> texts;
        try (var rows = new TorchContinuation(model, sources)) {
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
