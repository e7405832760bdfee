package dev.zhulong.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

/** Rule P8: what a file says of itself costs nothing, and what is damaged gives one error. */
class HostilePicturesAreRefusedTest {
    private static final PictureReader READER = new PictureReader(MediaLimits.DEFAULT);

    private static long allocated() {
        return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
    }

    private static byte[] of(String name) {
        return PicturesAreThoseOfPillowTest.resource("pictures/" + name);
    }

    /** Refused by both doors, without room for a pixel. */
    private static void refused(String name, byte[] file, String why) {
        assertThatThrownBy(() -> READER.read(name, file)).isInstanceOf(MediaException.class).hasMessageStartingWith(name + ": ").hasMessageContaining(why).hasMessageNotContaining("\n");
        long before = allocated();
        try {
            READER.read(name, file);
        } catch (MediaException e) {
            // as above
        }
        assertThat(allocated() - before).isLessThan(1 << 20);
    }

    private static byte[] png(int width, int height) {
        byte[] file = of("grey.png").clone();
        ByteBuffer data = ByteBuffer.wrap(file).putInt(16, width).putInt(20, height);
        var crc = new CRC32();
        crc.update(file, 12, 17);
        data.putInt(29, (int) crc.getValue());
        return file;
    }

    @Test
    void bombs() {
        refused("bomb.png", png(30_000, 30_000), "more than the 50,000,000 allowed");
        refused("bomb.png", png(60_000, 2), "16,384 a side");
        refused("empty.png", png(0, 5), "0 x 5 pixels");
        refused("negative.png", png(-5, 5), "pixels");
        byte[] jpeg = of("sampled-444.jpg").clone();
        for (int i = 2; i < jpeg.length - 9; i++) {
            if (jpeg[i] == -1 && jpeg[i + 1] == (byte) 0xC0) {
                ByteBuffer.wrap(jpeg).putShort(i + 5, (short) 65_000).putShort(i + 7, (short) 65_000);
                break;
            }
        }
        refused("bomb.jpg", jpeg, "more than the 50,000,000 allowed");
        byte[] gif = of("palette.gif").clone();
        ByteBuffer.wrap(gif).order(ByteOrder.LITTLE_ENDIAN).putShort(6, (short) 65_535).putShort(8, (short) 65_535);
        refused("bomb.gif", gif, "more than the 50,000,000 allowed");
        byte[] bmp = of("plain.bmp").clone();
        ByteBuffer.wrap(bmp).order(ByteOrder.LITTLE_ENDIAN).putInt(18, 1 << 30).putInt(22, Integer.MIN_VALUE);
        refused("bomb.bmp", bmp, "pixels");
        refused("large.png", new byte[(int) MediaLimits.DEFAULT.bytes() + 1], "20,000,001 bytes");
        refused("nothing", new byte[0], "no picture that can be read");
        refused("short", "BM".getBytes(StandardCharsets.ISO_8859_1), "ends within its header");
        refused("page.html", "<!DOCTYPE html><html>".getBytes(StandardCharsets.UTF_8), "no picture that can be read");
    }

    /** For which the JDK would make room first. */
    @Test
    void aTiffThatClaimsAGigabyte() {
        byte[] file = of("lzw.tif").clone();
        ByteBuffer data = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int first = data.getInt(4) + 2;
        for (int i = 0; i < data.getShort(first - 2); i++) {
            if (data.getShort(first + 12 * i) == TiffTags.STRIP_BYTES) {
                data.putShort(first + 12 * i + 2, (short) 4).putInt(first + 12 * i + 4, 1).putInt(first + 12 * i + 8, 1 << 30);
            }
        }
        refused("claims.tif", file, "1,073,741,824 bytes, more than the file");
    }

    @Test
    void aFrameLargerThanItsCanvas() {
        byte[] file = of("oriented-2.webp").clone();
        ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(39, 0x0FFFFFFF);
        refused("frame.webp", file, "a frame of 16384 x 16384 pixels is larger than its WebP file's 23 x 17");
    }

    @Test
    void damagedFilesGiveOneErrorOrAPicture() {
        var random = new Random(11);
        List<String> names = PicturesAreThoseOfPillowTest.pictures().map(line -> line.split(" ")[0]).toList();
        int errors = 0;
        for (String name : names) {
            byte[] whole = of(name);
            for (int i = 0; i < 40; i++) {
                byte[] file = Arrays.copyOf(whole, random.nextInt(3) == 0 ? random.nextInt(whole.length) : whole.length);
                for (int flips = 1 + random.nextInt(5); flips > 0 && file.length > 0; flips--) {
                    file[random.nextInt(random.nextBoolean() ? Math.min(file.length, 200) : file.length)] = (byte) random.nextInt();
                }
                long before = allocated();
                try {
                    READER.read(name, file);
                } catch (MediaException e) {
                    errors++;
                    assertThat(e.getMessage()).startsWith(name + ": ").doesNotContain("\n");
                }
                assertThat(allocated() - before).as(name).isLessThan(1 << 30);
            }
        }
        assertThat(errors).isGreaterThan(names.size() * 10);
    }
}
