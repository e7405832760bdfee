package dev.zhulong.infer.speech;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.speech.SpeechModel.Spoken;
import dev.zhulong.infer.speech.SpeechModel.Written;
import dev.zhulong.infer.speech.Transcript.Decision;
import dev.zhulong.infer.speech.Transcript.Segment;
import dev.zhulong.media.Sound;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Recordings of any length to text (Radford et al. 2022, section 4.5): a window is written, the next begins where the last whole segment ended, and what repeats itself or is
 * improbable is tried again at higher temperatures. Where no try is good enough the best of them stays, as doubtful; what was written of sound that hardly changes is doubtful
 * as well.
 *
 * <pre>{@code
 * try (SpeechModel model = SpeechModel.load(Path.of("whisper-tiny"))) {
 *     Transcript transcript = new Transcriber(model, TranscribeOptions.DEFAULT).transcribe(sound, Progress.SILENT);
 * }
 * }</pre>
 */
public final class Transcriber {
    /** Below this peak there is nothing to hear: 60 dB under the loudest that a file can hold. */
    private static final double SILENCE = 1e-3;
    /** Sound whose loudness changes by less dB is no speech. */
    private static final double STEADY = 4;
    /** From this probability on that nobody speaks a text is doubtful however likely it is. */
    private static final double NOBODY = 0.8;

    private final SpeechModel model;
    private final TranscribeOptions options;

    public Transcriber(SpeechModel model, TranscribeOptions options) {
        this.model = model;
        this.options = options;
        options.language().ifPresent(model.tokens()::language);
        if (options.english() && model.tokens().languages().isEmpty()) {
            throw new IllegalArgumentException("this model knows one language, English, and translates nothing");
        }
    }

    /** The text of a recording. @param progress told of seconds */
    public Transcript transcribe(Sound sound, Progress progress) {
        if (sound.samples().length == 0) {
            return new Transcript(0, options.language().orElse("en"), 0, options.english(), List.of());
        }
        return new Run(sound, progress).run();
    }

    /** One recording. */
    private final class Run {
        private final Progress progress;
        private final double seconds;
        private final Spectrogram sound;
        private final List<Segment> segments = new ArrayList<>();
        private final List<Integer> prompt;
        private List<Integer> before;
        private Spoken spoken;
        private long sequence;

        Run(Sound sound, Progress progress) {
            this.progress = progress;
            this.seconds = sound.seconds();
            this.sound = model.spectrogram(sound);
            prompt = options.prompt().isEmpty() ? List.of() : model.ids(" " + options.prompt().strip());
            before = prompt;
            spoken = model.tokens().languages().isEmpty() ? new Spoken("en", 1) : options.language().map(code -> new Spoken(code.toLowerCase(Locale.ROOT), 1)).orElse(null);
        }

        Transcript run() {
            int at = 0;
            while (at < sound.content()) {
                progress.at("transcribe", at / Spectrogram.RATE, (long) Math.ceil(seconds), "seconds");
                at += Math.max(1, window(at, Math.min(model.window(), sound.content() - at)));
            }
            progress.at("transcribe", (long) Math.ceil(seconds), (long) Math.ceil(seconds), "seconds");
            Spoken said = spoken == null ? new Spoken("en", 0) : spoken;
            return new Transcript(seconds, said.language(), said.probability(), options.english(), List.copyOf(segments));
        }

