package dev.zhulong.formats;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.EncoderSpec.Dense;
import java.util.Optional;

/** A family of encoders: knows what stands between its layers and each kind of head. */
public interface EncoderFamily extends Family {
    @Override
    EncoderSpec read(JsonFields config);

    /** What a head over masked tokens begins with. @param layers the activation of the layers' MLPs */
    Dense denseOfTokens(Activation layers);

    /** What a head over classes begins with. */
    Optional<Dense> denseOfClasses();

    /**
     * Which tokens of a sequence all others see, and which see all others, for the head that a network has.
     *
     * @return of each token; empty where networks of this family have no such tokens
     */
    default boolean[] globals(EncoderSpec spec, int[] ids) {
        return new boolean[0];
    }

    /** What a head over labels of tokens, or over the ends of answers, begins with. */
    default Optional<Dense> denseOfTags() {
        return Optional.empty();
    }
}
