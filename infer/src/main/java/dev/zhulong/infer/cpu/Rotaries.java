package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.RotaryFrequencies;
import dev.zhulong.formats.Stack;
import dev.zhulong.kernels.Rotary;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/** What turns the queries and keys of each layer; layers that turn alike share one. */
final class Rotaries {
    private final Rotary[] ofShort;
    /** Of sequences longer than LongRoPE's original context; the same where there is no LongRoPE. */
    private final Rotary[] ofLong;

    Rotaries(Stack stack) {
        boolean changes = stack.anglesChangeAfter().isPresent();
        ofShort = made(stack, 0);
        ofLong = changes ? made(stack, Integer.MAX_VALUE) : ofShort;
    }

    private static Rotary[] made(Stack stack, int length) {
        Map<Rope, Rotary> made = new HashMap<>();
        var rotaries = new Rotary[stack.layers().size()];
        for (int layer = 0; layer < rotaries.length; layer++) {
            Rope rope = stack.rope(layer);
            rotaries[layer] = rope == null ? null : made.computeIfAbsent(rope,
                    each -> new Rotary(RotaryFrequencies.of(each, length), RotaryFrequencies.scale(each), each.neighbours()));
        }
        return rotaries;
    }

    /** Of a layer, for a token of a sequence; null where nothing turns. */
    Rotary of(int layer, PagedCache sequence) {
        return sequence.longRope() != null && sequence.longRope().isLong() ? ofLong[layer] : ofShort[layer];
    }

    /** Makes tables for sequences of {@code length} tokens. Not while others turn. */
    void reach(int length) {
        (ofShort == ofLong ? Stream.of(ofShort) : Stream.concat(Stream.of(ofShort), Stream.of(ofLong))).filter(rotary -> rotary != null)
                .forEach(rotary -> rotary.reach(length));
    }
}
