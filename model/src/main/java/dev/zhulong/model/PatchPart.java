package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Patches;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The first part of a tower over patches: pixels to the residual stream. A convolution whose stride is its kernel is one product of cut patches; what a
 * picture has beyond whole patches is left out, as there.
 */
final class PatchPart implements Part {
    private final Patches patches;
    private final int hidden;
    private final Weight weight;
    private final Weight bias;
    private final Weight first;
    private final Weight registers;
    private final Weight positions;
    private final Normalisation norm;

    PatchPart(Network network, VisionSpec spec) {
        patches = spec.patches();
        hidden = spec.hiddenSize();
        weight = network.weight(Role.PATCHES, -1);
        bias = network.bias(Role.PATCHES, -1);
        first = network.find(Role.CLASS_TOKEN, -1);
        registers = network.find(Role.REGISTERS, -1);
        positions = network.weight(Role.PATCH_POSITIONS, -1);
        norm = network.norm(Role.PATCH_NORM, -1, spec.stack());
    }

    @Override
    public List<Weight> weights() {
        return Stream.concat(Stream.of(weight, bias, first, registers, positions).filter(Objects::nonNull), Normalisation.weights(norm).stream()).toList();
    }

    /** F32 pixels [batch, channels, height, width] to [batch, tokens, hidden]. */
    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        Tensor pixels = flow[0];
        long batch = pixels.size(0);
        int size = patches.size();
        int rows = (int) pixels.size(2) / size;
        int columns = (int) pixels.size(3) / size;
        Tensor cut = pixels.unfold(2, size, size).unfold(3, size, size).permute(0, 2, 3, 1, 4, 5).reshape(batch, (long) rows * columns, (long) patches.channels() * size * size);
        Tensor x = cut.linear(weight.tensor().view(hidden, -1), bias == null ? null : bias.tensor());
        Tensor table = table(rows, columns);
        if (first == null) {
            x = x.add(table);
        } else {
            Tensor token = first.tensor().view(1, hidden).add(table.narrow(0, 0, 1)).view(1, 1, hidden).expand(batch, 1, hidden);
            List<Tensor> tokens = new ArrayList<>(List.of(token));
            if (registers != null) {
                tokens.add(registers.tensor().view(1, patches.registers(), hidden).expand(batch, patches.registers(), hidden));
            }
            tokens.add(x.add(table.narrow(0, 1, (long) rows * columns)));
            x = Tensor.cat(1, tokens.toArray(Tensor[]::new));
        }
        Tensor[] next = flow.clone();
        next[0] = norm == null ? x : norm.apply(x);
        return next;
    }

    /** The table for pictures of {@code rows} by {@code columns} patches, [rows · columns and what stands before them, hidden]. */
    private Tensor table(int rows, int columns) {
        Tensor stored = positions.tensor().view(patches.positions(), hidden);
        if (rows == patches.rows() && columns == patches.columns()) {
            return stored;
        }
        int before = patches.first() ? 1 : 0;
        Tensor grid = stored.narrow(0, before, stored.size(0) - before).view(patches.rows(), (long) patches.columns() * hidden);
        Tensor high = Bicubic.weights(patches.rows(), rows, patches.smooth()).matmul(grid).view(rows, patches.columns(), hidden);
        Tensor wide = Bicubic.weights(patches.columns(), columns, patches.smooth()).matmul(high).view((long) rows * columns, hidden);
        return before == 0 ? wide : Tensor.cat(0, stored.narrow(0, 0, 1), wide);
    }
}
