package dev.zhulong.cli;

import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.VisionEncoder;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;

/** Small random networks that see pictures, as directories, and pictures for them. */
final class TinyPictures {
    private static final String TOWER = "\"hidden_size\": 16, \"intermediate_size\": 24, \"num_hidden_layers\": 2, \"num_attention_heads\": 2";
    private static final String PICTURES = TOWER + ", \"image_size\": 12, \"patch_size\": 4";
    private static final String PROCESSOR = "{\"image_processor_type\": \"ViTImageProcessor\", \"size\": {\"height\": 12, \"width\": 12}}";

    private TinyPictures() {}

    /** A ViT, without a head where there are no labels. */
    static Path vit(Path directory, String... labels) throws IOException {
        Files.createDirectories(directory);
        var bare = (VisionSpec) HfConfig.network(Files.writeString(directory.resolve("config.json"), "{\"model_type\": \"vit\", " + PICTURES + "}"));
        return write(directory, labels.length == 0 ? bare : bare.withClasses(List.of(labels), Problem.SINGLE_LABEL));
    }

    /** A clip or a siglip that knows a few words. */
    static Path pair(Path directory, String family, String... words) throws IOException {
        Path texts = TinyEncoder.write(directory.resolveSibling(directory.getFileName() + "-texts"), words);
        Files.createDirectories(directory);
        for (String file : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
            Files.copy(texts.resolve(file), directory.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
        String config = "{\"model_type\": \"" + family + "\", \"projection_dim\": 10, \"vision_config\": {" + PICTURES + "}, \"text_config\": {" + TOWER + ", \"vocab_size\": " + (5 + words.length)
                + ", \"max_position_embeddings\": 12, \"bos_token_id\": 2, \"eos_token_id\": 3, \"pad_token_id\": 0}}";
        return write(directory, (VisionSpec) HfConfig.network(Files.writeString(directory.resolve("config.json"), config)));
    }

    private static Path write(Path directory, VisionSpec spec) throws IOException {
        Files.writeString(directory.resolve("preprocessor_config.json"), PROCESSOR);
        try (VisionEncoder model = VisionEncoder.random(spec, 3)) {
            model.parameters().values().stream().filter(weight -> weight.dim() > 1).forEach(weight -> weight.mul_(8));
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        return directory;
    }

    /** A picture of one colour with some noise, as PNG. */
    static Path picture(Path file, int rgb, long seed) throws IOException {
        Files.createDirectories(file.getParent());
        var random = new SplittableRandom(seed);
        var image = new BufferedImage(20, 15, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < 15; y++) {
            for (int x = 0; x < 20; x++) {
                image.setRGB(x, y, rgb ^ random.nextInt(32) * 0x010101);
            }
        }
        ImageIO.write(image, "png", file.toFile());
        return file;
    }
}