        /** Writes what is said from frame {@code at} on, of which {@code length} are of the recording. @return frames that are done with */
        private int window(int at, int length) {
            if (sound.peak(at, at + length) < SILENCE) {
                segments.add(leftOut(at, length, "", new Tries.Try(new Written(List.of(), 0, 1, 0), 0, List.of()), List.of("silence: nothing rises above -60 dB")));
                return length;
            }
            Tries tries;
            boolean steady = sound.change(at, at + length) < STEADY;
            Tensor encoded = model.hear(sound.window(at, model.window()));
            try {
                if (spoken == null) {
                    spoken = model.language(encoded);
                }
                tries = tries(encoded, at, length, steady);
            } finally {
                encoded.close();
            }
            Tries.Try best = tries.best();
            Written text = best.written();
            if (text.noSpeech() > options.noSpeech() && text.logProb() < options.logProb() && !best.repeats()) {
                segments.add(leftOut(at, length, model.text(text.ids()), best, List.of(percent("no-speech probability", text.noSpeech()),
                        String.format(Locale.ROOT, "mean log-probability %.2f", text.logProb()))));
                return length;
            }
            if (steady && best.repeats()) {
                List<String> reasons = new ArrayList<>(tries.reasons());
                reasons.add(asNoise(sound.change(at, at + length)));
                segments.add(leftOut(at, length, model.text(text.ids()), best, reasons));
                return length;
            }
            Cut cut = Cut.of(text.ids(), model.tokens(), length, options.withTimes());
            for (Cut.Piece piece : cut.pieces()) {
                add(at, piece, tries, best);
            }
            if (options.previous() && text.temperature() <= 0.5) {
                List<Integer> all = new ArrayList<>(before);
                cut.pieces().forEach(piece -> all.addAll(piece.ids()));
                before = all;
            } else {
                before = prompt.isEmpty() || options.previous() ? List.of() : prompt;
            }
            return cut.frames();
        }

        private Tries tries(Tensor encoded, int at, int length, boolean steady) {
            var tries = new Tries(options);
            int[] task = model.tokens().prompt(model.tokens().languages().isEmpty() ? null : spoken.language(), options.english(), options.withTimes());
            for (double temperature : options.temperatures()) {
                SamplerOptions sampling = temperature == 0 ? SamplerOptions.GREEDY : SamplerOptions.DEFAULT.withTemperature(temperature).withSeed(options.seed());
                Written written = model.write(encoded, model.before(before), task, options.withTimes(), model.spec().longest() / 2, sampling, sequence++);
                Cut cut = Cut.of(written.ids(), model.tokens(), length, options.withTimes());
                // noise is tried once: another text of it is no better
                if (tries.add(written, model.text(written.ids()), cut.pieces().stream().map(piece -> model.text(piece.ids())).toList(), cut.seconds()) || steady) {
                    break;
                }
            }
            return tries;
        }

        private void add(int at, Cut.Piece piece, Tries tries, Tries.Try best) {
            String text = model.text(piece.ids());
            if (text.isBlank()) {
                return;
            }
            if (piece.to() <= piece.from()) {
                segments.add(leftOut(at + piece.from(), 0, text, best, List.of("it takes no time")));
                return;
            }
            List<String> reasons = new ArrayList<>(tries.reasons());
            boolean doubted = !best.faults().isEmpty();
            Written written = best.written();
            if (written.noSpeech() > NOBODY) {
                reasons.add(percent("no-speech probability", written.noSpeech()));
                doubted = true;
            }
            double change = sound.change(at + piece.from(), at + piece.to());
            if (change < STEADY) {
                reasons.add(asNoise(change));
                doubted = true;
            }
            Decision decision = doubted ? Decision.DOUBTED : tries.count() > 1 ? Decision.RETRIED : Decision.KEPT;
            segments.add(new Segment(seconds(at + piece.from()), seconds(at + piece.to()), text, piece.ids(), decision, reasons, written.temperature(), written.logProb(),
                    best.compression(), written.noSpeech()));
        }

        private Segment leftOut(int at, int length, String text, Tries.Try of, List<String> reasons) {
            Written written = of.written();
            return new Segment(seconds(at), seconds(at + length), text, written.ids(), Decision.LEFT_OUT, reasons, written.temperature(), written.logProb(), of.compression(),
                    written.noSpeech());
        }

        private double seconds(int frame) {
            return Math.min(seconds, Math.round(1000.0 * frame / Spectrogram.RATE) / 1000.0);
        }
    }

    private static String asNoise(double change) {
        return String.format(Locale.ROOT, "the loudness changes by %.1f dB only, as that of noise", change);
    }

    private static String percent(String what, double share) {
        return String.format(Locale.ROOT, "%s %.0f %%", what, 100 * share);
    }
}
