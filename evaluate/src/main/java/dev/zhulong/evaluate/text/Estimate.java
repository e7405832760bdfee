package dev.zhulong.evaluate.text;

/**
 * A number and how far it can be trusted.
 *
 * @param value         over all items; 0 over none
 * @param standardError of {@code value} over samples of as many items; NaN where it cannot be known (fewer than two items, or no
 *                      resampling was asked for)
 * @param low           lower end of the 95 % interval; NaN with the standard error
 * @param high          upper end
 * @param resampleMean  mean over the bootstrap's resamples; {@code value} where the error is analytic
 * @param resamples     how many resamples the error comes from; 0: analytic, by the standard deviation of the items' own values
 */
public record Estimate(double value, double standardError, double low, double high, double resampleMean, int resamples) {
    private static final double NORMAL_95 = 1.959963984540054;

    /** A number whose error is unknown. */
    public static Estimate unknown(double value) {
        return new Estimate(value, Double.NaN, Double.NaN, Double.NaN, value, 0);
    }

    /** Mean of one value an item, times {@code scale}; standard error = sample standard deviation / √n. */
    public static Estimate mean(double[] values, double scale) {
        int n = values.length;
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        double mean = n == 0 ? 0 : sum / n;
        if (n < 2) {
            return unknown(scale * mean);
        }
        double squares = 0;
        for (double value : values) {
            squares += (value - mean) * (value - mean);
        }
        double error = scale * Math.sqrt(squares / (n - 1) / n);
        return new Estimate(scale * mean, error, scale * mean - NORMAL_95 * error, scale * mean + NORMAL_95 * error, scale * mean, 0);
    }

    /** Half the width of the 95 % interval, which sacreBLEU prints after ±. */
    public double halfWidth() {
        return (high - low) / 2;
    }
}
