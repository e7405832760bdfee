package dev.zhulong.recipe.scale;

/**
 * What training may cost, and what it costs here. A limit of 0 is none; a price or a power of 0 is not known.
 *
 * @param hours        at most
 * @param money        at most, in any currency
 * @param energy       at most, kWh
 * @param pricePerHour of this machine
 * @param watts        that this machine draws while it trains
 */
public record Means(double hours, double money, double energy, double pricePerHour, double watts) {
    public Means {
        if (!(hours >= 0 && money >= 0 && energy >= 0 && pricePerHour >= 0 && watts >= 0)) {
            throw new IllegalArgumentException("hours, money, energy, price and power must not be negative");
        }
        if (money > 0 && pricePerHour == 0) {
            throw new IllegalArgumentException("a limit in money needs --price, what an hour of this machine costs");
        }
        if (energy > 0 && watts == 0) {
            throw new IllegalArgumentException("a limit in energy needs --watts, the power that this machine draws while it trains");
        }
    }

    /** Whether anything is limited. */
    public boolean limited() {
        return hours > 0 || money > 0 || energy > 0;
    }

    /** Hours that all limits allow. */
    public double allowed() {
        double least = Double.POSITIVE_INFINITY;
        least = hours > 0 ? hours : least;
        least = money > 0 ? Math.min(least, money / pricePerHour) : least;
        return energy > 0 ? Math.min(least, energy * 1000 / watts) : least;
    }
}
