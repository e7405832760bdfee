package dev.zhulong.infer.constrain;

import java.nio.charset.StandardCharsets;

/** Whether a constraint allows given texts, byte by byte. */
final class Texts {
    /** Every byte and nothing else. */
    static final PieceTokenizer BYTES = PieceTokenizer.cutFrom("  ", 0, 0);
    static final TokenBytes TOKENS = TokenBytes.of(BYTES);

    private Texts() {}

    /** The state after {@code text}; null if the constraint does not allow it. */
    static ConstraintState after(Constraint constraint, String text) {
        ConstraintState state = constraint.start();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            if (!state.allows(b & 0xff)) {
                return null;
            }
            state = state.after(b & 0xff);
        }
        return state;
    }

    static boolean whole(Constraint constraint, String text) {
        ConstraintState state = after(constraint, text);
        return state != null && state.mayEnd();
    }

    static Constraint schema(String schema) {
        return Constraint.jsonSchema(schema.replace('\'', '"'), TOKENS);
    }

    static Constraint regex(String pattern) {
        return Constraint.regex(pattern, TOKENS);
    }
}
