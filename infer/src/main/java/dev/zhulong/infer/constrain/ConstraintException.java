package dev.zhulong.infer.constrain;

/** A text under a constraint cannot go on, for a reason in the constraint itself: whoever asked for it is to ask for another. */
public final class ConstraintException extends IllegalStateException {
    private static final long serialVersionUID = 1;

    ConstraintException(String message) {
        super(message);
    }
}
