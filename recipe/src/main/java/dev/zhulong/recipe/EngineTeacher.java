package dev.zhulong.recipe;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.TokenTeacher;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A teacher on an engine, such as the CPU engine's with weights in 8 bits. The documents of a row are its sequences. Logits are made a row at a time, when they are asked for.
 *
 * @param model its owner's
 */
record EngineTeacher(LanguageModel model) implements TokenTeacher {
    @Override
    public Rows of(Batch batch) {
        return new OfBatch(batch);
    }

    private final class OfBatch implements Rows {
        private final Batch batch;
        private final int width = model.spec().vocabSize();
        /** Number of the row whose logits are there. */
        private int row = -1;
        /** Of each document of the row. */
        private List<float[]> logits;
        /** Where each begins in the row. */
        private List<Integer> begins;

        OfBatch(Batch batch) {
            this.batch = batch;
        }

        @Override
        public Tensor logits(int[] rows) {
            float[] all = new float[Math.multiplyExact(rows.length, width)];
            for (int i = 0; i < rows.length; i++) {
                if (rows[i] / batch.seq() != row) {
                    read(rows[i] / batch.seq());
                }
                int document = batch.documents()[rows[i]];
                System.arraycopy(logits.get(document), (rows[i] % batch.seq() - begins.get(document)) * width, all, i * width, width);
            }
            return Tensor.of(all, rows.length, width);
        }

        private void read(int number) {
            row = number;
            int from = number * batch.seq();
            begins = new ArrayList<>();
            for (int i = 0; i < batch.seq(); i++) {
                if (batch.documents()[from + i] == begins.size()) {
                    begins.add(i);
                }
            }
            List<KvCache> caches = new ArrayList<>();
            try {
                List<Span> spans = new ArrayList<>();
                for (int document = 0; document < begins.size(); document++) {
                    int end = document + 1 < begins.size() ? begins.get(document + 1) : batch.seq();
                    int[] ids = Arrays.copyOfRange(batch.tokens(), from + begins.get(document), from + end);
                    caches.add(model.newCache(ids.length));
                    spans.add(new Span(caches.getLast(), ids, Logits.ALL));
                }
                logits = model.forward(spans);
            } finally {
                caches.forEach(KvCache::close);
            }
        }
    }
}
