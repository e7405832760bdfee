package dev.zhulong.data.media;

import dev.zhulong.formats.ContentHash;
import dev.zhulong.media.MediaException;
import dev.zhulong.media.MediaLimits;
import dev.zhulong.media.PerceptualHash;
import dev.zhulong.media.Picture;
import dev.zhulong.media.PictureMeasures;
import dev.zhulong.media.PictureReader;
import dev.zhulong.media.Resampling;
import dev.zhulong.media.Sound;
import dev.zhulong.media.SoundMeasures;
import dev.zhulong.media.WaveFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** What is known of a file once it has been decoded. */
public sealed interface MediaFile {
    /** Side of the picture by which those with near hashes are compared. */
    int THUMBNAIL = 8;

    Path path();

    long bytes();

    /** The size and SHA-256 of what is seen or heard, whatever the kind of file. */
    String content();

    /** What is written about it, in order. */
    Map<String, Object> facts();

    /**
     * A picture.
     *
     * @param hash      perceptual
     * @param thumbnail red, green and blue of {@value #THUMBNAIL} x {@value #THUMBNAIL} pixels
     */
    record Image(Path path, long bytes, String content, int width, int height, PictureMeasures measures, long hash, byte[] thumbnail) implements MediaFile {
        @Override
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("width", width);
            facts.put("height", height);
            facts.put("contrast", rounded(measures.contrast()));
            facts.put("sharpness", rounded(measures.sharpness()));
            facts.put("perceptual_hash", "%016x".formatted(hash));
            return facts;
        }
    }

    /** A recording. */
    record Recording(Path path, long bytes, String content, double seconds, int rate, SoundMeasures measures) implements MediaFile {
        @Override
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("seconds", rounded(seconds));
            facts.put("rate", rate);
            facts.put("loudness_db", rounded(measures.loudness()));
            facts.put("clipped", rounded(measures.clipped()));
            return facts;
        }
    }

    /**
     * Decodes and measures a file.
     *
     * @throws MediaException if it is neither a picture nor a WAV recording that can be read, or is larger than allowed
     */
    static MediaFile read(Path path, MediaLimits limits, double maxSeconds) throws IOException {
        String name = path.toString();
        if (!Files.isRegularFile(path)) {
            throw new MediaException(name, "there is no such file");
        }
        byte[] head = head(path);
        if (!WaveFile.is(head)) {
            byte[] file = read(path, limits.bytes());
            Picture picture = new PictureReader(limits).read(name, file);
            return new Image(path, file.length, picture.width() + "x" + picture.height() + " " + ContentHash.ofBytes(picture.rgb()).sha256(), picture.width(), picture.height(), PictureMeasures.of(picture),
                    PerceptualHash.of(picture), Resampling.BOX.resize(picture, THUMBNAIL, THUMBNAIL).rgb());
        }
        // no WAV file has more than 8 channels of 8 bytes at 192,000 a second, and seconds are asked of the header
        byte[] file = read(path, Integer.MAX_VALUE - 64);
        Sound sound = WaveFile.read(name, file, maxSeconds);
        ByteBuffer samples = ByteBuffer.allocate(sound.samples().length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        samples.asFloatBuffer().put(sound.samples());
        return new Recording(path, file.length, sound.rate() + "/s " + ContentHash.ofBytes(samples.array()).sha256(), sound.seconds(), sound.rate(), SoundMeasures.of(sound));
    }

    private static byte[] head(Path path) throws IOException {
        try (var in = Files.newInputStream(path)) {
            return in.readNBytes(12);
        }
    }

    private static byte[] read(Path path, long most) throws IOException {
        long size = Files.size(path);
        if (size > most) {
            throw new MediaException(path.toString(), "the file has %,d bytes, more than the %,d allowed".formatted(size, most));
        }
        return Files.readAllBytes(path);
    }

    private static double rounded(double value) {
        return Math.round(value * 1e4) / 1e4;
    }
}
