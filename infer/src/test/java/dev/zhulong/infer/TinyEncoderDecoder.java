package dev.zhulong.infer;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.NetworkFiles;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.SplittableRandom;

/** Small encoder–decoders of each family, with random weights large enough that attention is far from flat. */
public final class TinyEncoderDecoder {
    public static final int CONTEXT = 128;
    public static final int VOCAB = 272;
    public static final int PAD = 0;
    public static final int EOS = 1;

    private TinyEncoderDecoder() {}

    /** Of {@code t5}, {@code bart}, {@code mbart}, {@code marian} or {@code m2m_100}; two layers for reading and three for writing. */
    public static EncoderDecoderSpec spec(String family) {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.put("model_type", family).put("vocab_size", VOCAB).put("d_model", 32).put("is_encoder_decoder", true);
        config.put("pad_token_id", PAD).put("eos_token_id", EOS).put("decoder_start_token_id", PAD);
        if (family.equals("t5")) {
            config.put("num_layers", 2).put("num_decoder_layers", 3).put("num_heads", 4).put("d_kv", 12).put("d_ff", 44).put("n_positions", CONTEXT);
            config.put("feed_forward_proj", "gated-gelu").put("tie_word_embeddings", false).put("relative_attention_num_buckets", 8).put("relative_attention_max_distance", 20);
        } else {
            config.put("encoder_layers", 2).put("decoder_layers", 3).put("encoder_attention_heads", 4).put("decoder_attention_heads", 4);
            config.put("encoder_ffn_dim", 44).put("decoder_ffn_dim", 52).put("max_position_embeddings", CONTEXT).put("activation_function", "gelu");
            config.put("scale_embedding", family.equals("marian"));
        }
        return (EncoderDecoderSpec) Family.of(family).read(new JsonFields(Path.of("config.json"), "", config));
    }

    public static EncoderDecoder random(String family, long seed) {
        EncoderDecoder model = EncoderDecoder.random(spec(family), seed);
        var random = new SplittableRandom(seed);
        model.parameters().forEach((name, tensor) -> {
            boolean norm = tensor.dim() == 1 && name.endsWith(".weight");
            // scores of T5 are not scaled
            double scale = tensor.dim() == 1 ? 0.4 : name.endsWith(".q.weight") ? 0.06 : name.contains("shared") || name.contains("embed") || name.contains("relative") ? 1 : 0.27;
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) ((norm ? 1 : 0) + scale * random.nextGaussian()));
            }
        });
        return model;
    }

    /** Writes one into a directory. */
    public static void write(String family, long seed, Path directory) {
        try (EncoderDecoder model = random(family, seed)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
    }
}
