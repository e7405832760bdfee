package dev.zhulong.evaluate.text;

import java.util.List;

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
        return normal(scale * mean, scale * Math.sqrt(squares / (n - 1) / n));
    }

    /**
     * Sum of {@code values} over sum of {@code weights}, such as nats over tokens; the error is that of a ratio of two sums over independent
     * parts (linearised, Cochran 1977, 6.4).
     */
    public static Estimate ratio(double[] values, double[] weights) {
        int n = values.length;
        double sum = 0;
        double weight = 0;
        for (int i = 0; i < n; i++) {
            sum += values[i];
            weight += weights[i];
        }
        double ratio = sum / weight;
        if (n < 2) {
            return unknown(ratio);
        }
        double squares = 0;
        for (int i = 0; i < n; i++) {
            squares += Math.pow(values[i] - ratio * weights[i], 2);
        }
        return normal(ratio, Math.sqrt(squares * n / (n - 1)) / weight);
    }

    /** Mean of independent estimates, each counting alike. */
    public static Estimate average(List<Estimate> each) {
        double mean = each.stream().mapToDouble(Estimate::value).average().orElse(0);
        double squares = each.stream().mapToDouble(e -> e.standardError * e.standardError).sum();
        return Double.isNaN(squares) ? unknown(mean) : normal(mean, Math.sqrt(squares) / each.size());
    }

    private static Estimate normal(double value, double error) {
        return new Estimate(value, error, value - NORMAL_95 * error, value + NORMAL_95 * error, value, 0);
    }

    /** In another unit. */
    public Estimate times(double factor) {
        return new Estimate(value * factor, standardError * factor, low * factor, high * factor, resampleMean * factor, resamples);
    }

    /** Of the exponential; its interval is not symmetric. */
    public Estimate exp() {
        return new Estimate(Math.exp(value), Math.exp(value) * standardError, Math.exp(low), Math.exp(high), Math.exp(resampleMean), resamples);
    }

    /** Half the width of the 95 % interval, which sacreBLEU prints after ±. */
    public double halfWidth() {
        return (high - low) / 2;
    }
}
