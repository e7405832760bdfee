package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Reach;
import dev.zhulong.formats.yaml.Doc;

/** Which tokens a token of the model attends to. */
public record AttentionRecipe(
        @Doc("dense: all earlier tokens; window: the last ones; block: the earlier ones of its own block; global: a window and the first tokens") Kind kind,
        @Doc("tokens of a window, the token itself included, or of a block") int window,
        @Doc("number of tokens at the beginning of a document that all attend to, for global") int global) {

    /** Patterns. */
    public enum Kind { DENSE, WINDOW, BLOCK, GLOBAL }

    public AttentionRecipe {
        if (window < 1 || global < 1) {
            throw new IllegalArgumentException("attention.window and attention.global must be at least 1, found " + window + " and " + global);
        }
        Bounds.atMost("attention.window", window, Bounds.TOKENS);
        Bounds.atMost("attention.global", global, Bounds.TOKENS);
    }

    static AttentionRecipe defaults() {
        return new AttentionRecipe(Kind.DENSE, 64, 1);
    }

    /** The spec of a model whose layers attend so. */
    DecoderSpec applied(DecoderSpec spec) {
        return HfConfig.withReach(spec, switch (kind) {
            case DENSE -> Reach.WHOLE;
            case WINDOW -> new Reach.Window(window);
            case BLOCK -> new Reach.Block(window);
            case GLOBAL -> new Reach.Global(window, global);
        });
    }
}
