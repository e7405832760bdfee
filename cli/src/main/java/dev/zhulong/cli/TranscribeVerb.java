package dev.zhulong.cli;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.speech.SpeechModel;
import dev.zhulong.infer.speech.TranscribeOptions;
import dev.zhulong.infer.speech.Transcriber;
import dev.zhulong.infer.speech.Transcript;
import dev.zhulong.infer.speech.Transcript.Decision;
import dev.zhulong.infer.speech.TranscriptFormat;
import dev.zhulong.infer.speech.TranscriptFormat.Doubtful;
import dev.zhulong.media.MediaException;
import dev.zhulong.media.Sound;
import dev.zhulong.media.WaveFile;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Recordings to text by a model that hears. */
@Command(
        name = "transcribe",
        description = {
            "Write down what is said in recordings (WAV) with a model that hears (Whisper), with times.",
            "Recordings may be long: they are heard in windows, and each window begins where the last whole sentence ended. A text that repeats itself or is improbable is tried"
                    + " again; what stays doubtful, or was written of noise, is marked [?]. JSON tells of each segment why it was kept, retried, doubted or left out.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong transcribe --model whisper-tiny talk.wav",
            "  zhulong transcribe --model whisper-tiny --format srt --language de talk.wav --out talk.srt",
            "  zhulong transcribe --model whisper-small --translate interview.wav",
            "  zhulong transcribe --model whisper-tiny --format text,vtt,json recordings/ --out texts/",
        })
final class TranscribeVerb extends Verb {
    private static final double LONGEST_HOURS = 4;
    private static final double HOUR = 3600;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Directory of a Whisper model in the Hugging Face layout.")
    Path model;

    @Parameters(arity = "1..*", paramLabel = "FILE|DIR", description = "WAV files, and directories whose WAV files are transcribed.")
    List<Path> recordings;

    @Option(names = "--language", paramLabel = "CODE", description = "Language that is spoken, such as en or zh (default: the model tells it from the first 30 seconds with sound).")
    String language;

    @Option(names = "--translate", description = "Write the text in English, whatever is spoken.")
    boolean translate;

    @Option(names = "--format", paramLabel = "FORMAT", split = ",", description = "Forms to write: text, srt, vtt or json; several for several files (default: text).")
    List<String> formats = List.of("text");

    @Option(names = "--out", paramLabel = "FILE|DIR", description = "File to write; with several recordings or forms a directory, which gets a file named after each recording"
            + " (default: standard output, of one recording in one form).")
    Path out;

    @Option(names = "--force", description = "Replace files that exist. Without it a recording whose files are all there is passed over.")
    boolean force;

    @Option(names = "--no-times", description = "Have the model write text alone: segments are windows of 30 seconds.")
    boolean noTimes;

    @Option(names = "--doubtful", paramLabel = "WHAT", description = "What becomes of doubtful segments in text, srt and vtt: mark, keep or drop (default: mark).")
    String doubtful = "mark";

    @Option(names = "--prompt", paramLabel = "TEXT", description = "Text that the model reads first: names and words that occur, and how they are spelt.")
    String prompt = "";

    @Option(names = "--previous-text", description = "Have each window read the text before it: names stay the same, and so may an error.")
    boolean previous;

    @Option(names = "--temperatures", paramLabel = "T,T", split = ",", description = "Temperatures of the tries (default: 0,0.2,0.4,0.6,0.8,1).")
    List<Double> temperatures = TranscribeOptions.DEFAULT.temperatures();

