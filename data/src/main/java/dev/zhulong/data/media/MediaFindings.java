package dev.zhulong.data.media;

import dev.zhulong.media.MediaException;
import dev.zhulong.media.MediaLimits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * What was found of an item by itself.
 *
 * @param item   that was looked at
 * @param files  what is known of its files; only those before one that cannot be read
 * @param rule   that takes it out, null if it stays
 * @param reason of those that the audit counts; null if it stays
 * @param detail what was measured, or what the decoder says; null if it stays
 */
public record MediaFindings(MediaItem item, List<MediaFile> files, Rule rule, String reason, String detail) {
    private static final Pattern NAME_OF_A_FILE = Pattern.compile("(?i)\\S+\\.(jpe?g|png|gif|bmp|tiff?|webp|wav|mp3|flac|mp4)");
    private static final Pattern ADDRESS = Pattern.compile("(?i)(https?://|www\\.)\\S+");
    private static final Pattern PLACEHOLDER = Pattern.compile("(?i)(image|picture|photo|img|audio|untitled|null|none|nan|n/a|no description|todo|caption)[ _\\-#]*\\d*\\.?");

    /** In the order in which they are asked. */
    public enum Rule {
        READ, SIZE, BLANK, BLURRED, LENGTH, SILENT, CLIPPED, TEXT, EXACT_DUPLICATES, NEAR_DUPLICATES;

        /** As the audit has it. */
        public String title() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    private record Objection(Rule rule, String reason, String detail) {}

    /** Reads, measures and judges an item. Never fails for what a file holds. */
    public static MediaFindings of(MediaItem item, MediaRules rules) {
        List<MediaFile> files = new ArrayList<>();
        for (Path path : item.files()) {
            try {
                files.add(MediaFile.read(path, MediaLimits.DEFAULT, rules.maxSeconds()));
            } catch (MediaException e) {
                return new MediaFindings(item, files, Rule.READ, e.getMessage().contains("there is no such file") ? "no such file" : "cannot be read", e.getMessage());
            } catch (IOException e) {
                throw new UncheckedIOException(path + " cannot be read: " + e.getMessage(), e);
            }
        }
        Objection worst = null;
        for (MediaFile file : files) {
            Objection objection = switch (file) {
                case MediaFile.Image image -> picture(image, rules);
                case MediaFile.Recording recording -> recording(recording, item.text(), rules);
            };
            if (objection != null && (worst == null || objection.rule().compareTo(worst.rule()) < 0)) {
                worst = objection;
            }
        }
        Objection text = text(item.text());
        if (text != null && (worst == null || text.rule().compareTo(worst.rule()) < 0)) {
            worst = text;
        }
        return worst == null ? new MediaFindings(item, files, null, null, null) : new MediaFindings(item, files, worst.rule(), worst.reason(), worst.detail());
    }

    /** The same, taken out by what others are. */
    public MediaFindings removed(Rule by, String why, String what) {
        return new MediaFindings(item, files, by, why, what);
    }

    /** Bytes of all files. */
    public long bytes() {
        return files.stream().mapToLong(MediaFile::bytes).sum();
    }

    private static Objection picture(MediaFile.Image image, MediaRules rules) {
        int shorter = Math.min(image.width(), image.height());
        int longer = Math.max(image.width(), image.height());
        String size = image.width() + " x " + image.height();
        if (shorter < rules.minSide()) {
            return new Objection(Rule.SIZE, "tiny", size + " pixels");
        }
        if (longer > rules.maxAspect() * shorter) {
            return new Objection(Rule.SIZE, "long and thin", size + " pixels");
        }
        if (image.measures().contrast() < rules.minContrast()) {
            return new Objection(Rule.BLANK, "blank", "%s pixels, contrast %.2f".formatted(size, image.measures().contrast()));
        }
        if (image.measures().sharpness() < rules.minSharpness()) {
            return new Objection(Rule.BLURRED, "blurred", "%s pixels, sharpness %.2f".formatted(size, image.measures().sharpness()));
        }
        return null;
    }

    private static Objection recording(MediaFile.Recording recording, String text, MediaRules rules) {
        if (recording.seconds() < rules.minSeconds()) {
            return new Objection(Rule.LENGTH, "too short", "%.2f seconds".formatted(recording.seconds()));
        }
        if (recording.measures().loudness() < rules.minLoudness()) {
            return new Objection(Rule.SILENT, "silent", "%.1f dB at its loudest".formatted(recording.measures().loudness()));
        }
        if (recording.measures().clipped() > rules.maxClipped()) {
            return new Objection(Rule.CLIPPED, "clipped", "%.1f %% of the samples at full scale".formatted(100 * recording.measures().clipped()));
        }
        if (text != null && said(text) > rules.charactersPerSecond() * recording.seconds()) {
            return new Objection(Rule.TEXT, "more text than can be said in that time", "%d characters in %.2f seconds".formatted(text.length(), recording.seconds()));
        }
        return null;
    }

    /** Characters of a text by how long they take to say: one of Chinese, Japanese or Korean is a syllable. */
    private static long said(String text) {
        return text.codePoints().mapToLong(c -> Character.isIdeographic(c) || Character.UnicodeScript.of(c) == Character.UnicodeScript.HANGUL
                || Character.UnicodeScript.of(c) == Character.UnicodeScript.HIRAGANA || Character.UnicodeScript.of(c) == Character.UnicodeScript.KATAKANA ? 3 : 1).sum();
    }

    private static Objection text(String text) {
        if (text == null) {
            return null;
        }
        String line = text.strip();
        String reason = line.isEmpty() ? "empty text" : NAME_OF_A_FILE.matcher(line).matches() ? "the text is a file's name"
                : ADDRESS.matcher(line).matches() ? "the text is an address" : PLACEHOLDER.matcher(line).matches() ? "the text says nothing" : null;
        return reason == null ? null : new Objection(Rule.TEXT, reason, line);
    }
}
