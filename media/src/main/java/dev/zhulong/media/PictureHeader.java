package dev.zhulong.media;

import dev.zhulong.media.PictureInfo.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Reads headers: no more of a file than its first bytes and the lengths of its pieces. */
final class PictureHeader {
    private final String name;
    private final byte[] bytes;

    PictureHeader(String name, byte[] bytes) {
        this.name = name;
        this.bytes = bytes;
    }

    /** @throws MediaException if this is no header of a kind that is read, or ends too early */
    PictureInfo read() {
        try {
            if (startsWith(0, "\u0089PNG\r\n\u001a\n")) {
                return png();
            }
            if (startsWith(0, "\u00ff\u00d8\u00ff")) {
                return jpeg();
            }
            if (startsWith(0, "GIF87a") || startsWith(0, "GIF89a")) {
                return gif();
            }
            if (startsWith(0, "RIFF") && startsWith(8, "WEBP")) {
                return webp();
            }
            if (startsWith(0, "BM")) {
                boolean old = little().getInt(14) == 12;
                return old ? new PictureInfo(Kind.BMP, unsigned(18), unsigned(20), 1)
                        : new PictureInfo(Kind.BMP, little().getInt(18), Math.abs(little().getInt(22)), 1);
            }
            TiffTags tiff = TiffTags.of(bytes, 0, bytes.length);
            if (tiff != null) {
                return new PictureInfo(Kind.TIFF, tiff.get(TiffTags.WIDTH, 0), tiff.get(TiffTags.HEIGHT, 0), tiff.orientation());
            }
        } catch (IndexOutOfBoundsException | ArithmeticException e) {
            throw new MediaException(name, "the file ends within its header", e);
        }
        throw new MediaException(name, "this is no picture that can be read: PNG, JPEG, GIF, BMP, TIFF and WebP can");
    }

    private PictureInfo png() {
        if (!startsWith(12, "IHDR")) {
            throw new MediaException(name, "a PNG file begins with IHDR");
        }
        int orientation = 1;
        // the last one counts, wherever it stands
        for (long at = 8; at + 12 <= bytes.length; at += 12 + (big().getInt((int) at) & 0xFFFFFFFFL)) {
            if (startsWith((int) at + 4, "eXIf")) {
                orientation = exif((int) at + 8, big().getInt((int) at) & 0xFFFFFFFFL);
            } else if (startsWith((int) at + 4, "IEND")) {
                break;
            }
        }
        return new PictureInfo(Kind.PNG, big().getInt(16), big().getInt(20), orientation);
    }

    /** Whether a marker of JPEG begins the header of a frame, which has the picture's size and its number of colours. */
    static boolean isFrame(int marker) {
        return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    }

    private PictureInfo jpeg() {
        int orientation = 1;
        for (int at = 2;;) {
            if (bytes[at] != -1) {
                at++;
                continue;
            }
            int marker = bytes[at + 1] & 0xFF;
            if (marker == 0xFF) {
                at++;
            } else if (marker == 0 || marker == 1 || marker >= 0xD0 && marker <= 0xD8) {
                at += 2;
            } else if (marker == 0xD9 || marker == 0xDA) {
                throw new MediaException(name, "this JPEG file does not say how large the picture is");
            } else if (isFrame(marker)) {
                return new PictureInfo(Kind.JPEG, big().getShort(at + 7) & 0xFFFF, big().getShort(at + 5) & 0xFFFF, orientation);
            } else {
                int length = big().getShort(at + 2) & 0xFFFF;
                if (marker == 0xE1 && length > 8 && startsWith(at + 4, "Exif\0\0")) {
                    orientation = exif(at + 4, length - 2);
                }
                at += 2 + Math.max(2, length);
            }
        }
    }

    /** The screen, or the first picture where that reaches beyond it. */
    private PictureInfo gif() {
        int width = unsigned(6);
        int height = unsigned(8);
        int at = 13 + ((bytes[10] & 0x80) != 0 ? 3 << 1 + (bytes[10] & 7) : 0);
        while (bytes[at] == 0x21) {
            for (at += 2; bytes[at] != 0; at += 1 + (bytes[at] & 0xFF)) {
                // a block of an extension
            }
            at++;
        }
        return bytes[at] != 0x2C ? new PictureInfo(Kind.GIF, width, height, 1)
                : new PictureInfo(Kind.GIF, Math.max(width, unsigned(at + 1) + unsigned(at + 5)), Math.max(height, unsigned(at + 3) + unsigned(at + 7)), 1);
    }

    private PictureInfo webp() {
        int width = 0;
        int height = 0;
        int orientation = 1;
        for (long at = 12; at + 8 <= bytes.length;) {
            int chunk = (int) at;
            long length = little().getInt(chunk + 4) & 0xFFFFFFFFL;
            if (startsWith(chunk, "VP8X")) {
                width = 1 + (little().getInt(chunk + 12) & 0xFFFFFF);
                height = 1 + (little().getInt(chunk + 14) >>> 8 & 0xFFFFFF);
            } else if (startsWith(chunk, "EXIF")) {
                orientation = exif(chunk + 8, length);
            } else if (startsWith(chunk, "ANMF")) {
                frame(chunk + 24, width, height);
            } else if (startsWith(chunk, "VP8")) {
                int[] size = frame(chunk, width, height);
                width = size[0];
                height = size[1];
            }
            at += 8 + length + (length & 1);
        }
        if (width == 0) {
            throw new MediaException(name, "this WebP file holds no picture");
        }
        return new PictureInfo(Kind.WEBP, width, height, orientation);
    }

    /** Width and height of the frame of a piece, which may be no larger than its canvas, if there is one: decoders make room for it without asking. */
    private int[] frame(int at, int width, int height) {
        if (startsWith(at, "ALPH")) {
            // transparency comes first
            int length = Math.max(0, little().getInt(at + 4));
            at = Math.addExact(at, Math.addExact(8 + (length & 1), length));
        }
        int[] size;
        if (startsWith(at, "VP8L")) {
            int sizes = little().getInt(at + 9);
            size = new int[] {1 + (sizes & 0x3FFF), 1 + (sizes >>> 14 & 0x3FFF)};
        } else if (startsWith(at, "VP8 ")) {
            size = new int[] {unsigned(at + 14) & 0x3FFF, unsigned(at + 16) & 0x3FFF};
        } else {
            return new int[] {width, height};
        }
        if (width > 0 && (size[0] > width || size[1] > height)) {
            throw new MediaException(name, "a frame of %d x %d pixels is larger than its WebP file's %d x %d".formatted(size[0], size[1], width, height));
        }
        return new int[] {Math.max(width, size[0]), Math.max(height, size[1])};
    }

    /** Orientation of the EXIF data at a place, with or without their own name before them. */
    private int exif(int start, long length) {
        int end = (int) Math.min(bytes.length, start + length);
        int from = startsWith(start, "Exif\0\0") ? start + 6 : start;
        TiffTags tags = TiffTags.of(bytes, from, end);
        return tags == null ? 1 : tags.orientation();
    }

    private boolean startsWith(int at, String text) {
        if (at < 0 || at > bytes.length - text.length()) {
            return false;
        }
        for (int i = 0; i < text.length(); i++) {
            if ((bytes[at + i] & 0xFF) != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private int unsigned(int at) {
        return little().getShort(at) & 0xFFFF;
    }

    private ByteBuffer big() {
        return ByteBuffer.wrap(bytes);
    }

    private ByteBuffer little() {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
