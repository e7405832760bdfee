package dev.zhulong.media;

import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.PixelInterleavedSampleModel;
import java.awt.image.Raster;

/** From the samples of a decoded picture to RGB as Pillow converts them: never through the JDK's spaces of colour, which take grey 81 for 153. */
final class Samples {
    private Samples() {}

    static Picture picture(BufferedImage image) {
        Raster raster = image.getRaster();
        if (image.getColorModel() instanceof IndexColorModel palette) {
            int[] colours = new int[1 << palette.getPixelSize()];
            for (int i = 0; i < palette.getMapSize(); i++) {
                colours[i] = palette.getRGB(i);
            }
            return indexed(raster, colours);
        }
        if (raster.getNumBands() > 4) {
            throw new IllegalArgumentException(raster.getNumBands() + " samples a pixel are not read");
        }
        return direct(raster);
    }

    /** @param colours red, green and blue by index */
    static Picture indexed(Raster raster, int[] colours) {
        int width = raster.getWidth();
        int height = raster.getHeight();
        byte[] rgb = new byte[3 * width * height];
        int[] row = new int[width];
        for (int y = 0, to = 0; y < height; y++) {
            raster.getSamples(0, y, width, 1, 0, row);
            for (int index : row) {
                int colour = colours[index];
                rgb[to++] = (byte) (colour >> 16);
                rgb[to++] = (byte) (colour >> 8);
                rgb[to++] = (byte) colour;
            }
        }
        return new Picture(width, height, rgb);
    }

    /** Grey or colours, with or without a last band of transparency. */
    private static Picture direct(Raster raster) {
        if (raster.getTransferType() > DataBuffer.TYPE_INT) {
            throw new IllegalArgumentException("samples that are no integers are not read");
        }
        int width = raster.getWidth();
        int height = raster.getHeight();
        int bands = raster.getNumBands();
        byte[] rgb = new byte[3 * width * height];
        if (bytes(raster, rgb)) {
            return new Picture(width, height, rgb);
        }
        int[] sizes = raster.getSampleModel().getSampleSize();
        int[] row = new int[width * bands];
        for (int y = 0, to = 0; y < height; y++) {
            raster.getPixels(0, y, width, 1, row);
            for (int from = 0; from < row.length; from += bands) {
                for (int c = 0; c < 3; c++) {
                    int band = bands >= 3 ? c : 0;
                    rgb[to++] = (byte) eight(row[from + band], sizes[band], bands == 1);
                }
            }
        }
        return new Picture(width, height, rgb);
    }

    /** The usual case, without a detour: bytes that lie together. */
    private static boolean bytes(Raster raster, byte[] rgb) {
        if (!(raster.getDataBuffer() instanceof DataBufferByte buffer) || !(raster.getSampleModel() instanceof PixelInterleavedSampleModel model)
                || raster.getSampleModelTranslateX() != 0 || raster.getSampleModelTranslateY() != 0 || buffer.getOffset() != 0) {
            return false;
        }
        byte[] in = buffer.getData();
        int[] offsets = model.getBandOffsets();
        int step = model.getPixelStride();
        int red = offsets[0];
        int green = offsets[offsets.length >= 3 ? 1 : 0];
        int blue = offsets[offsets.length >= 3 ? 2 : 0];
        for (int y = 0, to = 0; y < raster.getHeight(); y++) {
            for (int x = 0, from = y * model.getScanlineStride(); x < raster.getWidth(); x++, from += step) {
                rgb[to++] = in[from + red];
                rgb[to++] = in[from + green];
                rgb[to++] = in[from + blue];
            }
        }
        return true;
    }

    private static int eight(int sample, int bits, boolean grey) {
        if (bits == 16) {
            return grey ? Math.min(sample, 255) : sample >> 8;
        }
        return bits == 8 ? sample : sample * 255 / ((1 << bits) - 1);
    }

    /** All samples, a pixel's together. */
    static int[] pixels(Raster raster) {
        return raster.getPixels(0, 0, raster.getWidth(), raster.getHeight(), (int[]) null);
    }

    /**
     * Colours of inks.
     *
     * @param samples  cyan, magenta, yellow and black of each pixel
     * @param inverted whether 255 is no ink, as Adobe stores it
     */
    static byte[] cmyk(int[] samples, boolean inverted) {
        byte[] rgb = new byte[samples.length / 4 * 3];
        for (int from = 0, to = 0; from < samples.length; from += 4) {
            int light = inverted ? samples[from + 3] : 255 - samples[from + 3];
            for (int c = 0; c < 3; c++) {
                int ink = inverted ? 255 - samples[from + c] : samples[from + c];
                // a division by 255 that rounds
                int product = ink * light + 128;
                rgb[to++] = (byte) Math.clamp(light - ((product >> 8) + product >> 8), 0, 255);
            }
        }
        return rgb;
    }
}
