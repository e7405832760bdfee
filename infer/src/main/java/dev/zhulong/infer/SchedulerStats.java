package dev.zhulong.infer;

/**
 * What a {@link Scheduler} does at the moment, and has done since it began.
 *
 * @param waiting        jobs without a turn yet
 * @param running        sequences being read or written
 * @param tokensHeld     tokens whose keys and values are kept
 * @param tokensMost     most that are kept
 * @param steps          calls of the model
 * @param promptTokens   read
 * @param cachedTokens   of prompts, not read since they were kept
 * @param writtenTokens  written
 * @param preempted      sequences that lost their memory to others and were read again
 * @param finished       jobs that ended by themselves
 * @param failed         jobs that did not
 */
public record SchedulerStats(int waiting, int running, long tokensHeld, long tokensMost, long steps, long promptTokens, long cachedTokens, long writtenTokens,
        long preempted, long finished, long failed) {
    SchedulerStats withWaiting(int value) {
        return new SchedulerStats(value, running, tokensHeld, tokensMost, steps, promptTokens, cachedTokens, writtenTokens, preempted, finished, failed);
    }
}
