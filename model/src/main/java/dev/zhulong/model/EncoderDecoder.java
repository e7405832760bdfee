package dev.zhulong.model;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An encoder–decoder with its weights, F32: the encoder reads one text, or hears, and the decoder writes another and attends to what the encoder gave.
 *
 * <pre>{@code
 * try (EncoderDecoder model = EncoderDecoder.load(path); var scope = TensorScope.open()) {
 *     Tensor logits = model.logits(model.states(source, visible, target, rows));
 * }
 * }</pre>
 */
public final class EncoderDecoder extends Network {
    private final List<Part> parts;
    /** No family turns queries and keys, and both are empty. */
    private final RotaryTables encoderRotary;
    private final RotaryTables rotary;
    /** How many parts are the encoder's. */
    private final int encoderParts;

    /** Over {@code tensors} and {@code quantized}, which this object owns from now on and which must be kept out of scopes. */
    EncoderDecoder(EncoderDecoderSpec spec, Map<String, Tensor> tensors, Map<String, QuantizedMatrix> quantized) {
        super(spec, tensors, quantized);
        encoderRotary = new RotaryTables(spec.encoder());
        rotary = new RotaryTables(spec.decoder());
        int fixed = spec.family().trainsPadding() ? -1 : spec.ids().pad();
        List<Part> all = new ArrayList<>();
        all.add(new SourcePart(spec.hears() ? new SoundPart(this, spec.encoder()) : StackEmbedPart.ofEncoder(this, spec.encoder(), fixed)));
        for (int layer = 0; layer < spec.encoder().layers().size(); layer++) {
            all.add(new SourcePart(new TransformerPart(this, spec.encoder(), layer)));
        }
        addNorm(all, norm(Role.ENCODER_NORM, -1, spec.encoder()));
        encoderParts = all.size();
        all.add(StackEmbedPart.ofDecoder(this, spec.decoder(), fixed));
        for (int layer = 0; layer < spec.decoder().layers().size(); layer++) {
            all.add(new TransformerPart(this, spec.decoder(), layer, spec.firstDecoderLayer() + layer));
        }
        addNorm(all, norm(Role.FINAL_NORM, -1, spec.decoder()));
        parts = List.copyOf(all);
    }

    private static void addNorm(List<Part> all, Normalisation norm) {
        if (norm != null) {
            all.add(new NormPart(norm));
        }
    }

    /** Fresh weights on the device whose scope is open, the same for the same seed everywhere. */
    public static EncoderDecoder random(EncoderDecoderSpec spec, long seed) {
        return new EncoderDecoder(spec, fresh(spec, seed), Map.of());
    }

