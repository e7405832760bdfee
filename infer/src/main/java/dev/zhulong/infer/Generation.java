package dev.zhulong.infer;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * What a model wrote after a prompt.
 *
 * @param ids            generated ids, without the one that ended the sequence; with those of a stop string
 * @param text           generated text, without the stop string; exactly what was streamed
 * @param finish         why it ended
 * @param promptTokens   length of the prompt, BOS included
 * @param cachedTokens   how many of them a {@link PromptCache} held already
 * @param prefillSeconds from the call to the first token's logits; shared by a batch
 * @param decodeSeconds  from there to this sequence's end
 * @param notice         one line for the user where the end needs a word (the context was full), else empty
 * @param logProbs       one for each of {@code ids}, in their order; empty if none were asked for
 * @param stop           the stop string that was written; null for none
 * @param drafted        tokens a {@link Drafter} guessed
 * @param accepted       how many of them the model wrote itself
 */
public record Generation(
        int[] ids, String text, Finish finish, int promptTokens, int cachedTokens, double prefillSeconds, double decodeSeconds,
        String notice, List<TokenLogProbs> logProbs, String stop, int drafted, int accepted) {
    public Generation {
        logProbs = List.copyOf(logProbs);
    }

    /** Why a generation ended. */
    public enum Finish {
        /** The model ended the sequence, or its constraint left nothing to add. */
        EOS,
        /** A stop string was written. */
        STOP,
        /** The number of new tokens or the model's context was used up. */
        LENGTH
    }

    /** Generated tokens a second, prefill left out; 0 if there was nothing to time. */
    public double tokensPerSecond() {
        return decodeSeconds > 0 ? Math.max(0, ids.length - 1) / decodeSeconds : 0;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Generation that
                && Arrays.equals(ids, that.ids) && text.equals(that.text) && finish == that.finish && promptTokens == that.promptTokens
                && cachedTokens == that.cachedTokens
                && prefillSeconds == that.prefillSeconds && decodeSeconds == that.decodeSeconds && notice.equals(that.notice)
                && logProbs.equals(that.logProbs) && Objects.equals(stop, that.stop) && drafted == that.drafted && accepted == that.accepted;
    }

    @Override
    public int hashCode() {
        return Objects.hash(Arrays.hashCode(ids), text, finish, promptTokens, cachedTokens, prefillSeconds, decodeSeconds, notice, logProbs, stop,
                drafted, accepted);
    }
}
