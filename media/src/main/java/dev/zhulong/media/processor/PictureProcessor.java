package dev.zhulong.media.processor;

import dev.zhulong.formats.FormatException;
import dev.zhulong.media.Picture;
import java.nio.file.Path;

/** From a picture to the values that a tower takes. A pure function of the pixels and the settings of a file. */
public interface PictureProcessor {
    /**
     * The processor of a model's directory: {@code image_processor} of {@code processor_config.json}, or {@code preprocessor_config.json}.
     *
     * @throws FormatException if there is none, its kind is not known, or it asks for what is not done
     */
    static PictureProcessor of(Path directory) {
        ProcessorSettings settings = ProcessorSettings.read(directory);
        return switch (settings.kind()) {
            case VIT, DEIT, CLIP, SIGLIP, BIT, VIDEOMAE, LLAVA -> new FixedSize(settings);
            case IDEFICS3, SMOLVLM -> new SplitGrid(settings);
            case GOT_OCR2 -> new AspectGrid(settings);
            case QWEN2_VL -> new NativeSize(settings);
        };
    }

    /**
     * What becomes of a picture of a size.
     *
     * @throws IllegalArgumentException if such a picture cannot be taken, with a line that says why
     */
    PicturePlan plan(int width, int height);

    /** The values of a picture; see the processor for their order. */
    PreparedPicture prepare(Picture picture);
}
