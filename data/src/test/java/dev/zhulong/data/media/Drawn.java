package dev.zhulong.data.media;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.function.IntBinaryOperator;
import java.util.function.IntToDoubleFunction;
import javax.imageio.ImageIO;

/** Pictures and recordings of these tests. */
public final class Drawn {
    private Drawn() {}

    /** Writes a picture of {@code colour} of x and y; its kind is the ending of the name. */
    public static Path picture(Path file, int width, int height, IntBinaryOperator colour) throws IOException {
        var image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                image.setRGB(x, y, colour.applyAsInt(x, y));
            }
        }
        Files.createDirectories(file.getParent());
        String name = file.getFileName().toString();
        ImageIO.write(image, name.substring(name.lastIndexOf('.') + 1), file.toFile());
        return file;
    }

    /** Colours of 64 fields, other ones for each seed, over a picture of this size. */
    public static IntBinaryOperator fields(int seed, int width, int height) {
        int[] colours = new SplittableRandom(seed).ints(64, 0, 1 << 24).toArray();
        return (x, y) -> colours[8 * (8 * y / height) + 8 * x / width];
    }

    /** Writes a recording of 8,000 samples of 16 bits a second. */
    public static Path recording(Path file, double seconds, IntToDoubleFunction sample) throws IOException {
        int count = (int) Math.round(8_000 * seconds);
        ByteBuffer wave = ByteBuffer.allocate(44 + 2 * count).order(ByteOrder.LITTLE_ENDIAN);
        wave.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(36 + 2 * count).put("WAVEfmt ".getBytes(StandardCharsets.US_ASCII)).putInt(16).putShort((short) 1).putShort((short) 1)
                .putInt(8_000).putInt(16_000).putShort((short) 2).putShort((short) 16).put("data".getBytes(StandardCharsets.US_ASCII)).putInt(2 * count);
        for (int i = 0; i < count; i++) {
            wave.putShort((short) Math.clamp(Math.round(32_767 * sample.applyAsDouble(i)), -32_768, 32_767));
        }
        Files.createDirectories(file.getParent());
        return Files.write(file, wave.array());
    }

    /** A tone of this loudness, 1 at full scale. */
    public static IntToDoubleFunction tone(double loudness) {
        return i -> loudness * Math.sin(2 * Math.PI * 440 * i / 8_000);
    }
}
