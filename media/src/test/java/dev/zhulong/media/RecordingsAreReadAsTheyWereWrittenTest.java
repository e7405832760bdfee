package dev.zhulong.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rule S2, by files that the test puts together. */
class RecordingsAreReadAsTheyWereWrittenTest {
    private static final double[] VALUES = {0, 0.5, -0.5, 0.25, -1, 0.9921875, 0.125, -0.03125};

    private static byte[] chunk(String name, byte[] body) {
        ByteBuffer chunk = ByteBuffer.allocate(8 + body.length + (body.length & 1)).order(ByteOrder.LITTLE_ENDIAN);
        return chunk.put(name.getBytes(StandardCharsets.ISO_8859_1)).putInt(body.length).put(body).array();
    }

    private static byte[] form(int kind, int channels, int rate, int bits, boolean extensible) {
        ByteBuffer form = ByteBuffer.allocate(extensible ? 40 : 16).order(ByteOrder.LITTLE_ENDIAN);
        form.putShort((short) (extensible ? 0xFFFE : kind)).putShort((short) channels).putInt(rate).putInt(rate * channels * bits / 8).putShort((short) (channels * bits / 8)).putShort((short) bits);
        if (extensible) {
            form.putShort((short) 22).putShort((short) bits).putInt(3).putShort((short) kind).put(new byte[] {0, 0, 0, 0, 0x10, 0, (byte) 0x80, 0, 0, (byte) 0xAA, 0, 0x38, (byte) 0x9B, 0x71});
        }
        return form.array();
    }

    private static byte[] file(byte[]... chunks) {
        int length = 4 + Arrays.stream(chunks).mapToInt(c -> c.length).sum();
        ByteBuffer file = ByteBuffer.allocate(8 + length).order(ByteOrder.LITTLE_ENDIAN);
        file.put("RIFF".getBytes(StandardCharsets.ISO_8859_1)).putInt(length).put("WAVE".getBytes(StandardCharsets.ISO_8859_1));
        for (byte[] chunk : chunks) {
            file.put(chunk);
        }
        return file.array();
    }

    private static byte[] data(int kind, int channels, int bits, double[] values) {
        ByteBuffer data = ByteBuffer.allocate(values.length * channels * bits / 8).order(ByteOrder.LITTLE_ENDIAN);
        for (double value : values) {
            for (int c = 0; c < channels; c++) {
                // the mean of the channels is the value
                double v = channels == 2 ? c == 0 ? value / 2 : value * 1.5 : value;
                switch (kind == 3 ? -bits : bits) {
                    case 8 -> data.put((byte) (Math.round(v * 128) + 128));
                    case 16 -> data.putShort((short) Math.round(v * 32_768));
                    case 24 -> {
                        int n = (int) Math.round(v * 8_388_608);
                        data.put((byte) n).put((byte) (n >> 8)).put((byte) (n >> 16));
                    }
                    case 32 -> data.putInt((int) Math.round(v * 2_147_483_648.0));
                    case -32 -> data.putFloat((float) v);
                    default -> data.putDouble(v);
                }
            }
        }
        return data.array();
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 8, false", "1, 1, 16, false", "1, 1, 24, false", "1, 1, 32, false", "3, 1, 32, false", "3, 1, 64, false", "3, 2, 32, false", "1, 1, 24, true", "1, 1, 16, true", "3, 2, 64, true"})
    void inEachForm(int kind, int channels, int bits, boolean extensible) {
        byte[] file = file(chunk("LIST", new byte[7]), chunk("fmt ", form(kind, channels, 44_100, bits, extensible)), chunk("data", data(kind, channels, bits, VALUES)), chunk("LIST", new byte[4]));
        Sound sound = WaveFile.read("a.wav", file, 10);
        assertThat(sound.rate()).isEqualTo(44_100);
        assertThat(sound.samples()).hasSize(VALUES.length);
        for (int i = 0; i < VALUES.length; i++) {
            assertThat((double) sound.samples()[i]).isCloseTo(VALUES[i], within(bits == 8 ? 1 / 128.0 : 0));
        }
    }

    /** ITU-T G.711's tables at some places: the quietest, the loudest, and one between. */
    @Test
    void byTelephone() {
        byte[] mu = {(byte) 0xFF, (byte) 0x80, 0x00, (byte) 0x8F, 0x7F};
        assertThat(WaveFile.read("mu.wav", file(chunk("fmt ", form(7, 1, 8000, 8, false)), chunk("data", mu)), 10).samples())
                .containsExactly(0, 32_124 / 32_768f, -32_124 / 32_768f, 16_764 / 32_768f, 0);
        byte[] a = {(byte) 0xD5, 0x55, (byte) 0xAA, 0x2A};
        assertThat(WaveFile.read("a.wav", file(chunk("fmt ", form(6, 1, 8000, 8, false)), chunk("data", a)), 10).samples())
                .containsExactly(8 / 32_768f, -8 / 32_768f, 32_256 / 32_768f, -32_256 / 32_768f);
    }

    /** A program that writes into a pipe cannot go back to fill in the length. */
    @ParameterizedTest
    @CsvSource({"0", "-1", "100000"})
    void ofUnknownLength(int said) {
        byte[] data = data(1, 1, 16, VALUES);
        byte[] file = file(chunk("fmt ", form(1, 1, 16_000, 16, false)), chunk("data", data));
        ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(file.length - data.length - 4, said);
        assertThat(WaveFile.read("pipe.wav", file, 10).samples()).hasSize(VALUES.length);
    }

    @Test
    void whatIsTooLongIsRefusedByItsHeader() {
        byte[] file = file(chunk("fmt ", form(1, 1, 1, 8, false)), chunk("data", new byte[11]));
        assertThatThrownBy(() -> WaveFile.read("long.wav", file, 10)).isInstanceOf(MediaException.class).hasMessage("long.wav: 11.0 seconds are more than the 10.0 allowed");
        assertThatThrownBy(() -> WaveFile.read("odd.wav", file(chunk("fmt ", form(2, 1, 8000, 4, false)), chunk("data", new byte[4])), 10))
                .isInstanceOf(MediaException.class).hasMessageContaining("form 2 with 4 bits");
    }

    @Test
    void damagedFilesGiveOneError() {
        byte[] whole = file(chunk("LIST", new byte[7]), chunk("fmt ", form(1, 2, 44_100, 24, true)), chunk("data", data(1, 2, 24, new double[200])));
        var random = new Random(1);
        for (int i = 0; i < 20_000; i++) {
            byte[] file = Arrays.copyOf(whole, random.nextInt(4) == 0 ? random.nextInt(whole.length) : whole.length);
            for (int flips = random.nextInt(6); flips > 0 && file.length > 0; flips--) {
                file[random.nextInt(Math.min(file.length, 120))] = (byte) random.nextInt();
            }
            try {
                WaveFile.read("damaged.wav", file, 3600);
            } catch (MediaException e) {
                assertThat(e.getMessage()).startsWith("damaged.wav: ").doesNotContain("\n");
            }
        }
    }
}
