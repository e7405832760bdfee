package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Mixing;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Map;
import java.util.Optional;

/** Cross-entropy of the next token. Of a mixture the gradient of the loss that balances its experts is added ({@link Balance}). */
public final class NextToken implements Objective<Batch> {
    private final Decoder model;
    private final int[] tokenBytes;
    private final Optional<Balance> balance;

    /** Over tokens that stand for no text: there are no bits a byte. */
    public NextToken(Decoder model) {
        this(model, new int[model.spec().vocabSize()]);
    }

    /** Of a mixture, balanced as in transformers. */
    public NextToken(Decoder model, int[] tokenBytes) {
        this(model, tokenBytes, model.spec().stack().experts().map(mixture -> Balancing.of(mixture, Balance.Over.NETWORK)).orElseGet(Balancing::none));
    }

    /**
     * @param tokenBytes UTF-8 bytes that each token id stands for: turns nats a token into bits a byte
     * @param balancing  of a mixture's experts; of no matter to other models
     */
    public NextToken(Decoder model, int[] tokenBytes, Balancing balancing) {
        this.model = model;
        this.tokenBytes = tokenBytes.clone();
        this.balance = Balance.of(model.spec().stack(), balancing);
    }

    @Override
    public Loss accumulate(Batch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            long rows = (long) batch.batch() * batch.seq();
            HeadLoss[] loss = new HeadLoss[1];
            Backward.through(model, new Tensor[] {Tensor.of(batch.tokens(), batch.batch(), batch.seq())}, BatchContext.of(model, batch).with(balance.map(b -> b.mixing(batch)).orElse(Mixing.PLAIN)), recompute, flow -> {
                Tensor hidden = flow[0];
                loss[0] = HeadLoss.withGradient(hidden.view(rows, -1), model.head(), batch.targets());
                Tensor gradient = loss[0].gradient().view(hidden.shape());
                return balance.map(b -> b.gradients(gradient, flow, loss[0].loss().count())).orElseGet(() -> new Tensor[] {gradient});
            });
            return withBytes(loss[0].loss(), batch);
        }
    }

    @Override
    public Loss evaluate(Batch batch) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            long rows = (long) batch.batch() * batch.seq();
            Tensor hidden = model.hidden(Tensor.of(batch.tokens(), batch.batch(), batch.seq()), BatchContext.of(model, batch));
            return withBytes(HeadLoss.of(hidden.view(rows, -1), model.head(), batch.targets()), batch);
        }
    }

    private Loss withBytes(Loss loss, Batch batch) {
        long bytes = 0;
        for (int target : batch.targets()) {
            bytes += target == Batch.NO_TARGET ? 0 : tokenBytes[target];
        }
        return new Loss(loss.sum(), loss.count(), bytes);
    }

    @Override
    public Map<String, Number> observed() {
        return balance.map(Balance::observed).orElse(Map.of());
    }

    @Override
    public void updated(Ranks ranks) {
        balance.ifPresent(b -> b.correct(model, ranks));
    }

    @Override
    public Unit unit() {
        return Unit.NATS_A_TOKEN;
    }

    @Override
    public long tokens(Batch batch) {
        return batch.tokens().length;
    }
}
