package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.tensor.Tensor;
import java.util.List;

/**
 * The first part of an encoder that hears (Radford et al. 2022): two convolutions along the frames of a mel spectrogram, the second of which takes every other one, each with
 * the activation of the layers, and positions.
 */
final class SoundPart implements Part {
    private static final int PADDING = 1;

    private final Stack stack;
    private final Weight first;
    private final Weight firstBias;
    private final Weight second;
    private final Weight secondBias;
    private final Weight positions;
    private final Dropout dropout;

    SoundPart(Network network, Stack stack) {
        this.stack = stack;
        first = network.weight(Role.SOUND_CONV1, -1);
        firstBias = network.bias(Role.SOUND_CONV1, -1);
        second = network.weight(Role.SOUND_CONV2, -1);
        secondBias = network.bias(Role.SOUND_CONV2, -1);
        positions = network.weight(Role.SOUND_POSITIONS, -1);
        dropout = network.dropout();
    }

    @Override
    public List<Weight> weights() {
        return List.of(first, firstBias, second, secondBias, positions);
    }

    /** From [spectrogram [batch, bands, frames], target ids] to [stream [batch, frames / 2, hidden], target ids]. */
    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        var activation = stack.layers().getFirst().mlp().activation();
        Tensor x = Activations.apply(activation, flow[0].conv1d(first.tensor(), firstBias.tensor(), 1, PADDING));
        x = Activations.apply(activation, x.conv1d(second.tensor(), secondBias.tensor(), 2, PADDING)).transpose(1, 2);
        return new Tensor[] {dropout.apply(x.add(positions.tensor())), flow[1]};
    }
}