    /** Opens {@code directory}, loads its weights as F32, onto the device whose scope is open, and closes it again. */
    public static EncoderDecoder load(Path directory) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return load(files);
        }
    }

    /**
     * Loads weights as F32 onto the device whose scope is open, whatever float type they are stored in.
     *
     * @throws FormatException when the directory holds no encoder–decoder
     */
    public static EncoderDecoder load(ModelDirectory files) {
        return load(files, Optional.empty());
    }

    /** The same with the layers' projections rounded to {@code format} as they are read; embeddings, norms, biases and head stay F32. */
    public static EncoderDecoder loadQuantized(Path directory, QuantizedMatrix.Format format) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return load(files, Optional.of(format));
        }
    }

    private static EncoderDecoder load(ModelDirectory files, Optional<QuantizedMatrix.Format> format) {
        if (!(files.network() instanceof EncoderDecoderSpec spec)) {
            throw new FormatException(files.path(), "holds a " + files.network().family().modelType() + ", and an encoder–decoder such as T5 is needed here");
        }
        NetworkFiles.Loaded loaded = NetworkFiles.load(files, format);
        return new EncoderDecoder(spec, loaded.tensors(), loaded.quantized());
    }

    @Override
    public EncoderDecoderSpec spec() {
        return (EncoderDecoderSpec) super.spec();
    }

    @Override
    boolean dropsEmbeddings() {
        return true;
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    /** What the first part is given: I64 ids of both texts, each [batch, its length]. */
    public Tensor[] inputs(int[] source, int[] target, int batch) {
        return new Tensor[] {rows(source, batch), rows(target, batch)};
    }

    /**
     * The same of an encoder that hears.
     *
     * @param spectrogram F32 [batch, bands, frames]
     */
    public Tensor[] inputs(Tensor spectrogram, int[] target) {
        int batch = (int) spectrogram.size(0);
        if (spectrogram.size(1) != spec().bands() || spectrogram.size(2) != spec().frames()) {
            throw new IllegalArgumentException("expected a spectrogram of " + spec().bands() + " bands and " + spec().frames() + " frames, found " + spectrogram.size(1) + " and "
                    + spectrogram.size(2));
        }
        return new Tensor[] {spectrogram, rows(target, batch)};
    }

    private static Tensor rows(int[] ids, int batch) {
        return Tensor.of(ids, batch, ids.length / batch);
    }

    /**
     * Pass over {@code batch} whole pairs of texts.
     *
     * @param source  ids that the encoder reads, [batch · its length]
     * @param visible which of them are seen; null for all
     * @param target  ids that the decoder reads
     */
    public Pass pass(int[] source, boolean[] visible, int[] target, int batch) {
        return Pass.over(spec().decoder(), rotary, positions(spec().decoder(), target, batch, 0), null, null, null).behind(sourcePass(source, visible, batch));
    }

    /** Pass over {@code batch} whole texts that are written of what is heard. */
    public Pass pass(int[] target, int batch) {
        return Pass.over(spec().decoder(), rotary, positions(spec().decoder(), target, batch, 0), null, null, null).behind(soundPass(batch));
    }

    /** The encoder's pass alone, where it hears. */
    public Pass soundPass(int batch) {
        int length = spec().encoder().contextLength();
        return Pass.full(spec().encoder(), encoderRotary, Tensor.arange(length).unsqueeze(0).expand(batch, length), null, null);
    }

    /** The encoder's pass alone. */
    public Pass sourcePass(int[] source, boolean[] visible, int batch) {
        return Pass.full(spec().encoder(), encoderRotary, positions(spec().encoder(), source, batch, 0), visible, null);
    }

    /**
     * Pass over tokens that follow those in {@code cache}.
     *
     * @param target ids of the new ones, [batch · their number]
     * @param visible which positions of the encoder are seen, [batch · their number]; null for all
     * @param kept    keys and values of what the encoder gave
     */
    public Pass step(int[] target, int batch, KeyValues cache, boolean[] visible, CrossKeys kept) {
        return Pass.over(spec().decoder(), rotary, positions(spec().decoder(), target, batch, cache.length()), cache, visible, kept);
    }

    private Tensor positions(Stack stack, int[] ids, int batch, int before) {
        int seq = ids.length / batch;
        if (before + seq > spec().longest()) {
            throw new IllegalArgumentException("a text of " + (before + seq) + " tokens is longer than this model can read: " + spec().longest());
        }
        int[] positions = new int[ids.length];
        for (int row = 0; row < batch; row++) {
            System.arraycopy(spec().positions(stack, Arrays.copyOfRange(ids, row * seq, (row + 1) * seq), before), 0, positions, row * seq, seq);
        }
        return Tensor.of(positions, batch, seq);
    }

    /** What the encoder gives, [batch, source, hidden]. @param pass of {@link #sourcePass} */
    public Tensor encode(int[] source, int batch, Pass pass) {
        return encode(new Tensor[] {rows(source, batch), rows(new int[batch], batch)}, pass);
    }

    /** What the encoder gives for sound, [batch, frames / 2, hidden]. @param spectrogram F32 [batch, bands, frames] */
    public Tensor hear(Tensor spectrogram) {
        int batch = (int) spectrogram.size(0);
        return encode(inputs(spectrogram, new int[batch]), soundPass(batch));
    }

    private Tensor encode(Tensor[] flow, Pass pass) {
        for (Part part : parts.subList(0, encoderParts)) {
            flow = run(part instanceof SourcePart inner ? inner.part() : part, flow, pass);
        }
        return flow[0];
    }

    /** What the decoder gives for new tokens, [batch, seq, hidden]. @param encoded may be null where the pass's keys and values are there */
    public Tensor decode(Tensor encoded, int[] target, int batch, Pass pass) {
        Tensor[] flow = {encoded, rows(target, batch)};
        for (Part part : parts.subList(encoderParts, parts.size())) {
            flow = run(part, flow, pass);
        }
        return flow[0];
    }

    /** Ids of both texts to the decoder's last states [batch, target, hidden]. */
    public Tensor states(int[] source, boolean[] visible, int[] target, int batch) {
        return run(inputs(source, target, batch), pass(source, visible, target, batch))[0];
    }

    /** The same of what is heard. @param spectrogram F32 [batch, bands, frames] */
    public Tensor states(Tensor spectrogram, int[] target) {
        return run(inputs(spectrogram, target), pass(target, (int) spectrogram.size(0)))[0];
    }

    /** What turns states into logits; the constant that some add is not trained. */
    public Head head() {
        Weight bias = find(Role.LOGITS_BIAS, -1);
        return new Head(weight(spec().tiedEmbeddings() ? Role.EMBED : Role.HEAD, -1).tensor(), bias == null ? null : bias.tensor().view(-1),
                spec().decoder().scales(), products());
    }

    /** Logits of states, [.., hidden] to [.., vocab]. */
    public Tensor logits(Tensor states) {
        return head().logits(states);
    }
}
