package dev.zhulong.recipe.verify;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.TensorView;
import java.util.Arrays;
import java.util.Optional;

/**
 * What a reference says is right about its inputs, for an encoder's head.
 *
 * @param ids     of tokens or labels; where answers begin and end, in turn
 * @param numbers in place of ids, where the head gives numbers or any of its labels may be right
 */
record Labels(int[] ids, float[] numbers) {
    private static final String NAME = "labels";

    /** Empty where the head has no use for any, or the reference has none. */
    static Optional<Labels> of(Golden reference, EncoderSpec spec) {
        int batch = reference.batch();
        return switch (spec.head()) {
            case Head.None none -> Optional.empty();
            case Head.Spans spans -> spans(reference);
            case Head.MaskedTokens tokens -> ofTokens(reference, spec);
            case Head.Tags tags -> ofTokens(reference, spec);
            case Head.Classes classes when classes.problem() == Problem.SINGLE_LABEL ->
                reference.ints(NAME, 0, spec.outputs() - 1, 0, batch).map(Labels::ids);
            case Head.Classes classes -> reference.find(NAME).map(view -> numbers(reference, view, batch, spec.outputs()));
        };
    }

    private static Labels ids(int[] ids) {
        return new Labels(ids, new float[0]);
    }

    private static Optional<Labels> ofTokens(Golden reference, EncoderSpec spec) {
        Optional<int[]> ids = reference.ints(NAME, 0, spec.outputs() - 1, Batch.NO_TARGET, reference.batch(), reference.seq());
        if (ids.isPresent() && Arrays.stream(ids.get()).allMatch(id -> id == Batch.NO_TARGET)) {
            throw new FormatException(reference.path(), "tensor labels: all are " + Batch.NO_TARGET + ", so there is no loss to compute; leave it out");
        }
        return ids.map(Labels::ids);
    }

    private static Optional<Labels> spans(Golden reference) {
        int last = reference.seq() - 1;
        Optional<int[]> starts = reference.ints("start_positions", 0, last, 0, reference.batch());
        Optional<int[]> ends = reference.ints("end_positions", 0, last, 0, reference.batch());
        if (starts.isEmpty() || ends.isEmpty()) {
            return Optional.empty();
        }
        int[] both = new int[2 * starts.get().length];
        Arrays.setAll(both, i -> i % 2 == 0 ? starts.get()[i / 2] : ends.get()[i / 2]);
        return Optional.of(ids(both));
    }

    /** One number a row may come without a dimension of its own. */
    private static Labels numbers(Golden reference, TensorView view, int batch, int outputs) {
        if (outputs > 1 || view.shape().length != 1) {
            reference.requireShape(NAME, batch, outputs);
        } else {
            reference.requireShape(NAME, batch);
        }
        float[] numbers = view.type().isFloat() ? view.toFloats() : floats(reference.ints(NAME).orElseThrow());
        for (float number : numbers) {
            if (!Float.isFinite(number)) {
                throw new FormatException(reference.path(), "tensor labels: expected finite numbers, found " + number);
            }
        }
        return new Labels(new int[0], numbers);
    }

    private static float[] floats(int[] ids) {
        float[] floats = new float[ids.length];
        for (int i = 0; i < ids.length; i++) {
            floats[i] = ids[i];
        }
        return floats;
    }
}
