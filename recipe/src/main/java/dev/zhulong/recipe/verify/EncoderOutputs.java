package dev.zhulong.recipe.verify;

import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.infer.Encoder;
import dev.zhulong.train.HeadOfEncoder;
import dev.zhulong.train.Loss;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** What an encoder makes of a reference's inputs: {@code last_hidden_state}, {@code logits} of its head, {@code loss} and norms of gradients. */
final class EncoderOutputs {
    private EncoderOutputs() {}

    static void of(Encoder model, Golden reference, Computed computed) {
        EncoderSpec spec = model.spec();
        Verification.requireFits(reference, spec.contextLength(), spec.vocabSize());
        int batch = reference.batch();
        int seq = reference.seq();
        int[] ids = reference.ints(Golden.IDS).orElseThrow();
        int[] segments = segments(reference, spec);
        boolean[] seen = flags(reference.mask());
        boolean[] globals = flags(globals(reference));
        List<Encoder.Input> inputs = IntStream.range(0, batch).mapToObj(row -> new Encoder.Input(Arrays.copyOfRange(ids, row * seq, (row + 1) * seq),
                Arrays.copyOfRange(segments, row * seq, (row + 1) * seq), part(seen, row, seq), part(globals, row, seq), true))
                .toList();
        List<Encoder.Output> outputs = model.encode(inputs);
        computed.put("last_hidden_state", joined(outputs.stream().map(Encoder.Output::states).toList()), batch, seq, spec.hiddenSize());
        if (spec.outputs() > 0) {
            float[] logits = joined(outputs.stream().map(Encoder.Output::logits).toList());
            putLogits(spec, logits, spec.head() instanceof Head.Classes ? new long[] {batch, spec.outputs()} : new long[] {batch, seq, spec.outputs()}, computed);
        }
    }

    private static float[] joined(List<float[]> parts) {
        float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    /** Where the reference holds what is right about its inputs. */
    static void losses(dev.zhulong.model.Encoder model, Golden reference, Computed computed) {
        Optional<Labels> labels = Labels.of(reference, model.spec());
        if (labels.isPresent()) {
            int[] ids = reference.ints(Golden.IDS).orElseThrow();
            model.requiresGrad(true);
            Loss loss = new HeadOfEncoder(model).accumulate(new EncoderBatch(reference.batch(), reference.seq(), ids, segments(reference, model.spec()),
                    lengths(reference), labels.get().ids(), labels.get().numbers(), flags(globals(reference))), false);
            computed.put("loss", loss.mean());
            Gradients.put(model, loss.count(), computed);
        }
    }

    private static int[] segments(Golden reference, EncoderSpec spec) {
        return reference.ints("token_type_ids", 0, Math.max(1, spec.segments()) - 1, 0, reference.batch(), reference.seq())
                .orElseGet(() -> new int[reference.batch() * reference.seq()]);
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

    /** Empty where the reference holds none. */
    private static boolean[] flags(Optional<int[]> stored) {
        int[] numbers = stored.orElse(new int[0]);
        boolean[] flags = new boolean[numbers.length];
        for (int i = 0; i < flags.length; i++) {
            flags[i] = numbers[i] != 0;
        }
        return flags;
    }

    private static boolean[] part(boolean[] flags, int row, int seq) {
        return flags.length == 0 ? flags : Arrays.copyOfRange(flags, row * seq, (row + 1) * seq);
    }

    private static Optional<int[]> globals(Golden reference) {
        return reference.ints("global_attention_mask", 0, 1, 0, reference.batch(), reference.seq());
    }

    /** Tokens of each row before its padding. */
    private static int[] lengths(Golden reference) {
        int[] lengths = new int[reference.batch()];
        Arrays.fill(lengths, reference.seq());
        reference.mask().ifPresent(mask -> {
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
