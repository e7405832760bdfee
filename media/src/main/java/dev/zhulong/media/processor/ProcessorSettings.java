package dev.zhulong.media.processor;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.FormatException;
import dev.zhulong.media.Resampling;
import dev.zhulong.media.processor.PicturePlan.Size;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What a processor's file says; what it leaves out is as in the class of transformers that it names. */
final class ProcessorSettings {
    private static final double[] HALF = {0.5, 0.5, 0.5};
    private static final double[] CLIP_MEAN = {0.48145466, 0.4578275, 0.40821073};
    private static final double[] CLIP_DEVIATION = {0.26862954, 0.26130258, 0.27577711};

    /** The kinds that are known, by their classes' names without {@code ImageProcessor}. */
    enum Kind {
        VIT(Resampling.BILINEAR, HALF, HALF, false, true), DEIT(Resampling.BICUBIC, HALF, HALF, true, true), CLIP(Resampling.BICUBIC, CLIP_MEAN, CLIP_DEVIATION, true, false),
        SIGLIP(Resampling.BICUBIC, HALF, HALF, false, false), BIT(Resampling.BICUBIC, CLIP_MEAN, CLIP_DEVIATION, true, false), VIDEOMAE(Resampling.BILINEAR, HALF, HALF, true, false),
        LLAVA(Resampling.BICUBIC, CLIP_MEAN, CLIP_DEVIATION, true, false), IDEFICS3(Resampling.LANCZOS, HALF, HALF, false, true), SMOLVLM(Resampling.LANCZOS, HALF, HALF, false, true),
        GOT_OCR2(Resampling.BICUBIC, CLIP_MEAN, CLIP_DEVIATION, false, true), QWEN2_VL(Resampling.BICUBIC, CLIP_MEAN, CLIP_DEVIATION, false, false);

        private final Resampling resampling;
        private final double[] mean;
        private final double[] deviation;
        private final boolean crops;
        private final boolean square;

        Kind(Resampling resampling, double[] mean, double[] deviation, boolean crops, boolean square) {
            this.resampling = resampling;
            this.mean = mean;
            this.deviation = deviation;
            this.crops = crops;
            this.square = square;
        }

        private static Kind of(String name) {
            String plain = name.replaceAll("(ImageProcessor|FeatureExtractor)(Fast|Pil)?$", "").replace("_", "");
            for (Kind kind : values()) {
                if (kind.name().replace("_", "").equalsIgnoreCase(plain)) {
                    return kind;
                }
            }
            return null;
        }
    }

    private final Path file;
    private final JsonNode fields;
    private final Kind kind;

    private ProcessorSettings(Path file, JsonNode fields, Kind kind) {
        this.file = file;
        this.fields = fields;
        this.kind = kind;
    }

    static ProcessorSettings read(Path directory) {
        Path both = directory.resolve("processor_config.json");
        Path file = directory.resolve("preprocessor_config.json");
        JsonNode fields = null;
        if (Files.exists(both)) {
            fields = tree(both).get("image_processor");
        }
        if (fields != null) {
            file = both;
        } else if (Files.exists(file)) {
            fields = tree(file);
        } else {
            throw new FormatException(directory, "has neither preprocessor_config.json nor an image_processor in processor_config.json, which say how pictures are prepared");
        }
        String name = fields.path("image_processor_type").asText(fields.path("feature_extractor_type").asText(""));
        Kind kind = Kind.of(name);
        if (kind == null) {
            throw FormatException.at(file, "image_processor_type",
                    "one of " + Arrays.stream(Kind.values()).map(k -> k.name().toLowerCase(Locale.ROOT)).collect(Collectors.joining(", ")), FormatException.quote(name));
        }
        return new ProcessorSettings(file, fields, kind);
    }

