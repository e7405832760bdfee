package dev.zhulong.recipe.scale;

/**
 * The model that a number of hours should buy: of all sizes the one whose loss the law puts lowest, trained on as many tokens as the hours are enough for.
 *
 * @param hours   of training
 * @param weights of the model
 * @param tokens  to train it on
 * @param loss    that the law predicts, nats a token
 */
public record Purchase(double hours, double weights, double tokens, double loss) {
    private static final double SMALLEST = 1e4;
    private static final double LARGEST = 1e13;
    private static final int PLACES = 2000;

    /** @param rate floating-point operations a second of this machine */
    public static Purchase best(Law law, double hours, double rate) {
        double operations = hours * 3600 * rate;
        Purchase best = null;
        for (int i = 0; i <= PLACES; i++) {
            double weights = SMALLEST * Math.pow(LARGEST / SMALLEST, (double) i / PLACES);
            double tokens = operations / (Point.OPERATIONS * weights);
            double loss = law.loss(weights, tokens);
            if (tokens >= 1 && (best == null || loss < best.loss)) {
                best = new Purchase(hours, weights, tokens, loss);
            }
        }
        return best;
    }
}
