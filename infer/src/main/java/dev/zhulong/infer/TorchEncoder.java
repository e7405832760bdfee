package dev.zhulong.infer;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Encoders over libtorch, in F32. Inputs run one after another: a matrix product's rounding depends on how many rows it has, and what an input gives must
 * not depend on those beside it.
 */
public final class TorchEncoder implements Encoder {
    private final dev.zhulong.model.Encoder model;
    private boolean closed;

    /** Over a model that this engine owns and closes. */
    public TorchEncoder(dev.zhulong.model.Encoder model) {
        this.model = model;
    }

    /** Loads a Hugging Face directory onto the device whose scope is open. */
    public static TorchEncoder load(Path directory) {
        return new TorchEncoder(EncoderFiles.load(directory));
    }

    @Override
    public EncoderSpec spec() {
        return model.spec();
    }

    @Override
    public List<Output> encode(List<Input> inputs) {
        inputs.forEach(input -> input.requireFits(spec()));
        List<Output> outputs = new ArrayList<>(inputs.size());
        for (Input input : inputs) {
            try (var device = DeviceScope.open(model.device());
                    var scope = TensorScope.open();
                    var off = NoGrad.open()) {
                int[] segments = input.segments().length == 0 ? new int[input.ids().length] : input.segments();
                boolean[] seen = input.seen().length == 0 ? null : input.seen();
                Tensor states = model.run(model.inputs(input.ids(), segments, 1), model.pass(input.ids(), seen, input.globals(), 1))[0];
                boolean head = input.logits() && spec().outputs() > 0;
                outputs.add(new Output(states.toFloats(), head ? model.logits(states, seen).toFloats() : new float[0]));
            }
        }
        return outputs;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            model.close();
        }
    }
}
