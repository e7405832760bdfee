package dev.zhulong.infer.speech;

import dev.zhulong.infer.LogSumExp;
import java.util.Arrays;
import java.util.List;

/**
 * What may be written next (Radford et al. 2022, section 4.5; transformers' {@code WhisperTimeStampLogitsProcessor}): what is suppressed never comes; times come in pairs, between
 * texts, never fall, and the first is near the window's beginning; a time comes where all times together are likelier than any one text token.
 *
 * @param withTimes whether times are written at all
 */
record SpeechRules(SpeechTokens tokens, boolean withTimes) {
    private static final float NEVER = Float.NEGATIVE_INFINITY;

    /**
     * Takes logits away, in place.
     *
     * @param written so far, without what the decoder was given to read
     */
    void apply(float[] logits, List<Integer> written) {
        tokens.suppressed().forEach(id -> logits[id] = NEVER);
        if (written.isEmpty()) {
            tokens.suppressedFirst().forEach(id -> logits[id] = NEVER);
        }
        if (withTimes) {
            times(logits, written);
        }
    }

    private void times(float[] logits, List<Integer> written) {
        int first = tokens.firstTime();
        logits[tokens.noTimes()] = NEVER;
        int count = written.size();
        boolean last = count >= 1 && tokens.isTime(written.get(count - 1));
        boolean before = count < 2 || tokens.isTime(written.get(count - 2));
        if (last && before) {
            Arrays.fill(logits, first, logits.length, NEVER);
        } else if (last) {
            Arrays.fill(logits, 0, tokens.end(), NEVER);
        }
        for (int i = count - 1; i >= 0; i--) {
            if (tokens.isTime(written.get(i))) {
                // the end of a text may be the beginning of the next, but a text takes time
                int least = written.get(i) + (last && !before ? 0 : 1);
                Arrays.fill(logits, first, Math.min(least, logits.length), NEVER);
                break;
            }
        }
        if (written.isEmpty()) {
            Arrays.fill(logits, 0, first, NEVER);
            if (tokens.latestFirstTime().isPresent()) {
                Arrays.fill(logits, Math.min(logits.length, first + tokens.latestFirstTime().getAsInt() + 1), logits.length, NEVER);
            }
        }
        float text = NEVER;
        for (int id = 0; id < first; id++) {
            text = Math.max(text, logits[id]);
        }
        if (LogSumExp.of(logits, first, logits.length - first) > text) {
            Arrays.fill(logits, 0, first, NEVER);
        }
    }
}
