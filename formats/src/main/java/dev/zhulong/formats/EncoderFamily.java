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

    /** What a head over labels of tokens, or over the ends of answers, begins with. */
    default Optional<Dense> denseOfTags() {
        return Optional.empty();
    }
}
