package dev.zhulong.media;

import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** JPEG files: grey, colours, and the four inks that the JDK decodes to no picture. */
final class JpegSamples {
    private static final int ADOBE = 0xEE;
    private static final int PROFILE = 0xE2;

    private JpegSamples() {}

    static Picture read(ImageReader reader, byte[] file) throws IOException {
        var plain = new ByteArrayOutputStream(file.length);
        plain.write(file, 0, 2);
        int inks = 0;
        boolean luminance = false;
        int at = 2;
        // segments up to the first picture; the header was read before, so that there is one
        while (at + 4 <= file.length) {
            int marker = file[at + 1] & 0xFF;
            if (file[at] != -1 || marker == 0xFF) {
                at++;
                continue;
            }
            if (marker == 0xDA) {
                break;
            }
            int end = (int) Math.min(file.length, at + 2L + ((file[at + 2] & 0xFF) << 8 | file[at + 3] & 0xFF));
            if (PictureHeader.isFrame(marker) && at + 9 < file.length) {
                inks = file[at + 9];
            } else if (marker == ADOBE && at + 15 < end) {
                luminance = file[at + 15] == 2;
            }
            // the JDK would convert the samples by it
            if (marker != PROFILE) {
                plain.write(file, at, end - at);
            }
            at = Math.max(end, at + 2);
        }
        plain.write(file, at, file.length - at);
        try (var in = new MemoryCacheImageInputStream(new ByteArrayInputStream(plain.toByteArray()))) {
            reader.setInput(in, false, true);
            if (inks != 4) {
                return Samples.picture(reader.read(0));
            }
            Raster raster = reader.readRaster(0, null);
            int[] samples = Samples.pixels(raster);
            if (luminance) {
                ycckToCmyk(samples);
            }
            // as Adobe writes them, whoever wrote them: 255 is no ink
            return new Picture(raster.getWidth(), raster.getHeight(), Samples.cmyk(samples, true));
        }
    }

    /** libjpeg's tables of 16 bits of fraction. */
    private static void ycckToCmyk(int[] samples) {
        for (int i = 0; i < samples.length; i += 4) {
            int y = samples[i];
            int cb = samples[i + 1] - 128;
            int cr = samples[i + 2] - 128;
            samples[i] = Math.clamp(255 - (y + (91_881 * cr + 32_768 >> 16)), 0, 255);
            samples[i + 1] = Math.clamp(255 - (y + (-22_554 * cb - 46_802 * cr + 32_768 >> 16)), 0, 255);
            samples[i + 2] = Math.clamp(255 - (y + (116_130 * cb + 32_768 >> 16)), 0, 255);
        }
    }
}
