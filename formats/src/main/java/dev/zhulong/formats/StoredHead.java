package dev.zhulong.formats;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * The head that weight files hold although {@code config.json} ties it to the embedding.
 *
 * <p>As in transformers ({@code PreTrainedModel.tie_weights}, version 5), the files decide: a head equal to the embedding is tied, another one is
 * used as it is stored, and where the embedding is missing the head stands for both. A head with one value in all places gives every token the
 * same logit whatever was read; nobody has trained it, so it counts as absent.
 *
 * @param spec   the network as the files have it
 * @param notice what the user should know, where the files contradict the configuration
 */
record StoredHead(NetworkSpec spec, Optional<String> notice) {
    private static final long CHUNK = 1 << 20;

    /** @param spec as {@code config.json} has it  @param weights by the names of today */
    static StoredHead of(NetworkSpec spec, Map<String, TensorView> weights) {
        if (spec instanceof VisionSpec vision && vision.pool() == VisionSpec.Pool.FIRST_DENSE && !weights.containsKey(Parameters.of(spec).get(Role.HEAD_DENSE).name())) {
            return new StoredHead(vision.withPool(VisionSpec.Pool.FIRST), Optional.empty());
        }
        if (!spec.tiedEmbeddings()) {
            boolean missing = spec instanceof EncoderDecoderSpec both && both.family().tiesMissingHead() && !weights.containsKey(head(spec));
            return new StoredHead(missing ? ((EncoderDecoderSpec) spec).withTiedHead() : spec, Optional.empty());
        }
        TensorView head = weights.get(head(spec));
        TensorView embedding = weights.get(embedding(spec));
        if (head == null || embedding == null || isEqual(head, embedding)) {
            return new StoredHead(spec, Optional.empty());
        }
        if (isOneValue(head)) {
            return new StoredHead(spec, Optional.of(head.file() + ": " + head.name() + " holds one value in all places and is left out; the embedding is the head,"
                    + " as tie_word_embeddings in " + ModelDirectory.CONFIG + " says"));
        }
        return new StoredHead(spec.withOwnHead(), Optional.of(head.file() + ": " + head.name() + " differs from the embedding and is used as it is stored, although"
                + " tie_word_embeddings in " + ModelDirectory.CONFIG + " is true"));
    }

    static String embedding(NetworkSpec spec) {
        return Parameters.of(spec).get(Role.EMBED).name();
    }

    /** The name that a head has, or would have if it were not tied. */
    static String head(NetworkSpec spec) {
        return Parameters.of(spec.withOwnHead()).get(Role.HEAD).name();
    }

    private static boolean isEqual(TensorView a, TensorView b) {
        if (!Arrays.equals(a.shape(), b.shape())) {
            return false;
        }
        if (a.type() == b.type() || !a.type().isFloat() || !b.type().isFloat()) {
            return a.type() == b.type() && a.data().mismatch(b.data()) == -1;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment left = arena.allocate(CHUNK * Float.BYTES, Float.BYTES);
            MemorySegment right = arena.allocate(CHUNK * Float.BYTES, Float.BYTES);
            for (long at = 0; at < a.elements(); at += CHUNK) {
                long count = Math.min(CHUNK, a.elements() - at);
                if (floats(a, at, count, left).mismatch(floats(b, at, count, right)) != -1) {
                    return false;
                }
            }
            return true;
        }
    }

    private static MemorySegment floats(TensorView view, long from, long count, MemorySegment target) {
        MemorySegment floats = target.asSlice(0, count * Float.BYTES);
        HalfFloats.toF32(view.type(), view.data().asSlice(from * view.type().bytes(), count * view.type().bytes()), floats);
        return floats;
    }

    /** An element each like the one before it. */
    private static boolean isOneValue(TensorView view) {
        long bytes = view.type().bytes();
        long rest = view.data().byteSize() - bytes;
        return view.type().isFloat() && rest > 0 && view.data().asSlice(0, rest).mismatch(view.data().asSlice(bytes, rest)) == -1;
    }
}