    @Option(names = "--seed", paramLabel = "N", description = "Seed of what is drawn at temperatures above 0 (default: 0).")
    long seed;

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads to compute on (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    @Option(names = "--device", paramLabel = "DEVICE", description = "Device to compute on: cpu, cuda or cuda:N (default: cpu).")
    String device = "cpu";

    private int failed;

    @Override
    protected void run() throws IOException {
        List<TranscriptFormat> forms = formats.stream().map(this::form).distinct().toList();
        Doubtful what = what();
        List<Path> files = files();
        boolean directory = files.size() > 1 || forms.size() > 1 || recordings.stream().anyMatch(Files::isDirectory) || out != null && Files.isDirectory(out);
        if (directory && out == null) {
            throw wrongUsage("several recordings or forms are written into a directory: name one with --out");
        }
        if (directory) {
            Files.createDirectories(out);
        } else if (out != null) {
            Outputs.file(out, force);
        }
        Device on = device();
        if (threads != null) {
            Libtorch.threads(threads);
        }
        try (SpeechModel loaded = SpeechModel.load(model, on); var line = ProgressLine.on(err())) {
            var transcriber = new Transcriber(loaded, options());
            for (Path file : files) {
                if (!directory) {
                    Transcript transcript = transcriber.transcribe(read(file), line);
                    tell(transcript, file, line);
                    write(forms.getFirst().write(transcript, what));
                    return;
                }
                if (!force && forms.stream().allMatch(form -> Files.exists(named(file, form)))) {
                    line.message(file + ": its files are there already; --force writes them anew");
                    continue;
                }
                try {
                    Transcript transcript = transcriber.transcribe(read(file), line);
                    tell(transcript, file, line);
                    for (TranscriptFormat form : forms) {
                        AtomicFile.writeString(named(file, form), form.write(transcript, what));
                    }
                } catch (MediaException e) {
                    failed++;
                    line.message(e.getMessage());
                }
            }
        }
        if (failed > 0) {
            err().println("[" + failed + " of " + files.size() + " recordings could not be read]");
        }
    }

    @Override
    int code() {
        return failed > 0 ? Main.FAILED : Main.DONE;
    }

    private void write(String text) {
        if (out != null) {
            AtomicFile.writeString(out, text);
        } else {
            out().print(text);
        }
    }

    private static Sound read(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        if (!WaveFile.is(bytes)) {
            throw new MediaException(file.toString(), "this is no WAV file, and others are not read: convert it, for instance with ffmpeg -i IN -ar 16000 -ac 1 OUT.wav");
        }
        return WaveFile.read(file.toString(), bytes, LONGEST_HOURS * HOUR);
    }

    private Path named(Path recording, TranscriptFormat form) {
        return out.resolve(recording.getFileName().toString().replaceFirst("(?i)\\.wav$", "") + "." + form.ending());
    }

    /** A line that says what to think of the text. */
    private void tell(Transcript transcript, Path file, ProgressLine line) {
        long doubted = transcript.segments().stream().filter(segment -> segment.decision() == Decision.DOUBTED).count();
        long retried = transcript.segments().stream().filter(segment -> segment.decision() == Decision.RETRIED).count();
        String spoken = language != null ? "" : String.format(Locale.ROOT, ", language %s (%.0f %%)", transcript.language(), 100 * transcript.languageProbability());
        line.message(String.format(Locale.ROOT, "[%s: %.1f seconds%s, %d segments, %d retried, %d doubtful]", file, transcript.seconds(), spoken, transcript.said().size(), retried,
                doubted));
    }

    private TranscribeOptions options() {
        TranscribeOptions all = TranscribeOptions.DEFAULT.withEnglish(translate).withTimes(!noTimes).withPrompt(prompt).withPrevious(previous).withTemperatures(temperatures).withSeed(seed);
        return language == null ? all : all.withLanguage(language);
    }

    private TranscriptFormat form(String name) {
        try {
            return TranscriptFormat.valueOf(name.strip().toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--format must be text, srt, vtt or json, found " + name);
        }
    }

    private Doubtful what() {
        try {
            return Doubtful.valueOf(doubtful.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--doubtful must be mark, keep or drop, found " + doubtful);
        }
    }

    private Device device() {
        try {
            Device on = Device.parse(device);
            on.require();
            return on;
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--device: " + e.getMessage());
        }
    }

    /** Those that are named, and those in directories, in the order of their names. */
    private List<Path> files() throws IOException {
        List<Path> all = new ArrayList<>();
        for (Path each : recordings) {
            if (!Files.exists(each)) {
                throw new IllegalArgumentException(each + ": no such file or directory");
            }
            if (Files.isDirectory(each)) {
                try (var list = Files.list(each)) {
                    all.addAll(list.filter(file -> file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".wav")).sorted().toList());
                }
            } else {
                all.add(each);
            }
        }
        if (all.isEmpty()) {
            throw new IllegalArgumentException(recordings.getFirst() + " has no WAV files; others are not read: convert them, for instance with ffmpeg -i IN -ar 16000 -ac 1 OUT.wav");
        }
        List<String> names = all.stream().map(file -> file.getFileName().toString().toLowerCase(Locale.ROOT)).toList();
        names.stream().filter(name -> names.indexOf(name) != names.lastIndexOf(name)).findFirst().ifPresent(name -> {
            throw new IllegalArgumentException("two recordings are called " + name + ", and their texts would have one name: transcribe them one after the other");
        });
        return all;
    }
}
