package dev.zhulong.recipe.plan;

/** How devices train together. */
public enum Strategy {
    /** Each holds all, and gradients are added up. On one device: it alone. */
    DDP("ddp"),
    /** Each holds its part of masters and moments. */
    ZERO1("zero1"),
    /** Of gradients as well. */
    ZERO2("zero2"),
    /** Of weights as well. */
    ZERO3("zero3");

    private final String text;

    Strategy(String text) {
        this.text = text;
    }

    /** The stage of ZeRO; 0 for none. */
    public int stage() {
        return ordinal();
    }

    @Override
    public String toString() {
        return text;
    }
}
