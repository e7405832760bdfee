package dev.zhulong.infer;

import java.time.Instant;
import java.util.Objects;

/**
 * One sequence that a {@link Scheduler} is asked to generate.
 *
 * @param prompt   ids as they are; {@link Generator#sequence(String)} makes some
 * @param options  what to write and when to end
 * @param number   of the random stream: several answers to one prompt differ by it
 * @param client   whose turn it is: clients wait in a round
 * @param salt     what is read for one salt is never reused for another: the tenant, the adapter, the template
 * @param deadline when the job is given up, or null for never
 */
public record Job(int[] prompt, GenerateOptions options, int number, String client, String salt, Instant deadline) {
    public Job {
        Objects.requireNonNull(options, "options");
        Objects.requireNonNull(client, "client");
        Objects.requireNonNull(salt, "salt");
    }
}
