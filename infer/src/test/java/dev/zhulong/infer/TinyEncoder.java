package dev.zhulong.infer;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.StorageType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Small encoders of every family with random weights. */
public final class TinyEncoder {
    private TinyEncoder() {}

    /** Without a head; 256 ids, a context of 70 tokens, two segments where the family has them. */
    public static EncoderSpec spec(String family) {
        int first = family.contains("roberta") ? 2 : 0;
        var layer = new Layer(new Attention(4, 4, 16, true, true, false, 0), new Mlp.Dense(96, Activation.GELU, false, true));
        var stack = new Stack(64, Collections.nCopies(2, layer), Norm.LAYER, 1e-12, NormPlace.AFTER, new Positions.Learned(first), 70);
        return new EncoderSpec((EncoderFamily) Family.of(family), stack, 256, family.equals("distilbert") ? 0 : 2, first == 0 ? 0 : 1, new Head.None());
    }

    /** One with each head. */
    public static List<EncoderSpec> heads(String family) {
        EncoderSpec bare = spec(family);
        return List.of(bare, bare.withMaskedTokens(), bare.withMaskedTokens().withOwnHead(), bare.withTags(List.of("O", "B", "I")), bare.withSpans(),
                bare.withClasses(List.of("no", "yes"), Problem.SINGLE_LABEL));
    }

    /** Writes a directory with such an encoder. */
    public static void save(EncoderSpec spec, Path directory, long seed) {
        var random = new Random(seed);
        var entries = new ArrayList<SafetensorsWriter.Entry>();
        for (Parameter p : Parameters.of(spec)) {
            float[] values = new float[Math.toIntExact(p.count())];
            float centre = p.init() == Parameter.Init.ONE ? 1 : 0;
            for (int i = 0; i < values.length; i++) {
                values[i] = centre + 0.1f * (float) random.nextGaussian();
            }
            entries.add(SafetensorsWriter.Entry.of(p.name(), p.shape(), values));
        }
        AtomicFile.writeString(directory.resolve("config.json"), HfConfig.write(spec, StorageType.F32));
        SafetensorsWriter.write(directory.resolve("model.safetensors"), Map.of("format", "pt"), entries);
    }
}
