package dev.zhulong.train;

/** Training cannot go on: the message says at which step, where, and what to do. */
public final class TrainingStopped extends RuntimeException {
    private static final long serialVersionUID = 1;

    TrainingStopped(String message) {
        super(message);
    }
}
