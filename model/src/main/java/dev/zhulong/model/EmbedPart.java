package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.tensor.Tensor;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The first part: ids to the residual stream, scaled where the network says so. Learned positions and segments are added, and the sum is normalised, where the network has these. */
final class EmbedPart implements Part {
    private final Weight tokens;
    private final Weight segments;
    private final Weight positions;
    private final Normalisation norm;
    private final Stack stack;
    private final Optional<Mlp.Experts> account;

    /** Rows of the tables of tokens and of positions that are not trained; -1 for none. */
    private final int fixedToken;
    private final int fixedPosition;

    EmbedPart(Network network, Stack stack) {
        this(network, stack, -1, -1);
    }

    EmbedPart(Network network, Stack stack, int fixedToken, int fixedPosition) {
        this.fixedToken = fixedToken;
        this.fixedPosition = fixedPosition;
        this.stack = stack;
        account = stack.experts();
        tokens = network.weight(Role.EMBED, -1);
        segments = network.find(Role.SEGMENTS, -1);
        positions = network.find(Role.POSITIONS, -1);
        norm = network.norm(Role.EMBED_NORM, -1, stack);
    }

    @Override
    public List<Weight> weights() {
        return Stream.concat(Stream.of(tokens, segments, positions).filter(w -> w != null), Normalisation.weights(norm).stream()).toList();
    }

    /** I64 ids [batch, seq], and segments as they are, to [batch, seq, hidden], and for a mixture an empty account. */
    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        Tensor x = tokens.tensor().embedding(flow[0], fixedToken);
        if (stack.scales().embedding() != 1) {
            x = x.mul(stack.scales().embedding());
        }
        if (segments != null) {
            x = x.add(segments.tensor().embedding(flow[1]));
        }
        if (positions != null) {
            x = x.add(positions.tensor().embedding(pass.positions(), fixedPosition));
        }
        if (norm != null) {
            x = norm.apply(x);
        }
        if (pass.seen() != null) {
            x = x.mul(pass.seen());
        }
        if (account.isEmpty()) {
            return new Tensor[] {x};
        }
        Tensor choices = Experts.account(stack, account.get());
        return pass.mixing().isPlain() ? new Tensor[] {x, choices} : new Tensor[] {x, choices, Experts.extra(stack)};
    }
}
