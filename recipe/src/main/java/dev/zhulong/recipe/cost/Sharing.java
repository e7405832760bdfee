package dev.zhulong.recipe.cost;

/**
 * How ranks share what a training holds (ZeRO, Rajbhandari et al. 2020): 0 nothing, each has all of it; 1 masters and moments; 2 the gradients as well; 3 the weights as
 * well.
 *
 * @param precision of the state
 * @param stage     0 to 3
 * @param ranks     that share it
 */
public record Sharing(Precision precision, int stage, int ranks) {
    /** One process, F32. */
    public static final Sharing NONE = new Sharing(Precision.FP32, 0, 1);

    public Sharing {
        if (stage < 0 || stage > 3) {
            throw new IllegalArgumentException("a ZeRO stage is 0 to 3, found " + stage);
        }
        if (ranks < 1) {
            throw new IllegalArgumentException("the number of ranks must be at least 1, found " + ranks);
        }
    }

    /** At another stage. */
    public Sharing withStage(int other) {
        return new Sharing(precision, other, ranks);
    }

    /** The number of ranks that share what a stage of {@code from} or more shares: 1 below it. */
    public int parts(int from) {
        return stage >= from ? ranks : 1;
    }
}
