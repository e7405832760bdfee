package dev.zhulong.media;

/** How a picture is resized: see {@link Resampling}. */
final class Resize {
    private static final int BITS = 22;
    private static final int HALF = 1 << BITS - 1;

    private Resize() {}

    /**
     * For each place of a smaller or larger line: where what it is made of begins, and the weights.
     *
     * @param first   of each place
     * @param counts  of each place
     * @param weights {@code most} for each place, of which the first {@code counts} are used
     */
    private record Taps(int[] first, int[] counts, int[] weights, int most) {
        static Taps of(int in, int out, Resampling filter) {
            double scale = (double) in / out;
            double stretch = Math.max(scale, 1);
            double support = filter.support() * stretch;
            int most = (int) Math.ceil(support) * 2 + 1;
            int[] first = new int[out];
            int[] counts = new int[out];
            int[] weights = new int[Math.multiplyExact(out, most)];
            double[] row = new double[most];
            double narrow = 1 / stretch;
            for (int i = 0; i < out; i++) {
                double centre = (i + 0.5) * scale;
                int from = Math.max(0, (int) (centre - support + 0.5));
                int count = Math.min(in, (int) (centre + support + 0.5)) - from;
                double sum = 0;
                for (int j = 0; j < count; j++) {
                    row[j] = filter.at((j + from - centre + 0.5) * narrow);
                    sum += row[j];
                }
                for (int j = 0; j < count; j++) {
                    double weight = (sum == 0 ? row[j] : row[j] * (1 / sum)) * (1 << BITS);
                    weights[i * most + j] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
                }
                first[i] = from;
                counts[i] = count;
            }
            return new Taps(first, counts, weights, most);
        }
    }

    static Picture weighted(Picture picture, int width, int height, Resampling filter) {
        byte[] rows = picture.rgb();
        int first = 0;
        Taps down = height == picture.height() ? null : Taps.of(picture.height(), height, filter);
        if (width != picture.width()) {
            // no row that the columns do not need
            int end = picture.height();
            if (down != null) {
                first = down.first[0];
                end = down.first[height - 1] + down.counts[height - 1];
            }
            rows = across(picture, first, end, width, Taps.of(picture.width(), width, filter));
        }
        return new Picture(width, height, down == null ? rows : down(rows, first, width, height, down));
    }

    private static byte[] across(Picture picture, int firstRow, int endRow, int width, Taps taps) {
        byte[] in = picture.rgb();
        byte[] out = new byte[3 * width * (endRow - firstRow)];
        int[] weights = taps.weights;
        for (int y = firstRow, to = 0; y < endRow; y++) {
            int line = 3 * y * picture.width();
            for (int x = 0; x < width; x++) {
                int red = HALF;
                int green = HALF;
                int blue = HALF;
                int from = line + 3 * taps.first[x];
                int weight = x * taps.most;
                for (int end = weight + taps.counts[x]; weight < end; weight++, from += 3) {
                    int w = weights[weight];
                    red += (in[from] & 0xFF) * w;
                    green += (in[from + 1] & 0xFF) * w;
                    blue += (in[from + 2] & 0xFF) * w;
                }
                out[to++] = clipped(red);
                out[to++] = clipped(green);
                out[to++] = clipped(blue);
            }
        }
        return out;
    }

    /** @param first the row that {@code rows} begin with */
    private static byte[] down(byte[] rows, int first, int width, int height, Taps taps) {
        int line = 3 * width;
        byte[] out = new byte[Math.multiplyExact(line, height)];
        int[] sums = new int[line];
        for (int y = 0; y < height; y++) {
            java.util.Arrays.fill(sums, HALF);
            for (int j = 0; j < taps.counts[y]; j++) {
                add(rows, (taps.first[y] + j - first) * line, taps.weights[y * taps.most + j], sums);
            }
            for (int i = 0; i < line; i++) {
                out[y * line + i] = clipped(sums[i]);
            }
        }
        return out;
    }

    /** A loop of its own, of a form that the compiler turns into vectors. */
    private static void add(byte[] rows, int from, int weight, int[] sums) {
        for (int i = 0; i < sums.length; i++) {
            sums[i] += (rows[from + i] & 0xFF) * weight;
        }
    }

    private static byte clipped(int sum) {
        return (byte) Math.clamp(sum >> BITS, 0, 255);
    }

    static Picture nearest(Picture picture, int width, int height) {
        int[] columns = places(picture.width(), width);
        int[] rows = places(picture.height(), height);
        byte[] in = picture.rgb();
        byte[] out = new byte[3 * width * height];
        for (int y = 0, to = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int from = 3 * (rows[y] * picture.width() + columns[x]);
                out[to++] = in[from];
                out[to++] = in[from + 1];
                out[to++] = in[from + 2];
            }
        }
        return new Picture(width, height, out);
    }

    /** Sums of steps as there, whose rounding chooses where two pixels are as near. */
    private static int[] places(int in, int out) {
        double step = (double) in / out;
        double at = step * 0.5;
        int[] places = new int[out];
        for (int i = 0; i < out; i++, at += step) {
            places[i] = Math.min(in - 1, (int) at);
        }
        return places;
    }
}
