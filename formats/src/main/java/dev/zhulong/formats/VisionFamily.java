package dev.zhulong.formats;

/** A family of networks that see pictures. */
public interface VisionFamily extends Family {
    @Override
    VisionSpec read(JsonFields config);

    /**
     * What a head over classes of pictures is given.
     *
     * @throws IllegalArgumentException where networks of this family have none
     */
    VisionSpec.Pool poolOfClasses();
}
