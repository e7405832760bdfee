package dev.zhulong.train;

import dev.zhulong.tensor.Tensor;

/**
 * How far a student's distributions q are from its teacher's p, and what that makes of the student's logits. Both are taken at a temperature T; divergence and gradient are those at
 * T times T², so that the gradient does not shrink with T (Hinton et al. 2015).
 */
public sealed interface Divergence {
    /** Logarithm of a quotient that is as good as infinite, and whose exponential is not. */
    double FAR = 80;

    /** KL(p‖q): the student gives mass wherever the teacher does. */
    record Forward() implements Divergence {}

    /** KL(q‖p): the student gives no mass where the teacher gives none (MiniLLM, Gu et al. 2024). */
    record Reverse() implements Divergence {}

    /**
     * β·KL(p‖m) + (1−β)·KL(q‖m) with m = β·p + (1−β)·q, the generalised Jensen–Shannon divergence (GKD, Agarwal et al. 2024).
     *
     * @param beta in (0, 1)
     */
    record JensenShannon(double beta) implements Divergence {
        public JensenShannon {
            if (!(beta > 0 && beta < 1)) {
                throw new IllegalArgumentException("beta must be above 0 and below 1, found " + beta);
            }
        }
    }

    /**
     * Of rows.
     *
     * @param each     divergence of each row times T², F32 [n, 1]
     * @param gradient of their sum to the student's logits [n, vocab]; null where it is not wanted
     */
    record Rows(Tensor each, Tensor gradient) {}

    /**
     * Compares.
     *
     * @param student logits [n, vocab]
     * @param teacher the same
     */
    default Rows of(Tensor student, Tensor teacher, double temperature, boolean backward) {
        Tensor logQ = scaled(student, temperature).logSoftmax(-1);
        Tensor logP = scaled(teacher, temperature).logSoftmax(-1);
        double square = temperature * temperature;
        return switch (this) {
            case Forward _ -> {
                Tensor p = logP.exp();
                Tensor each = p.mul(logP.sub(logQ)).sum(-1, true).mul(square);
                yield new Rows(each, backward ? logQ.exp_().sub_(p).mul_(temperature) : null);
            }
            case Reverse _ -> {
                Tensor apart = logQ.sub(logP);
                yield outOf(logQ.exp_(), apart, temperature, square, null, backward);
            }
            case JensenShannon(double beta) -> {
                // log(p/m) and log(q/m) from log(p/q): exactly nothing where p and q are equal, and bounded where one of them is nothing
                Tensor apart = logP.sub(logQ).clamp(-FAR, FAR);
                Tensor ofTeacher = logP.exp().mul(apart.neg().exp().mul(1 - beta).add(beta).log()).sum(-1, true).mul(-beta * square);
                yield outOf(logQ.exp_(), apart.exp_().mul(beta).add(1 - beta).log().mul(beta - 1), temperature, square, ofTeacher, backward);
            }
        };
    }

    /** Of Σ q·u, whose gradient to the logits is T·q·(u − Σ q·u): what else depends on q adds up to nothing. */
    private static Rows outOf(Tensor q, Tensor u, double temperature, double square, Tensor more, boolean backward) {
        Tensor mean = q.mul(u).sum(-1, true);
        Tensor each = mean.mul(square);
        return new Rows(more == null ? each : each.add(more), backward ? u.sub(mean).mul(q).mul(temperature) : null);
    }

    /** Logits at a temperature. */
    static Tensor scaled(Tensor logits, double temperature) {
        return temperature == 1 ? logits : logits.mul(1 / temperature);
    }
}
