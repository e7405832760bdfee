package dev.zhulong.recipe.scale;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/**
 * A law with what speaks for it: laws of ladders that are drawn anew from the measured one, with replacement (Efron 1979).
 *
 * @param law       of all points
 * @param resampled of drawn ladders
 * @param spread    standard deviation of the points' relative errors, as a sample of few has it
 */
public record FittedLaw(Law law, List<Law> resampled, double spread) {
    private static final int DRAWS = 200;
    /** Numbers that the fit is free to choose. */
    private static final int FREE = 5;

    /** @throws IllegalArgumentException as {@link Law#fit} */
    public static FittedLaw of(List<Point> points) {
        Law law = Law.fit(points);
        var random = new Random(1);
        List<Law> resampled = new ArrayList<>();
        for (int draw = 0; draw < DRAWS; draw++) {
            List<Point> drawn = new ArrayList<>();
            for (int i = 0; i < points.size(); i++) {
                drawn.add(points.get(random.nextInt(points.size())));
            }
            if (drawn.stream().mapToLong(Point::weights).distinct().count() > 1 && drawn.stream().mapToLong(Point::tokens).distinct().count() > 1) {
                resampled.add(Law.fit(drawn));
            }
        }
        return new FittedLaw(law, List.copyOf(resampled), Math.sqrt(law.error(points) / Math.max(1, points.size() - FREE)));
    }

    /** Where a number of the law lies. */
    public Interval interval(ToDoubleFunction<Law> number) {
        return Interval.of(resampled.stream().mapToDouble(number).toArray());
    }

    /** Where the loss of a new model will lie: what the laws say, each with the noise of a single run. */
    public Interval prediction(double weights, double tokens) {
        var random = new Random(2);
        return Interval.of(resampled.stream().mapToDouble(each -> each.loss(weights, tokens) * (1 + spread * random.nextGaussian())).toArray());
    }
}
