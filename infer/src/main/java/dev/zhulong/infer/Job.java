package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.Adapter;
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
 * @param adapter  put on the sequence; null for none. What was read with one is never reused without it or with another
 * @param source   what the sequence is written of; null where the model is no {@link ConditionalModel}
 */
public record Job(int[] prompt, GenerateOptions options, int number, String client, String salt, Instant deadline, Adapter adapter, Source source) {
    /**
     * What an encoder–decoder writes of.
     *
     * @param ids   that the encoder reads
     * @param rules for what may follow
     */
    public record Source(int[] ids, Rules rules) {
        public Source {
            Objects.requireNonNull(ids, "ids");
            Objects.requireNonNull(rules, "rules");
        }
    }

    /** What may follow a text. */
    @FunctionalInterface
    public interface Rules {
        /** Changes scores in place. @param text ids so far, the prompt included  @param scores of each id; negative infinity forbids one */
        void apply(int[] text, float[] scores);
    }

    public Job {
        Objects.requireNonNull(options, "options");
        Objects.requireNonNull(client, "client");
        Objects.requireNonNull(salt, "salt");
    }

    /** Without an adapter. */
    public Job(int[] prompt, GenerateOptions options, int number, String client, String salt, Instant deadline) {
        this(prompt, options, number, client, salt, deadline, null);
    }

    /** Of a model that writes of nothing. */
    public Job(int[] prompt, GenerateOptions options, int number, String client, String salt, Instant deadline, Adapter adapter) {
        this(prompt, options, number, client, salt, deadline, adapter, null);
    }

    /** What of a sequence that is read may serve this one. */
    String prefixSalt() {
        return adapter == null ? salt : salt + '\0' + adapter.hash();
    }
}
