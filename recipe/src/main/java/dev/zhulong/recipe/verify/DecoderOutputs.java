package dev.zhulong.recipe.verify;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.train.Balancing;
import dev.zhulong.train.Loss;
import dev.zhulong.train.NextToken;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** What a decoder makes of a reference's inputs: {@code logits}, {@code greedy}, {@code loss}, {@code aux_loss} and norms of gradients. */
final class DecoderOutputs {
    /** Ids of the first row that greedy text begins with, and those that follow where the reference does not say how many. */
    private static final int PROMPT = 5;
    private static final int WRITTEN = 16;

    private DecoderOutputs() {}

    /** @param eos ids that end greedy text */
    static void of(LanguageModel model, List<Integer> eos, Golden reference, Computed computed) {
        int[] ids = reference.ints(Golden.IDS).orElseThrow();
        int batch = reference.batch();
        int seq = reference.seq();
        int vocab = model.spec().vocabSize();
        float[] logits = new float[batch * seq * vocab];
        for (int row = 0; row < batch; row++) {
            try (KvCache cache = model.newCache(seq)) {
                float[] of = model.forward(List.of(new Span(cache, Arrays.copyOfRange(ids, row * seq, (row + 1) * seq), Logits.ALL))).getFirst();
                System.arraycopy(of, 0, logits, row * seq * vocab, of.length);
            }
        }
        computed.put("logits", logits, batch, seq, vocab);
        int length = reference.greedy().orElse(PROMPT + WRITTEN);
        // a reference that never ends was made with its end held back (min_new_tokens)
        boolean heldBack = reference.ints("greedy").filter(text -> Arrays.stream(text).noneMatch(eos::contains)).isPresent();
        computed.put("greedy", greedy(model, eos, heldBack, Arrays.copyOf(ids, Math.min(PROMPT, seq)), Math.min(length, model.spec().contextLength())));
    }

    /** @param heldBack whether an id that ends the text is passed over for the next best */
    private static int[] greedy(LanguageModel model, List<Integer> eos, boolean heldBack, int[] prompt, int length) {
        int[] text = Arrays.copyOf(prompt, length);
        int n = prompt.length;
        try (KvCache cache = model.newCache(length)) {
            int[] next = prompt;
            while (n < length) {
                float[] logits = model.forward(List.of(new Span(cache, next, Logits.LAST))).getFirst();
                int best = -1;
                for (int i = 0; i < logits.length; i++) {
                    best = heldBack && eos.contains(i) || best >= 0 && logits[i] <= logits[best] ? best : i;
                }
                text[n++] = best;
                next = new int[] {best};
                if (eos.contains(best)) {
                    break;
                }
            }
        }
        return Arrays.copyOf(text, n);
    }

    /**
     * Of labels that are the inputs where the reference has none, shifted, as transformers has it: a mixture's loss includes its balance loss, by the factor of its
     * configuration, unless the reference has a loss and no {@code aux_loss}.
     */
    static void losses(Path directory, Golden reference, Computed computed) {
        try (Decoder model = DecoderFiles.load(directory)) {
            model.requiresGrad(true);
            // transformers adds the balance loss only where the configuration asks for it (output_router_logits)
            boolean plain = reference.number("loss").isPresent() && reference.number("aux_loss").isEmpty();
            var objective = plain ? new NextToken(model, new int[model.spec().vocabSize()], Balancing.none()) : new NextToken(model);
            Loss loss = objective.accumulate(batch(reference, model.spec().vocabSize()), false);
            if (loss.count() == 0) {
                if (reference.find("labels").isPresent()) {
                    throw new FormatException(reference.path(), "tensor labels: none is counted, so there is no loss to compute; leave it out");
                }
                return; // rows of one token
            }
            Number balance = plain ? null : objective.observed().get("balance_loss");
            double factor = model.spec().stack().experts().map(Mlp.Experts::balance).orElse(0.0);
            computed.put("loss", loss.mean() + (balance == null ? 0 : factor * balance.doubleValue()));
            if (balance != null) {
                computed.put("aux_loss", balance.doubleValue());
            }
            Gradients.put(model, loss.count(), computed);
        }
    }

    private static Batch batch(Golden reference, int vocab) {
        int seq = reference.seq();
        int[] ids = reference.ints(Golden.IDS).orElseThrow();
        int[] labels = reference.ints("labels", 0, vocab - 1, Batch.NO_TARGET, reference.batch(), seq).orElse(ids);
        var batch = new Batch(reference.batch(), seq);
        for (int i = 0; i < ids.length; i++) {
            boolean last = i % seq == seq - 1;
            batch.tokens()[i] = ids[i];
            batch.targets()[i] = last ? Batch.NO_TARGET : labels[i + 1];
            batch.positions()[i] = i % seq;
        }
        return batch;
    }
}
