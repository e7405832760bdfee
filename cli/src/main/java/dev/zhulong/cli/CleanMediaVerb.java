package dev.zhulong.cli;

import dev.zhulong.data.Audit;
import dev.zhulong.data.MediaCleaner;
import dev.zhulong.data.media.MediaInputs;
import dev.zhulong.data.media.MediaRules;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Folders of pictures and recordings, and rows about them, to those worth learning from. */
@Command(
        name = "clean-media",
        description = {
            "Find the pictures, recordings and rows about them that a model should not learn from.",
            "Each file is decoded and measured: what is damaged, tiny, long and thin, blank, blurred, silent, clipped, too short or too long, there twice, or comes with a text that does not belong "
                    + "to it is taken out, with the reason. The files stay as they are; lists say which are kept.",
        },
        footer = {
            "",
            "Pictures are PNG, JPEG, GIF, BMP, TIFF and WebP; recordings are WAV. Both are known by their content, not by their names. Rows are JSON lines (.jsonl) that name one file or a list of"
                    + " them, such as those of LLaVA.",
            "Under --out: kept.jsonl has the rows as they came and the measures of files by themselves; removed.jsonl has the rule, the reason and what was measured; audit.html shows samples of"
                    + " each.",
            "",
            "Examples:",
            "  zhulong clean-media --data photos/ --out cleaned --copy",
            "  zhulong clean-media --data digits/ --min-side 16 --min-sharpness 0 --out cleaned",
            "  zhulong clean-media --data llava.jsonl --root images/ --out cleaned",
            "  zhulong clean-media --data speech.jsonl --file-field audio_filepath --text-field text --out cleaned",
        })
final class CleanMediaVerb extends Verb {
    @Option(names = "--data", required = true, arity = "1..*", paramLabel = "PATH", description = "Directories of pictures and recordings, files by themselves, and files of rows (.jsonl).")
    List<Path> data;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the lists and the audit to.")
    Path out;

    @Option(names = "--copy", description = "Copy what is kept as well, into files under --out, in the directories that it came from.")
    boolean copy;

    @Option(names = "--root", paramLabel = "DIR", description = "Directory that rows name their files from (default: the one that the rows are in).")
    Path root;

    @Option(names = "--file-field", paramLabel = "NAME", description = "Field of a row that names its file or files; dots reach into objects (default: the first of image, images, picture, audio, "
            + "audios, audio_filepath, file, file_name and path).")
    String fileField;

    @Option(names = "--text-field", paramLabel = "NAME", description = "Field of a row with its text or conversation (default: the first of text, caption, transcript, sentence, answer, "
            + "conversations and messages).")
    String textField;

    @Option(names = "--min-side", defaultValue = "32", paramLabel = "PIXELS", description = "Shorter side of a picture at least (default: 32).")
    int minSide;

    @Option(names = "--max-aspect", defaultValue = "8", paramLabel = "X", description = "Longer side over the shorter one at most (default: 8).")
    double maxAspect;

    @Option(names = "--min-contrast", defaultValue = "4", paramLabel = "LEVELS", description = "Standard deviation of a picture's grey levels, of 255, at least: below it is blank (default: 4).")
    double minContrast;

    @Option(names = "--min-sharpness", defaultValue = "15", paramLabel = "X", description = "Variance of a picture's Laplacian at 512 pixels at least: below it is blurred, or has no edges (default: "
            + "15; 0 keeps them).")
    double minSharpness;

    @Option(names = "--min-seconds", defaultValue = "0.2", paramLabel = "S", description = "Length of a recording at least (default: 0.2).")
    double minSeconds;

    @Option(names = "--max-seconds", defaultValue = "1800", paramLabel = "S", description = "Length of a recording at most (default: 1800).")
    double maxSeconds;

    @Option(names = "--min-loudness", defaultValue = "-55", paramLabel = "DB", description = "Loudness of a recording's loudest tenth of a second at least, in decibels to full scale: below it is "
            + "silent (default: -55).")
    double minLoudness;

    @Option(names = "--max-clipped", defaultValue = "0.01", paramLabel = "SHARE", description = "Share of a recording's samples at full scale at most (default: 0.01).")
    double maxClipped;

    @Option(names = "--max-repeats", defaultValue = "10", paramLabel = "N", description = "Rows at most that may have the same text; where there are more, all of them go (default: 10).")
    int maxRepeats;

    @Option(names = "--characters-per-second", defaultValue = "40", paramLabel = "N", description = "Characters of text at most for a second of a recording; Chinese, Japanese and Korean ones count as "
            + "three (default: 40).")
    double charactersPerSecond;

    @Option(names = "--near", defaultValue = "4", paramLabel = "BITS", description = "Bits of 64 in which the perceptual hashes of pictures that are alike may differ, up to 16; -1 keeps all that are not "
            + "equal (default: 4).")
    int near;

    @Option(names = "--threads", paramLabel = "N", description = "Worker threads; the result does not depend on their number (default: all cores).")
    Integer threads;

    @Option(names = "--force", description = "Write into the directory even if it is not empty; what a former run left there is replaced.")
    boolean force;

    @Override
    protected void run() throws IOException {
        Threads.check(spec.commandLine(), threads);
        MediaRules rules;
        try {
            rules = new MediaRules(minSide, maxAspect, minContrast, minSharpness, minSeconds, maxSeconds, minLoudness, maxClipped, maxRepeats, charactersPerSecond, near);
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
        if (root != null && !Files.isDirectory(root)) {
            throw wrongUsage("--root " + root + " is not a directory");
        }
        for (Path path : data) {
            if (Files.isDirectory(path) && out.toAbsolutePath().normalize().startsWith(path.toAbsolutePath().normalize())) {
                throw wrongUsage("--out " + out + " lies inside the input " + path + " and would be read again; put it elsewhere");
            }
        }
        if (copy && data.stream().map(path -> path.toAbsolutePath().normalize().getFileName()).distinct().count() < data.size()) {
            throw wrongUsage("--copy keeps the names of the inputs, and two of them have the same; rename one, or clean them one at a time");
        }
        Outputs.directory(out, force);
        MediaCleaner.Result result;
        try (var status = ProgressLine.on(err())) {
            result = MediaCleaner.run(new MediaInputs(data, root, fileField, textField), rules, threads == null ? Libtorch.threads() : threads, copy, out, status);
        }
        result.audit().steps().forEach((name, step) -> {
            if (step.dropped() > 0) {
                out().println(String.format(Locale.ROOT, "%-17s %,8d  %s", name, step.dropped(),
                        step.drops().entrySet().stream().map(e -> String.format(Locale.ROOT, "%s %,d", e.getKey(), e.getValue().documents())).collect(Collectors.joining(", "))));
            }
        });
        long seen = result.audit().steps().values().iterator().next().documentsIn();
        out().println(String.format(Locale.ROOT, "%-17s %,8d  of %,d, listed in %s", "kept", result.kept(), seen, out.resolve(MediaCleaner.KEPT)));
        out().println("report on what was taken out and why: " + result.page());
    }
}
