package dev.zhulong.data;

/** Told how far a long job is; called often, from one thread at a time. */
@FunctionalInterface
public interface Progress {
    /** Ignores everything. */
    Progress SILENT = (_, _, _, _) -> { };

    /**
     * {@code done} of {@code total} units of {@code stage} are finished.
     *
     * @param total 0 when unknown
     * @param unit  "bytes", "documents", "tokens"
     */
    void update(String stage, long done, long total, String unit);
}
