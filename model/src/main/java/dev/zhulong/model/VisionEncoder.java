package dev.zhulong.model;

import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Texts;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A network that sees pictures, F32: {@code patches → layers → one vector → classes}. Where a tower over tokens stands beside it, pictures and texts have
 * vectors in one space.
 *
 * <pre>{@code
 * try (VisionEncoder model = VisionEncoder.load(path); var scope = TensorScope.open()) {
 *     Tensor states = model.states(pixels);
 *     Tensor logits = model.logits(states);
 * }
 * }</pre>
 */
public final class VisionEncoder extends Network {
    private final RotaryTables rotary;
    /** Null without a tower over tokens. */
    private final RotaryTables textRotary;
    private final List<Part> pictures = new ArrayList<>();
    private final List<Part> texts = new ArrayList<>();
    private final List<Part> parts;
    private final VisionPool pool;

    /** Over {@code tensors}, which this object owns from now on and which must be kept out of scopes. */
    VisionEncoder(VisionSpec spec, Map<String, Tensor> tensors) {
        super(spec, tensors, Map.of());
        rotary = new RotaryTables(spec.stack());
        textRotary = spec.texts().map(tower -> new RotaryTables(tower.stack())).orElse(null);
        pictures.add(new PatchPart(this, spec));
        addLayers(pictures, spec.stack(), 0, Role.PICTURE_NORM);
        spec.texts().ifPresent(tower -> {
            texts.add(new EmbedPart(this, tower.stack()));
            addLayers(texts, tower.stack(), spec.firstTextLayer(), Role.FINAL_NORM);
        });
        List<Part> all = new ArrayList<>();
        pictures.forEach(part -> all.add(texts.isEmpty() ? part : new TowerPart(part, 0)));
        texts.forEach(part -> all.add(new TowerPart(part, 1)));
        parts = List.copyOf(all);
        pool = new VisionPool(this, spec);
    }

    private void addLayers(List<Part> to, Stack stack, int first, Role last) {
        for (int layer = 0; layer < stack.layers().size(); layer++) {
            to.add(new TransformerPart(this, stack, layer, first + layer));
        }
        Normalisation norm = norm(last, -1, stack);
        if (norm != null) {
            to.add(new NormPart(norm));
        }
    }

    /** Fresh weights on the device whose scope is open, the same for the same seed everywhere. */
    public static VisionEncoder random(VisionSpec spec, long seed) {
        return new VisionEncoder(spec, fresh(spec, seed));
    }