    private static JsonNode tree(Path file) {
        try {
            JsonNode tree = new ObjectMapper().readTree(file.toFile());
            if (tree == null || !tree.isObject()) {
                throw new FormatException(file, "is no JSON object");
            }
            return tree;
        } catch (com.fasterxml.jackson.core.JacksonException e) {
            throw new FormatException(file, "is no JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Kind kind() {
        return kind;
    }

    boolean flag(String name, boolean otherwise) {
        return fields.path(name).asBoolean(otherwise);
    }

    /** @throws FormatException if it is there and no positive integer */
    int number(String name, int otherwise) {
        return number(fields.path(name), name, otherwise);
    }

    private int number(JsonNode node, String name, int otherwise) {
        if (node.isMissingNode() || node.isNull()) {
            return otherwise;
        }
        if (!node.canConvertToInt() || node.asInt() < 1) {
            throw FormatException.at(file, name, "a positive integer", node);
        }
        return node.asInt();
    }

    /** Of an object field, such as the longest edge of {@code size}. */
    int number(String object, String name, int otherwise) {
        return number(fields.path(object).path(name), object + "." + name, otherwise);
    }

    /** Whether a field is an object with another in it. */
    boolean has(String object, String name) {
        return fields.path(object).hasNonNull(name);
    }

    /** @throws FormatException which says that {@code what} is not done */
    void refuseIf(boolean refused, String what) {
        if (refused) {
            throw new FormatException(file, what + " is not done by this version");
        }
    }

    Resampling resampling() {
        JsonNode number = fields.path("resample");
        try {
            return number.isInt() ? Resampling.of(number.asInt()) : kind.resampling;
        } catch (IllegalArgumentException e) {
            throw new FormatException(file, e.getMessage(), e);
        }
    }

    boolean crops() {
        return flag("do_center_crop", kind.crops);
    }

    /** Where the size is one number: whether it means a square, not the shorter edge. */
    private boolean square() {
        return kind.square;
    }

    /** The size that a picture is resized to, or null where {@link #shortestEdge} says it. */
    Size exact(int otherwise) {
        JsonNode size = fields.path("size");
        if (size.isInt()) {
            return square() ? new Size(number("size", 0), number("size", 0)) : null;
        }
        if (size.isMissingNode() || size.isNull()) {
            return kind == Kind.CLIP || kind == Kind.BIT || kind == Kind.VIDEOMAE || kind == Kind.LLAVA ? null : new Size(otherwise, otherwise);
        }
        if (size.has("shortest_edge")) {
            refuseIf(size.has("longest_edge"), "a size with both a shortest and a longest edge");
            return null;
        }
        if (!size.hasNonNull("height") || !size.hasNonNull("width")) {
            throw FormatException.at(file, "size", "height and width, or shortest_edge", size);
        }
        return new Size(number("size", "width", 0), number("size", "height", 0));
    }

    int shortestEdge(int otherwise) {
        return fields.path("size").isInt() ? number("size", otherwise) : number("size", "shortest_edge", otherwise);
    }

    Size crop(int otherwise) {
        JsonNode crop = fields.path("crop_size");
        return crop.isInt() ? new Size(number("crop_size", 0), number("crop_size", 0)) : new Size(number("crop_size", "width", otherwise), number("crop_size", "height", otherwise));
    }

    /** What becomes of a sample of 0 to 255, for each of red, green and blue: {@code [3][256]}, rounded where NumPy rounds. */
    float[][] values() {
        boolean rescales = flag("do_rescale", true);
        boolean normalises = flag("do_normalize", true);
        double factor = fields.path("rescale_factor").asDouble(1 / 255.0);
        double[] mean = three("image_mean", kind.mean);
        double[] deviation = three("image_std", kind.deviation);
        float[][] values = new float[3][256];
        for (int c = 0; c < 3; c++) {
            for (int v = 0; v < 256; v++) {
                float value = rescales ? (float) (v * factor) : v;
                values[c][v] = normalises ? (value - (float) mean[c]) / (float) deviation[c] : value;
            }
        }
        return values;
    }

    private double[] three(String name, double[] otherwise) {
        JsonNode list = fields.path(name);
        if (list.isMissingNode() || list.isNull()) {
            return otherwise;
        }
        if (list.isNumber()) {
            return new double[] {list.asDouble(), list.asDouble(), list.asDouble()};
        }
        if (!list.isArray() || list.size() != 3 || !list.get(0).isNumber() || !list.get(1).isNumber() || !list.get(2).isNumber()) {
            throw FormatException.at(file, name, "three numbers", list);
        }
        return new double[] {list.get(0).asDouble(), list.get(1).asDouble(), list.get(2).asDouble()};
    }
}
