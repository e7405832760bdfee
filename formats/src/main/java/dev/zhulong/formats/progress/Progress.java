package dev.zhulong.formats.progress;

/** Hears how far a long job is and what it has to say; called often, from one thread at a time. */
@FunctionalInterface
public interface Progress {
    /** Ignores everything. */
    Progress SILENT = _ -> { };

    void event(Event event);

    /**
     * {@code done} of {@code of} units of {@code stage} are finished.
     *
     * @param of   0 when unknown
     * @param unit "bytes", "documents", "tokens"
     */
    default void at(String stage, long done, long of, String unit) {
        event(Event.at(stage, done, of, unit));
    }

    /** {@code stage} is going on, and nothing is counted. */
    default void at(String stage) {
        event(Event.at(stage, 0, 0, ""));
    }

    /** Something worth a line that stays. */
    default void message(String text) {
        event(Event.message(text));
    }
}
