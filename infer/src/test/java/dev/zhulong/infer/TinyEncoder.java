package dev.zhulong.infer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.JsonFields;
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
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Small encoders of every family with random weights. */
public final class TinyEncoder {
    private TinyEncoder() {}

    /** Those whose layers differ: windows, rotation and gates in turn; distances; global tokens. */
    public static final List<String> OWN_ATTENTION = List.of("modernbert", "deberta-v2", "longformer");

    private static final String SIZES = "{'vocab_size': 256, 'hidden_size': 64, 'num_hidden_layers': 3, 'num_attention_heads': 4, 'intermediate_size': 96, 'pad_token_id': 0, ";

    /** Without a head; 256 ids, a context of 70 tokens, two segments where the family has them. */
    public static EncoderSpec spec(String family) {
        return switch (family) {
            case "modernbert" -> read(family, "'max_position_embeddings': 70, 'local_attention': 8, 'global_attn_every_n_layers': 2, 'cls_token_id': 2, 'sep_token_id': 3}");
            case "deberta-v2" -> read(family, "'max_position_embeddings': 70, 'type_vocab_size': 2, 'relative_attention': true, 'position_buckets': 8, 'max_relative_positions': -1,"
                    + "'pos_att_type': ['p2c', 'c2p'], 'share_att_key': true, 'norm_rel_ebd': 'layer_norm', 'position_biased_input': false, 'layer_norm_eps': 1e-7}");
            case "longformer" -> read(family, "'max_position_embeddings': 71, 'type_vocab_size': 2, 'attention_window': [8, 12, 8], 'layer_norm_eps': 1e-12, 'sep_token_id': 1}");
            default -> plain(family);
        };
    }

    private static EncoderSpec read(String family, String own) {
        try {
            var config = (ObjectNode) new ObjectMapper().readTree((SIZES + own).replace('\'', '"'));
            return ((EncoderSpec) Family.of(family).read(new JsonFields(Path.of("config.json"), "", config))).withoutHead();
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static EncoderSpec plain(String family) {
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
