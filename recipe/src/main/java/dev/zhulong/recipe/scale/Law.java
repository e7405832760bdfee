package dev.zhulong.recipe.scale;

import java.util.List;

/**
 * How loss falls with weights and tokens: {@code loss = floor + a / N^alpha + b / D^beta} (Hoffmann et al. 2022, "Training Compute-Optimal Large Language
 * Models", equation 2).
 *
 * @param floor what no model of this text gets under, nats a token
 * @param alpha exponent of the weights
 * @param beta  exponent of the tokens
 */
public record Law(double floor, double a, double alpha, double b, double beta) {
    /** Between which exponents are searched. */
    private static final double LEAST = 0.02;
    private static final double MOST = 2;
    /** Places of the first search in each exponent; each later one looks around the best of the one before. */
    private static final int PLACES = 12;
    private static final int SEARCHES = 8;

    /** Loss of a model of so many weights after so many tokens. */
    public double loss(double weights, double tokens) {
        return floor + a * Math.pow(weights, -alpha) + b * Math.pow(tokens, -beta);
    }

    /**
     * The law that comes nearest to the points: least squares of the losses' relative errors. For given exponents the other three numbers follow from a
     * linear fit, none below 0; the exponents are searched on ever finer grids, which is sure to find them again.
     *
     * @throws IllegalArgumentException where there are fewer than five points, or fewer than two sizes or numbers of tokens
     */
    static Law fit(List<Point> points) {
        if (points.size() < 5 || points.stream().mapToLong(Point::weights).distinct().count() < 2 || points.stream().mapToLong(Point::tokens).distinct().count() < 2) {
            throw new IllegalArgumentException("a law of five numbers needs five models or more, of two sizes and two numbers of tokens at least; there are " + points.size());
        }
        double low = Math.log(LEAST);
        double high = Math.log(MOST);
        double[] centre = {(low + high) / 2, (low + high) / 2};
        double reach = (high - low) / 2;
        Law best = null;
        double least = Double.POSITIVE_INFINITY;
        for (int search = 0; search < SEARCHES; search++) {
            double[] found = centre.clone();
            for (int i = 0; i <= PLACES; i++) {
                for (int j = 0; j <= PLACES; j++) {
                    double alpha = Math.clamp(centre[0] + reach * (2.0 * i / PLACES - 1), low, high);
                    double beta = Math.clamp(centre[1] + reach * (2.0 * j / PLACES - 1), low, high);
                    Law law = linear(points, Math.exp(alpha), Math.exp(beta));
                    double error = law.error(points);
                    if (error < least) {
                        least = error;
                        best = law;
                        found = new double[] {alpha, beta};
                    }
                }
            }
            centre = found;
            reach *= 4.0 / PLACES;
        }
        return best;
    }

    /** Whether the exponents of an interval reach the end of what is searched, so that the points do not tell the number. */
    static boolean isOpen(Interval exponents) {
        return exponents.low() <= LEAST * 1.01 || exponents.high() >= MOST / 1.01;
    }

    /** Sum of squared relative errors. */
    double error(List<Point> points) {
        double sum = 0;
        for (Point point : points) {
            double relative = loss(point.weights(), point.tokens()) / point.loss() - 1;
            sum += relative * relative;
        }
        return sum;
    }

    /** Floor, a and b for given exponents: of all choices of which are 0, the one with the least error whose others are above. */
    private static Law linear(List<Point> points, double alpha, double beta) {
        double[][] rows = new double[points.size()][];
        // in units of the geometric middle, so that the columns are of a size
        double n = Math.exp(points.stream().mapToDouble(p -> Math.log(p.weights())).average().orElseThrow());
        double d = Math.exp(points.stream().mapToDouble(p -> Math.log(p.tokens())).average().orElseThrow());
        for (int i = 0; i < rows.length; i++) {
            Point p = points.get(i);
            rows[i] = new double[] {1 / p.loss(), Math.pow(p.weights() / n, -alpha) / p.loss(), Math.pow(p.tokens() / d, -beta) / p.loss()};
        }
        double least = Double.POSITIVE_INFINITY;
        double[] best = new double[3];
        for (int chosen = 1; chosen < 8; chosen++) {
            double[] solution = solve(rows, chosen);
            if (solution == null) {
                continue;
            }
            double error = 0;
            for (double[] row : rows) {
                double residual = row[0] * solution[0] + row[1] * solution[1] + row[2] * solution[2] - 1;
                error += residual * residual;
            }
            if (error < least) {
                least = error;
                best = solution;
            }
        }
        return new Law(best[0], best[1] * Math.pow(n, alpha), alpha, best[2] * Math.pow(d, beta), beta);
    }

    /** Least squares to ones over the chosen columns; null where they are dependent or a number comes out below 0. */
    private static double[] solve(double[][] rows, int chosen) {
        int[] columns = new int[Integer.bitCount(chosen)];
        for (int column = 0, at = 0; column < 3; column++) {
            if ((chosen >> column & 1) == 1) {
                columns[at++] = column;
            }
        }
        int size = columns.length;
        double[][] m = new double[size][size + 1];
        for (double[] row : rows) {
            for (int i = 0; i < size; i++) {
                for (int j = 0; j < size; j++) {
                    m[i][j] += row[columns[i]] * row[columns[j]];
                }
                m[i][size] += row[columns[i]];
            }
        }
        double[] solution = new double[3];
        double[] x = eliminate(m);
        for (int i = 0; i < size; i++) {
            if (x == null || !(x[i] >= 0)) {
                return null;
            }
            solution[columns[i]] = x[i];
        }
        return solution;
    }

    /** Gauss' elimination with pivots; null where the matrix is singular. */
    private static double[] eliminate(double[][] m) {
        int size = m.length;
        for (int i = 0; i < size; i++) {
            int pivot = i;
            for (int row = i + 1; row < size; row++) {
                pivot = Math.abs(m[row][i]) > Math.abs(m[pivot][i]) ? row : pivot;
            }
            double[] swap = m[i];
            m[i] = m[pivot];
            m[pivot] = swap;
            if (Math.abs(m[i][i]) < 1e-12) {
                return null;
            }
            for (int row = 0; row < size; row++) {
                double factor = row == i ? 0 : m[row][i] / m[i][i];
                for (int column = i; column <= size && factor != 0; column++) {
                    m[row][column] -= factor * m[i][column];
                }
            }
        }
        double[] x = new double[size];
        for (int i = 0; i < size; i++) {
            x[i] = m[i][size] / m[i][i];
        }
        return x;
    }
}
