package dev.zhulong.media;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The first directory of a TIFF file, which is also what EXIF is: numbers by tag. Tags that are not numbers, or lie outside, are as if they were not there. */
final class TiffTags {
    static final int WIDTH = 256;
    static final int HEIGHT = 257;
    static final int PHOTOMETRIC = 262;
    static final int ORIENTATION = 274;
    static final int COLOURS = 320;
    static final int TILE_WIDTH = 322;
    static final int TILE_HEIGHT = 323;
    /** Lengths of the strips or tiles that a picture is stored in. */
    static final int STRIP_BYTES = 279;
    static final int TILE_BYTES = 325;

    private final ByteBuffer data;
    private final int entries;
    private final int first;

    private TiffTags(ByteBuffer data, int first, int entries) {
        this.data = data;
        this.first = first;
        this.entries = entries;
    }

    /** @return the directory, or null if {@code bytes} from {@code start} to {@code end} do not begin with one */
    static TiffTags of(byte[] bytes, int start, int end) {
        if (end - start < 10) {
            return null;
        }
        ByteBuffer data = ByteBuffer.wrap(bytes, start, end - start).slice();
        int order = data.getShort(0);
        if (order != 0x4949 && order != 0x4D4D) {
            return null;
        }
        data.order(order == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        int first = data.getInt(4);
        if (data.getShort(2) != 42 || first < 8 || first > data.limit() - 2) {
            return null;
        }
        int entries = Math.min(data.getShort(first) & 0xFFFF, (data.limit() - first - 2) / 12);
        return new TiffTags(data, first + 2, entries);
    }

    /** The first number of {@code tag}, or {@code otherwise}. */
    int get(int tag, int otherwise) {
        for (int i = 0; i < entries; i++) {
            int entry = first + 12 * i;
            if ((data.getShort(entry) & 0xFFFF) == tag && data.getInt(entry + 4) > 0) {
                int type = data.getShort(entry + 2);
                return switch (type) {
                    case 1 -> data.get(entry + 8) & 0xFF;
                    case 3 -> data.getInt(entry + 4) <= 2 ? data.getShort(entry + 8) & 0xFFFF : otherwise;
                    case 4 -> data.getInt(entry + 4) == 1 ? data.getInt(entry + 8) : otherwise;
                    default -> otherwise;
                };
            }
        }
        return otherwise;
    }

    /** The numbers of {@code tag}, of 16 or 32 bits; none if it is not there or lies outside. */
    long[] numbers(int tag) {
        for (int i = 0; i < entries; i++) {
            int entry = first + 12 * i;
            int type = data.getShort(entry + 2);
            if ((data.getShort(entry) & 0xFFFF) == tag && (type == 3 || type == 4)) {
                int size = type == 3 ? 2 : 4;
                long count = data.getInt(entry + 4) & 0xFFFFFFFFL;
                long start = count * size <= 4 ? entry + 8 : data.getInt(entry + 8) & 0xFFFFFFFFL;
                if (start + count * size > data.limit()) {
                    return new long[0];
                }
                long[] numbers = new long[(int) count];
                for (int j = 0; j < count; j++) {
                    int at = (int) start + size * j;
                    numbers[j] = size == 2 ? data.getShort(at) & 0xFFFF : data.getInt(at) & 0xFFFFFFFFL;
                }
                return numbers;
            }
        }
        return new long[0];
    }

    /** 1 to 8. */
    int orientation() {
        int orientation = get(ORIENTATION, 1);
        return orientation >= 1 && orientation <= 8 ? orientation : 1;
    }
}
