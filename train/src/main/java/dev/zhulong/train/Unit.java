package dev.zhulong.train;

/**
 * What a mean loss is measured in: {@code nats a token}, {@code squared error an element}.
 *
 * @param loss what is summed
 * @param each what it is divided by
 */
public record Unit(String loss, String each) {
    /** A language model's. Where a name has no room for a unit, as a chart's tag has not, this is meant. */
    public static final Unit NATS_A_TOKEN = new Unit("nats", "token");

    @Override
    public String toString() {
        return loss + ("aeiou".indexOf(each.charAt(0)) < 0 ? " a " : " an ") + each;
    }
}
