package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** The first part of either stack of an encoder–decoder: ids to the residual stream. */
final class StackEmbedPart implements Part {
    private final Stack stack;
    private final Weight tokens;
    private final Weight positions;
    private final Normalisation norm;
    private final Dropout dropout;
    private final int ids;
    private final int other;
    private final int fixedToken;
    private final Map<Long, float[]> sines = new ConcurrentHashMap<>();

    private StackEmbedPart(Stack stack, Weight tokens, Weight positions, Normalisation norm, Dropout dropout, int ids, int other, int fixedToken) {
        this.stack = stack;
        this.tokens = tokens;
        this.positions = positions;
        this.norm = norm;
        this.dropout = dropout;
        this.ids = ids;
        this.other = other;
        this.fixedToken = fixedToken;
    }

    /** From [source ids, target ids] to [stream, target ids]. @param fixedToken row of the embedding that is not trained, or -1 */
    static StackEmbedPart ofEncoder(Network network, Stack stack, int fixedToken) {
        Weight own = network.find(Role.ENCODER_EMBED, -1);
        return new StackEmbedPart(stack, own == null ? network.weight(Role.EMBED, -1) : own, network.find(Role.ENCODER_POSITIONS, -1),
                network.norm(Role.ENCODER_EMBED_NORM, -1, stack), network.dropout(), 0, 1, fixedToken);
    }

    /** From [encoded, target ids] to [stream, encoded]. */
    static StackEmbedPart ofDecoder(Network network, Stack stack, int fixedToken) {
        return new StackEmbedPart(stack, network.weight(Role.EMBED, -1), network.find(Role.POSITIONS, -1), network.norm(Role.EMBED_NORM, -1, stack), network.dropout(), 1, 0,
                fixedToken);
    }

    @Override
    public List<Weight> weights() {
        return Stream.concat(Stream.of(tokens, positions).filter(w -> w != null), Normalisation.weights(norm).stream()).toList();
    }

    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        Tensor x = tokens.tensor().embedding(flow[ids], fixedToken);
        double scale = stack.scales().embedding();
        x = scale == 1 ? x : x.mul(scale);
        if (positions != null) {
            x = x.add(positions.tensor().embedding(pass.positions()));
        } else if (stack.positions() instanceof Positions.Sinusoidal rows) {
            x = x.add(sines(rows, pass.positions()));
        }
        return new Tensor[] {dropout.apply(norm == null ? x : norm.apply(x)), flow[other]};
    }

    /** [batch, seq, hidden]. */
    private Tensor sines(Positions.Sinusoidal rows, Tensor at) {
        int width = stack.hiddenSize();
        long[] numbers = at.toLongs();
        float[] values = new float[numbers.length * width];
        for (int i = 0; i < numbers.length; i++) {
            System.arraycopy(sines.computeIfAbsent(numbers[i], position -> rows.row(position, width)), 0, values, i * width, width);
        }
        return Tensor.of(values, at.size(0), at.size(1), width);
    }
}
