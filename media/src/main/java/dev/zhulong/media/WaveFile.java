package dev.zhulong.media;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Recordings in RIFF's WAVE form: integers of 8, 16, 24 and 32 bits, floats of 32 and 64, A-law and µ-law, plain and extensible. Several channels become one, their
 * mean. Where a length is missing or too large, as programs leave it that write into a pipe, the data reach to the end of the file.
 */
public final class WaveFile {
    private static final int PCM = 1;
    private static final int FLOAT = 3;
    private static final int A_LAW = 6;
    private static final int MU_LAW = 7;
    private static final int EXTENSIBLE = 0xFFFE;
    /** Beyond any recorder. */
    private static final int FASTEST = 768_000;

    private final String name;
    private final ByteBuffer data;
    private int kind;
    private int channels;
    private int rate;
    private int bits;
    private int start = -1;
    private int end;

    private WaveFile(String name, byte[] file) {
        this.name = name;
        this.data = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Whether a file begins as one of this kind does. */
    public static boolean is(byte[] file) {
        return file.length >= 12 && text(file, 0, "RIFF") && text(file, 8, "WAVE");
    }

    /**
     * The recording of a file.
     *
     * @param name what the recording is called in errors
     * @param most seconds that are allowed, known from the header before anything is converted
     * @throws MediaException if it cannot be read or is longer than allowed
     */
    public static Sound read(String name, byte[] file, double most) {
        if (!is(file)) {
            throw new MediaException(name, "this is no WAV file");
        }
        var wave = new WaveFile(name, file);
        try {
            wave.header();
        } catch (IndexOutOfBoundsException e) {
            throw new MediaException(name, "the file ends within its header", e);
        }
        return wave.sound(most);
    }

    private static boolean text(byte[] file, int at, String text) {
        for (int i = 0; i < text.length(); i++) {
            if (file[at + i] != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private void header() {
        int limit = data.limit();
        for (long at = 12; at + 8 <= limit;) {
            int chunk = (int) at;
            long size = data.getInt(chunk + 4) & 0xFFFFFFFFL;
            if (text(data.array(), chunk, "fmt ")) {
                kind = data.getShort(chunk + 8) & 0xFFFF;
                channels = data.getShort(chunk + 10) & 0xFFFF;
                rate = data.getInt(chunk + 12);
                bits = data.getShort(chunk + 22) & 0xFFFF;
                if (kind == EXTENSIBLE) {
                    // the first two bytes of the name of the form
                    kind = data.getShort(chunk + 32) & 0xFFFF;
                }
            } else if (text(data.array(), chunk, "data")) {
                start = chunk + 8;
                boolean unknown = size == 0 || at + 8 + size > limit;
                end = unknown ? limit : start + (int) size;
                return;
            }
            at += 8 + size + (size & 1);
        }
    }

    private Sound sound(double most) {
        if (start < 0 || channels == 0) {
            throw new MediaException(name, "this WAV file has no " + (start < 0 ? "data" : "header of its form before its data"));
        }
        boolean known = switch (kind) {
            case PCM -> bits == 8 || bits == 16 || bits == 24 || bits == 32;
            case FLOAT -> bits == 32 || bits == 64;
            case A_LAW, MU_LAW -> bits == 8;
            default -> false;
        };
        if (!known || rate < 1 || rate > FASTEST) {
            throw new MediaException(name, "WAV of form %d with %d bits and %,d samples a second is not read".formatted(kind, bits, rate));
        }
        int frame = channels * (bits / 8);
        int frames = (end - start) / frame;
        if (frames > most * rate) {
            throw new MediaException(name, "%.1f seconds are more than the %.1f allowed".formatted((double) frames / rate, most));
        }
        float[] samples = new float[frames];
        for (int i = 0; i < frames; i++) {
            double sum = 0;
            for (int c = 0; c < channels; c++) {
                sum += sample(start + i * frame + c * (bits / 8));
            }
            float mean = (float) (sum / channels);
            samples[i] = Float.isFinite(mean) ? mean : 0;
        }
        return new Sound(rate, samples);
    }

    private double sample(int at) {
        return switch (kind) {
            case FLOAT -> bits == 32 ? data.getFloat(at) : data.getDouble(at);
            case A_LAW -> aLaw(data.get(at));
            case MU_LAW -> muLaw(data.get(at));
            default -> switch (bits) {
                case 8 -> ((data.get(at) & 0xFF) - 128) / 128.0;
                case 16 -> data.getShort(at) / 32_768.0;
                case 24 -> (data.getShort(at) & 0xFFFF | data.get(at + 2) << 16) / 8_388_608.0;
                default -> data.getInt(at) / 2_147_483_648.0;
            };
        };
    }

    /** G.711: a sign, three bits of exponent, four of mantissa, every second bit turned. */
    private static double aLaw(byte code) {
        int bits = code ^ 0x55;
        int exponent = bits >> 4 & 7;
        int mantissa = (bits & 15) << 4 | 8;
        int value = exponent == 0 ? mantissa : mantissa + 256 << exponent - 1;
        return ((bits & 0x80) != 0 ? value : -value) / 32_768.0;
    }

    /** G.711: likewise, all bits turned, with a bias of 132. */
    private static double muLaw(byte code) {
        int bits = ~code;
        int value = ((bits & 15) << 3 | 132) << (bits >> 4 & 7);
        return ((bits & 0x80) != 0 ? 132 - value : value - 132) / 32_768.0;
    }
}