    /** Opens {@code directory}, loads its weights as F32, onto the device whose scope is open, and closes it again. */
    public static VisionEncoder load(Path directory) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return load(files);
        }
    }

    /**
     * Loads weights as F32 onto the device whose scope is open, whatever float type they are stored in.
     *
     * @throws FormatException when the directory holds no network that sees pictures
     */
    public static VisionEncoder load(ModelDirectory files) {
        if (!(files.network() instanceof VisionSpec spec)) {
            throw new FormatException(files.path(), "holds a " + files.network().family().modelType() + ", and a network that sees pictures (vit, dinov2, clip, siglip) is needed"
                    + " here");
        }
        return new VisionEncoder(spec, NetworkFiles.load(files, Optional.empty()).tensors());
    }

    /**
     * The network of a directory under another head, which is to be trained: what the files do not hold of it is fresh, the same for the same seed.
     *
     * @param wanted of the directory's network, by {@link VisionSpec#withClasses}
     */
    public static VisionEncoder loadAs(ModelDirectory files, VisionSpec wanted, long seed) {
        return new VisionEncoder(wanted, NetworkFiles.loadFresh(files, wanted, Optional.empty(), seed).tensors());
    }

    @Override
    public VisionSpec spec() {
        return (VisionSpec) super.spec();
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    private Texts tower() {
        return spec().texts().orElseThrow(() -> new IllegalStateException("this network reads no texts"));
    }

    /**
     * Pixels as the first part is given them.
     *
     * @param pixels [batch · channels · height · width], as a processor gives them
     * @throws IllegalArgumentException where there is no whole patch
     */
    public Tensor pixels(float[] pixels, int batch, int height, int width) {
        int size = spec().patches().size();
        if (height < size || width < size) {
            throw new IllegalArgumentException("a picture of " + width + " by " + height + " pixels holds no patch of " + size + " by " + size);
        }
        return Tensor.of(pixels, batch, spec().patches().channels(), height, width);
    }

    /** Pass over pictures alone. @param pixels [batch, channels, height, width] */
    public Pass pass(Tensor pixels) {
        int size = spec().patches().size();
        int tokens = spec().patches().before() + (int) (pixels.size(2) / size * (pixels.size(3) / size));
        return Pass.full(spec().stack(), rotary, Tensor.arange(tokens).unsqueeze(0), null, null);
    }

    /** Pass over texts of one length alone. @param ids I64 [batch, tokens] */
    private Pass textPass(Tensor ids) {
        Stack stack = tower().stack();
        int tokens = (int) ids.size(1);
        if (tokens > stack.contextLength()) {
            throw new IllegalArgumentException("a text of " + tokens + " tokens is longer than this model can read: " + stack.contextLength());
        }
        return tower().causal() ? Pass.causal(stack, textRotary, tokens) : Pass.full(stack, textRotary, Tensor.arange(tokens).unsqueeze(0), null, null);
    }

    /** Pass over pictures and texts, for a flow of both: [pixels, ids]. */
    public Pass pass(Tensor pixels, Tensor ids) {
        return textPass(ids).behind(pass(pixels));
    }

    /** Pixels [batch, channels, height, width] to the last layer's states [batch, tokens, hidden]. */
    public Tensor states(Tensor pixels) {
        return through(pictures, pixels, pass(pixels));
    }

    /** The same before the norm after the last layer, where there is one. */
    public Tensor statesBeforeNorm(Tensor pixels) {
        return through(pictures.stream().filter(part -> !(part instanceof NormPart)).toList(), pixels, pass(pixels));
    }

    /**
     * The last layer's states of texts of one length [batch, tokens, hidden].
     *
     * @param ids I64 [batch, tokens]
     */
    public Tensor textStates(Tensor ids) {
        return through(texts, ids, textPass(ids));
    }

    private Tensor through(List<Part> tower, Tensor given, Pass pass) {
        Tensor[] flow = {given};
        for (Part part : tower) {
            flow = run(part, flow, pass);
        }
        return flow[0];
    }

    /** One vector a picture, [batch, pooled size]. @param states of {@link #states} */
    public Tensor pooled(Tensor states) {
        return pool.apply(states);
    }

    /**
     * Logits of classes [batch, labels].
     *
     * @param states of {@link #states}
     * @throws IllegalStateException where there is no head
     */
    public Tensor logits(Tensor states) {
        if (spec().head() instanceof Head.None) {
            throw new IllegalStateException("this network has no head of classes");
        }
        return pooled(states).linear(weight(Role.HEAD, -1).tensor(), bias(Role.HEAD, -1).tensor());
    }

    /** A picture's vector in the space of texts, or where there are none the pooled one, not of length one, [batch, vector size]. @param states of {@link #states} */
    public Tensor vectors(Tensor states) {
        Tensor pooled = pooled(states);
        return find(Role.PICTURE_PROJECTION, -1) == null ? pooled : pooled.linear(weight(Role.PICTURE_PROJECTION, -1).tensor(), null);
    }

    /**
     * A text's vector in the space of pictures, not of length one, [batch, vector size].
     *
     * @param states of {@link #textStates}
     * @param ids    of the texts, [batch · tokens]
     */
    public Tensor textVectors(Tensor states, int[] ids) {
        int batch = (int) states.size(0);
        int tokens = ids.length / batch;
        long[] rows = new long[batch];
        for (int row = 0; row < batch; row++) {
            rows[row] = (long) row * tokens + tower().pooled(Arrays.copyOfRange(ids, row * tokens, (row + 1) * tokens));
        }
        Tensor last = states.view(-1, states.size(2)).indexSelect(0, Tensor.of(rows, batch));
        Weight bias = bias(Role.TEXT_PROJECTION, -1);
        return last.linear(weight(Role.TEXT_PROJECTION, -1).tensor(), bias == null ? null : bias.tensor());
    }

    /** What the model makes of the cosines of vectors of length one: logits [pictures, texts]. */
    public Tensor similarities(Tensor pictureVectors, Tensor textVectors) {
        Tensor cosines = pictureVectors.matmul(textVectors.transpose(0, 1));
        Weight bias = find(Role.LOGIT_BIAS, -1);
        Tensor scaled = cosines.mul(weight(Role.LOGIT_SCALE, -1).tensor().exp());
        return bias == null ? scaled : scaled.add(bias.tensor());
    }

    /** Vectors [.., n] made one long. */
    public static Tensor ofLengthOne(Tensor vectors) {
        return vectors.div(vectors.norm(-1));
    }

    @Override
    public void close() {
        super.close();
        rotary.close();
        if (textRotary != null) {
            textRotary.close();
        }
    }
}
