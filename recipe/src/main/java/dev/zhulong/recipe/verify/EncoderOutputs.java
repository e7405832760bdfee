package dev.zhulong.recipe.verify;

import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.HeadOfEncoder;
import dev.zhulong.train.Loss;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** What an encoder makes of a reference's inputs: {@code last_hidden_state}, {@code logits} of its head, {@code loss} and norms of gradients. */
final class EncoderOutputs {
    private EncoderOutputs() {}

    static void onTorch(Path directory, Golden reference, Computed computed) {
        try (Encoder model = EncoderFiles.load(directory)) {
            EncoderSpec spec = model.spec();
            Verification.requireFits(reference, spec.contextLength(), spec.vocabSize());
            int[] ids = reference.ints(Golden.IDS).orElseThrow();
            int[] segments = reference.ints("token_type_ids").orElseGet(() -> new int[ids.length]);
            try (var scope = TensorScope.open(); var off = NoGrad.open()) {
                Tensor states = model.states(ids, segments, visible(reference), reference.batch());
                computed.put("last_hidden_state", states.toFloats(), states.shape());
                if (!(spec.head() instanceof Head.None)) {
                    Tensor logits = model.logits(states);
                    putLogits(spec, logits.toFloats(), logits.shape(), computed);
                }
            }
            Optional<int[]> labels = labels(spec, reference);
            if (labels.isPresent()) {
                model.requiresGrad(true);
                Loss loss = new HeadOfEncoder(model).accumulate(new EncoderBatch(reference.batch(), reference.seq(), ids, segments, lengths(reference),
                        labels.get()), false);
                computed.put("loss", loss.mean());
                Gradients.put(model, loss.count(), computed);
            }
        }
    }

    private static void putLogits(EncoderSpec spec, float[] logits, long[] shape, Computed computed) {
        if (!(spec.head() instanceof Head.Spans)) {
            computed.put("logits", logits, shape);
            return;
        }
        float[][] ends = new float[2][logits.length / 2];
        for (int i = 0; i < logits.length; i++) {
            ends[i % 2][i / 2] = logits[i];
        }
        computed.put("start_logits", ends[0], shape[0], shape[1]);
        computed.put("end_logits", ends[1], shape[0], shape[1]);
    }

    private static Optional<int[]> labels(EncoderSpec spec, Golden reference) {
        if (spec.head() instanceof Head.None) {
            return Optional.empty();
        }
        if (!(spec.head() instanceof Head.Spans)) {
            return reference.ints("labels");
        }
        Optional<int[]> starts = reference.ints("start_positions");
        Optional<int[]> ends = reference.ints("end_positions");
        return starts.isEmpty() || ends.isEmpty() ? Optional.empty() : Optional.of(interleaved(starts.get(), ends.get()));
    }

    private static int[] interleaved(int[] starts, int[] ends) {
        int[] both = new int[2 * starts.length];
        Arrays.setAll(both, i -> i % 2 == 0 ? starts[i / 2] : ends[i / 2]);
        return both;
    }

    /** Null where nothing is hidden. */
    private static boolean[] visible(Golden reference) {
        int[] mask = reference.ints(Golden.MASK).orElse(null);
        if (mask == null) {
            return null;
        }
        boolean[] visible = new boolean[mask.length];
        for (int i = 0; i < mask.length; i++) {
            visible[i] = mask[i] != 0;
        }
        return visible;
    }

    /** Tokens of each row before its padding. */
    private static int[] lengths(Golden reference) {
        int[] lengths = new int[reference.batch()];
        Arrays.fill(lengths, reference.seq());
        reference.ints(Golden.MASK).ifPresent(mask -> {
            for (int row = 0; row < lengths.length; row++) {
                int[] of = Arrays.copyOfRange(mask, row * reference.seq(), (row + 1) * reference.seq());
                lengths[row] = Arrays.stream(of).sum();
                if (Arrays.stream(of, 0, lengths[row]).anyMatch(seen -> seen == 0)) {
                    throw new FormatException(reference.path(), "attention_mask: expected padding at the end of row " + row + ", found it before");
                }
            }
        });
        return lengths;
    }
}
