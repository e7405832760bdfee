package dev.zhulong.infer.speech;

import java.util.List;
import java.util.Optional;

/**
 * How recordings are transcribed. The thresholds are those of Radford et al. 2022, section 4.5.
 *
 * @param language     code of what is spoken; empty where the model is to find out from the first window with sound
 * @param english      whether the text is to be a translation into English
 * @param withTimes    whether segments have times of their own; without, each is a window
 * @param temperatures of the tries, each above the one before; 0 takes the likeliest tokens
 * @param compression  a text that repeats itself so many times is tried again
 * @param logProb      a text whose mean log-probability is below this is tried again
 * @param noSpeech     from this probability on nobody seems to speak
 * @param prompt       text that is read before the first window: names, spelling, style; may be empty
 * @param previous     whether each window reads the text of those before it: more consistent, and an error may go on
 * @param seed         of what is drawn at temperatures above 0
 */
public record TranscribeOptions(Optional<String> language, boolean english, boolean withTimes, List<Double> temperatures, double compression, double logProb, double noSpeech,
        String prompt, boolean previous, long seed) {
    public static final TranscribeOptions DEFAULT = new TranscribeOptions(Optional.empty(), false, true, List.of(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), 2.4, -1, 0.6, "", false, 0);

    public TranscribeOptions {
        temperatures = List.copyOf(temperatures);
        if (temperatures.isEmpty() || temperatures.stream().anyMatch(t -> !(t >= 0 && t <= 2))) {
            throw new IllegalArgumentException("expected temperatures from 0 to 2, found " + temperatures);
        }
    }

    public TranscribeOptions withLanguage(String code) {
        return new TranscribeOptions(Optional.of(code), english, withTimes, temperatures, compression, logProb, noSpeech, prompt, previous, seed);
    }

    public TranscribeOptions withEnglish(boolean on) {
        return new TranscribeOptions(language, on, withTimes, temperatures, compression, logProb, noSpeech, prompt, previous, seed);
    }

    public TranscribeOptions withTimes(boolean on) {
        return new TranscribeOptions(language, english, on, temperatures, compression, logProb, noSpeech, prompt, previous, seed);
    }

    public TranscribeOptions withTemperatures(List<Double> all) {
        return new TranscribeOptions(language, english, withTimes, all, compression, logProb, noSpeech, prompt, previous, seed);
    }

    public TranscribeOptions withPrompt(String text) {
        return new TranscribeOptions(language, english, withTimes, temperatures, compression, logProb, noSpeech, text, previous, seed);
    }

    public TranscribeOptions withPrevious(boolean on) {
        return new TranscribeOptions(language, english, withTimes, temperatures, compression, logProb, noSpeech, prompt, on, seed);
    }

    public TranscribeOptions withSeed(long value) {
        return new TranscribeOptions(language, english, withTimes, temperatures, compression, logProb, noSpeech, prompt, previous, value);
    }
}
