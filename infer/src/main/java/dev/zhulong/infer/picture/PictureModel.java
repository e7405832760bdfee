package dev.zhulong.infer.picture;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Texts;
import dev.zhulong.media.MediaLimits;
import dev.zhulong.media.Picture;
import dev.zhulong.media.PictureReader;
import dev.zhulong.media.processor.PictureProcessor;
import dev.zhulong.media.processor.PreparedPicture;
import dev.zhulong.model.VisionEncoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A directory with a network that sees pictures, its processor and, where it reads texts, its tokenizer, ready for files.
 *
 * <pre>{@code
 * try (PictureModel model = PictureModel.open(Path.of("clip-vit-base-patch32"))) {
 *     float[] cat = model.vectors(List.of(model.read(Path.of("cat.jpg")))).getFirst();
 *     float[] text = model.vector("a photo of a cat");
 * }
 * }</pre>
 *
 * <p>A picture's numbers do not depend on those it is computed with. For one thread.
 */
public final class PictureModel implements AutoCloseable {
    private final VisionEncoder network;
    private final PictureProcessor processor;
    private final Path directory;
    private final PictureReader reader = new PictureReader(MediaLimits.DEFAULT);
    /** Opened when a text is asked for. */
    private EncoderTokenizer tokenizer;

    private PictureModel(VisionEncoder network, PictureProcessor processor, Path directory) {
        this.network = network;
        this.processor = processor;
        this.directory = directory;
    }

    /** Whether a directory holds a network that sees pictures. */
    public static boolean isOne(Path directory) {
        Path config = directory.resolve(ModelDirectory.CONFIG);
        return Files.isRegularFile(config) && HfConfig.network(config) instanceof VisionSpec;
    }

    /**
     * Opens a directory, onto the device whose scope is open.
     *
     * @throws FormatException where it holds no network that sees pictures, or no processor of one size of pictures
     */
    public static PictureModel open(Path directory) {
        if (!(ModelDirectory.readNetwork(directory) instanceof VisionSpec)) {
            throw new FormatException(directory, "holds a " + ModelDirectory.readNetwork(directory).family().modelType() + ", and a network that sees pictures (vit, dinov2, clip, siglip)"
                    + " is needed here");
        }
        PictureProcessor processor = PictureProcessor.of(directory);
        return new PictureModel(VisionEncoder.load(directory), processor, directory);
    }

    public VisionSpec spec() {
        return network.spec();
    }

    /** What one of {@link #read} becomes. */
    public PreparedPicture prepare(Picture picture) {
        PreparedPicture prepared = processor.prepare(picture);
        if (prepared.plan().tiles() != 1) {
            throw new FormatException(directory, "its processor cuts pictures into " + prepared.plan().tiles() + " tiles, and this network sees one");
        }
        return prepared;
    }

    /**
     * A picture of a file, as the network takes it.
     *
     * @throws dev.zhulong.media.MediaException where it cannot be read
     */
    public PreparedPicture read(Path file) {
        return prepare(reader.read(file));
    }

    /** The same of bytes. @param name what it is called in errors */
    public PreparedPicture read(String name, byte[] file) {
        return prepare(reader.read(name, file));
    }

    /** Vectors of length one, each of {@link VisionSpec#vectorSize}. */
    public List<float[]> vectors(List<PreparedPicture> pictures) {
        return each(pictures, states -> VisionEncoder.ofLengthOne(network.vectors(states)));
    }

    /**
     * Logits of the head's classes.
     *
     * @throws IllegalStateException where there is no head
     */
    public List<float[]> logits(List<PreparedPicture> pictures) {
        return each(pictures, network::logits);
    }

    /** What is computed of a batch of states. */
    private interface Head {
        Tensor of(Tensor states);
    }

    private List<float[]> each(List<PreparedPicture> pictures, Head head) {
        if (pictures.isEmpty()) {
            return List.of();
        }
        int height = pictures.getFirst().plan().tileHeight();
        int width = pictures.getFirst().plan().tileWidth();
        int one = pictures.getFirst().values().length;
        float[] pixels = new float[Math.multiplyExact(one, pictures.size())];
        for (int i = 0; i < pictures.size(); i++) {
            System.arraycopy(pictures.get(i).values(), 0, pixels, i * one, one);
        }
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            float[] all = head.of(network.states(network.pixels(pixels, pictures.size(), height, width))).toFloats();
            int size = all.length / pictures.size();
            List<float[]> parts = new ArrayList<>();
            for (int i = 0; i < pictures.size(); i++) {
                parts.add(Arrays.copyOfRange(all, i * size, (i + 1) * size));
            }
            return parts;
        }
    }

    /**
     * A text's vector of length one, in the space of pictures. What is longer than the network can read is cut.
     *
     * @throws IllegalArgumentException where the network reads no texts
     */
    public float[] vector(String text) {
        Texts texts = network.spec().texts().orElseThrow(() -> new IllegalArgumentException(directory + " holds a " + network.spec().family().modelType()
                + ", which reads no texts; name the directory of a clip or a siglip"));
        if (tokenizer == null) {
            tokenizer = EncoderTokenizer.load(directory);
        }
        int most = texts.stack().contextLength();
        int[] ids = tokenizer.encode(text, most).ids();
        if (texts.last() == VisionSpec.Last.LAST && ids.length < most) {
            int length = ids.length;
            ids = Arrays.copyOf(ids, most);
            Arrays.fill(ids, length, most, texts.pad());
        }
        for (int id : ids) {
            if (id >= texts.vocabSize()) {
                throw new FormatException(directory, "its tokenizer gives the id " + id + " and the model has " + texts.vocabSize() + " rows");
            }
        }
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return VisionEncoder.ofLengthOne(network.textVectors(network.textStates(Tensor.of(ids, 1, ids.length)), ids)).toFloats();
        }
    }

    /** What the network makes of the cosines of a picture's vector and those of texts: a logit for each text. */
    public float[] similarities(float[] picture, List<float[]> texts) {
        float[] all = new float[picture.length * texts.size()];
        for (int i = 0; i < texts.size(); i++) {
            System.arraycopy(texts.get(i), 0, all, i * picture.length, picture.length);
        }
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return network.similarities(Tensor.of(picture, 1, picture.length), Tensor.of(all, texts.size(), picture.length)).toFloats();
        }
    }

    @Override
    public void close() {
        network.close();
        if (tokenizer != null) {
            tokenizer.close();
        }
    }
}
