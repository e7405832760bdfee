package dev.zhulong.recipe.verify;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.TensorView;
import dev.zhulong.infer.search.Continuation;
import dev.zhulong.infer.search.Search;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.infer.search.TorchContinuation;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.Loss;
import dev.zhulong.train.SpeechBatch;
import dev.zhulong.train.SpeechToText;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a model that hears makes of a reference's {@code input_features}: {@code encoder_last_hidden_state}, of which the reference may hold every n-th position, with labels
 * {@code logits}, {@code loss} and norms of gradients, and the text {@code greedy} of each row.
 */
final class SpeechOutputs {
    /** Ids written where the reference does not say how many. */
    private static final int WRITTEN = 13;

    private SpeechOutputs() {}

    static void of(EncoderDecoder model, Golden reference, Computed computed) {
        EncoderDecoderSpec spec = model.spec();
        int batch = (int) reference.find(Golden.SOUND).orElseThrow().shape()[0];
        float[] sound = reference.floats(Golden.SOUND, batch, spec.bands(), spec.frames());
        Tensor encoded;
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            encoded = model.hear(Tensor.of(sound, batch, spec.bands(), spec.frames())).keep();
        }
        states(encoded.toFloats(), batch, spec, reference, computed);
        losses(model, batch, sound, reference, computed);
        text(model, encoded, reference, computed);
    }

    private static void states(float[] all, int batch, EncoderDecoderSpec spec, Golden reference, Computed computed) {
        String name = "encoder_last_hidden_state";
        int positions = spec.encoder().contextLength();
        long[] shape = reference.find(name).map(TensorView::shape).orElse(new long[] {batch, positions, spec.hiddenSize()});
        int kept = shape.length == 3 && shape[1] > 0 && shape[1] <= positions && positions % shape[1] == 0 ? (int) shape[1] : positions;
        float[] some = new float[batch * kept * spec.hiddenSize()];
        for (int i = 0; i < batch * kept; i++) {
            System.arraycopy(all, i * (positions / kept) * spec.hiddenSize(), some, i * spec.hiddenSize(), spec.hiddenSize());
        }
        computed.put(name, some, batch, kept, spec.hiddenSize());
    }

    private static void losses(EncoderDecoder model, int batch, float[] sound, Golden reference, Computed computed) {
        if (reference.find("labels").isEmpty()) {
            return;
        }
        EncoderDecoderSpec spec = model.spec();
        long[] shape = reference.find("labels").get().shape();
        int length = shape.length == 2 ? (int) shape[1] : 0;
        int[] labels = reference.ints("labels", 0, spec.vocabSize() - 1, Batch.NO_TARGET, batch, length).orElseThrow();
        var of = new SpeechBatch(batch, sound, labels);
        if (of.supervised() == 0) {
            throw new FormatException(reference.path(), "tensor labels: none is counted, so there is no loss to compute; leave it out");
        }
        var objective = new SpeechToText(model, 0);
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            computed.put("logits", model.logits(objective.states(of)).toFloats(), batch, length, spec.vocabSize());
        }
        model.requiresGrad(true);
        Loss loss = objective.accumulate(of, false);
        computed.put("loss", loss.mean());
        Gradients.put(model, loss.count(), computed);
        model.trainable().values().forEach(Tensor::clearGrad);
        model.requiresGrad(false);
    }

    /** The likeliest token each time, without any rule. @param encoded used up */
    private static void text(EncoderDecoder model, Tensor encoded, Golden reference, Computed computed) {
        EncoderDecoderSpec spec = model.spec();
        int written = reference.find("greedy").map(TensorView::shape).filter(shape -> shape.length == 2).map(shape -> (int) shape[1]).orElse(WRITTEN);
        SearchOptions options = SearchOptions.greedy(spec.startId(), spec.ids(), spec.longest()).withNewTokens(written - 1);
        int batch = (int) encoded.size(0);
        List<int[]> texts;
        try (Continuation rows = TorchContinuation.ofEncoded(model, encoded)) {
            texts = Search.run(rows, IntStream.range(0, batch).mapToObj(any -> options).toList());
        }
        int longest = texts.stream().mapToInt(text -> text.length).max().orElse(0) + 1;
        int[] all = new int[batch * longest];
        Arrays.fill(all, options.pad());
        for (int row = 0; row < batch; row++) {
            all[row * longest] = options.start();
            System.arraycopy(texts.get(row), 0, all, row * longest + 1, texts.get(row).length);
        }
        computed.put("greedy", all);
    }
}
