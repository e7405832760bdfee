package dev.zhulong.infer.constrain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.text.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;

/** Writes what a constraint allows, token after token, as a model with random logits would; after a while it hurries to the end. */
final class Walk {
    private static final String ENDING = "}]\"0123456789";

    private Walk() {}

    /**
     * A text that may end.
     *
     * @param free  tokens until it hurries
     * @param limit tokens by which it must have ended, however unlucky
     */
    static String text(Constraint constraint, Tokenizer tokenizer, SplittableRandom random, int free, int limit) {
        return utf8(tokens(constraint, tokenizer, random, free, limit), tokenizer);
    }

    static List<Integer> tokens(Constraint constraint, Tokenizer tokenizer, SplittableRandom random, int free, int limit) {
        ConstraintState state = constraint.start();
        var ids = new ArrayList<Integer>();
        while (!state.mustEnd() && !(state.mayEnd() && (ids.size() >= free || random.nextInt(8) == 0))) {
            assertThat(ids).as("a way to the end after %s", utf8OrBytes(ids, tokenizer)).hasSizeLessThan(limit);
            int[] allowed = BitSet.valueOf(state.mask()).stream().toArray();
            int id = ids.size() < free || random.nextInt(4) == 0 ? allowed[random.nextInt(allowed.length)] : towardsTheEnd(allowed, tokenizer);
            assertThat(tokenizer.isControl(id)).isFalse();
            state = state.after(id);
            ids.add(id);
        }
        return ids;
    }

    private static int towardsTheEnd(int[] allowed, Tokenizer tokenizer) {
        int best = allowed[allowed.length - 1];
        int rank = ENDING.length();
        for (int id : allowed) {
            byte[] bytes = tokenizer.bytes(id);
            int at = bytes.length == 1 ? ENDING.indexOf(bytes[0]) : -1;
            if (at >= 0 && at < rank) {
                best = id;
                rank = at;
            }
        }
        return best;
    }

    private static String utf8OrBytes(List<Integer> ids, Tokenizer tokenizer) {
        return new String(bytes(ids, tokenizer), StandardCharsets.UTF_8);
    }

    /** Fails where the bytes are no UTF-8. */
    static String utf8(List<Integer> ids, Tokenizer tokenizer) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes(ids, tokenizer))).toString();
        } catch (CharacterCodingException e) {
            throw new AssertionError("not UTF-8: " + utf8OrBytes(ids, tokenizer), e);
        }
    }

    private static byte[] bytes(List<Integer> ids, Tokenizer tokenizer) {
        var out = new ByteArrayOutputStream();
        ids.forEach(id -> out.writeBytes(tokenizer.bytes(id)));
        return out.toByteArray();
    }
}
