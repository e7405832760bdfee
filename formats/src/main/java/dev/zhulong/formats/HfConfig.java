package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads and writes Hugging Face's {@code config.json}, both generations of it, for the families of {@link Families}.
 *
 * <p>What a field means, and its value where it is absent, is taken from transformers' configuration classes (huggingface/transformers,
 * {@code models/*}{@code /configuration_*.py}). A field that would change the logits and is not implemented is refused by name.
 * What {@link #write} gives, version 4 of transformers reads as well as version 5.
 */
public final class HfConfig {

    private HfConfig() {}

    /**
     * The shape of the decoder that a {@code config.json} describes.
     *
     * @throws FormatException naming file, field, expected and found
     */
    public static DecoderSpec read(Path configJson) {
        return decoder(network(configJson), configJson);
    }

    /** @throws FormatException where the network is no decoder */
    static DecoderSpec decoder(NetworkSpec network, Path configJson) {
        return switch (network) {
            case DecoderSpec decoder -> decoder;
            case EncoderSpec encoder -> throw new FormatException(configJson, encoder.family().architecture(encoder) + " is an encoder, which reads text and"
                    + " writes none; name the directory of a decoder, one of " + Families.names(Families.decoders()));
            case EncoderDecoderSpec both -> throw new FormatException(configJson, both.family().architecture(both) + " is an encoder–decoder, which turns one text"
                    + " into another: give it to zhulong translate; a decoder is needed here, one of " + Families.names(Families.decoders()));
            case VisionSpec vision -> throw new FormatException(configJson, vision.family().architecture(vision) + " sees pictures and writes no text; a decoder is needed here,"
                    + " one of " + Families.names(Families.decoders()));
        };
    }

    /**
     * The shape of the network that a {@code config.json} describes.
     *
     * @throws FormatException naming file, field, expected and found
     */
    public static NetworkSpec network(Path configJson) {
        return network(JsonFields.read(configJson));
    }

    /**
     * The same of a configuration that lies in another file as a text.
     *
     * @param file for messages
     */
    public static NetworkSpec network(String config, Path file) {
        return network(JsonFields.of(config, file));
    }

    private static NetworkSpec network(JsonFields whole) {
        JsonFields config = TextHalf.config(whole);
        Family family = family(config);
        QuantizationConfig.read(whole);
        return ReachConfig.applied(family.read(config), config);
    }

    private static Family family(JsonFields config) {
        Optional<String> type = config.text("model_type");
        if (type.isPresent()) {
            return Families.find(type.get()).orElseThrow(() -> config.wrong("model_type", "one of " + Families.names(), FormatException.quote(type.get())
                    + NearestRelative.of(type.get(), config).map(relative -> ", whose nearest relative among these is " + relative).orElse("")));
        }
        for (var name : config.node("architectures")) {
            for (Family family : Families.all()) {
                if (family.architectures().contains(name.asText())) {
                    return family;
                }
            }
        }
        throw config.wrong("model_type", "one of " + Families.names(), config.node("model_type"));
    }

    /** The type the weights were saved in ({@code dtype}, before version 5 {@code torch_dtype}), where the file says so. */
    public static Optional<StorageType> storageType(Path configJson) {
        JsonFields config = JsonFields.read(configJson);
        String field = config.isSet("dtype") ? "dtype" : "torch_dtype";
        Optional<String> name = config.text(field).filter(text -> !text.equals("auto"));
        return name.map(text -> StorageType.ofTorchName(text)
                .orElseThrow(() -> config.wrong(field, "float32, float16 or bfloat16", FormatException.quote(text))));
    }

    /** What the file says of weights that Zhulong has quantised. */
    static Optional<QuantizationConfig> quantization(Path configJson) {
        return QuantizationConfig.read(JsonFields.read(configJson));
    }

    /**
     * The text of a {@code config.json} that {@link #network} turns into the same spec.
     *
     * @param storageType the type the weights are saved in
     * @throws IllegalArgumentException when the family's configuration cannot express the spec (a Llama with windows): written silently, it would
     *                                  give other logits elsewhere
     */
    public static String write(NetworkSpec spec, StorageType storageType) {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.putArray("architectures").add(spec.family().architecture(spec));
        config.put("model_type", spec.family().modelType());
        Optional<Reach> reach = pattern(spec);
        spec.family().write(reach.isPresent() ? withoutPattern(spec) : spec, config);
        reach.ifPresent(pattern -> ReachConfig.write(pattern, config));
        if (spec instanceof DecoderSpec decoder) {
            config.put("tie_word_embeddings", decoder.tiedEmbeddings());
            config.put("use_cache", true);
            putIds(config, "bos_token_id", decoder.bosId() < 0 ? List.of() : List.of(decoder.bosId()));
            putIds(config, "eos_token_id", decoder.eosIds());
        }
        config.put("torch_dtype", storageType.torchName());
        requireSaid(spec, config);
        return JsonFields.text(config);
    }

    /**
     * With another reach in all layers: as windows of the family's own where its {@code config.json} can say them, else in a field that only Zhulong reads.
     *
     * @throws IllegalArgumentException where all are to be seen, and the family has windows that cannot be left out
     */
    public static DecoderSpec withReach(DecoderSpec spec, Reach reach) {
        if (reach instanceof Reach.Block || reach instanceof Reach.Global) {
            return spec.withReach(reach);
        }
        DecoderSpec own = spec.withReach(null).withWindow(reach instanceof Reach.Window(int tokens) ? tokens : 0);
        try {
            write(own, StorageType.F32);
            return own;
        } catch (IllegalArgumentException e) {
            if (reach instanceof Reach.Whole) {
                throw e;
            }
            return spec.withReach(reach);
        }
    }

    /** Whatever the family's writer left unsaid would be lost in silence. */
    private static void requireSaid(NetworkSpec spec, ObjectNode config) {
        String family = spec.family().modelType();
        JsonFields written = new JsonFields(Path.of(ModelDirectory.CONFIG), "", config);
        NetworkSpec said = ReachConfig.applied(spec.family().read(written), written);
        SpecDifference.of((Record) said, (Record) spec, 0, Set.of()).ifPresent(difference -> {
            throw new IllegalArgumentException("a config.json of " + family + " cannot say " + difference);
        });
    }

    private static NetworkSpec withoutPattern(NetworkSpec spec) {
        return switch (spec) {
            case DecoderSpec decoder -> decoder.withReach(null);
            case EncoderSpec encoder -> encoder.withReach(null);
            case EncoderDecoderSpec both -> both;
            case VisionSpec vision -> vision;
        };
    }

    /** The pattern of all layers; where they differ, the family has to say them. */
    private static Optional<Reach> pattern(NetworkSpec spec) {
        List<Optional<Reach>> all = spec.stack().layers().stream().map(layer -> Optional.ofNullable(layer.attention().pattern())).distinct().toList();
        return all.size() == 1 ? all.getFirst() : Optional.empty();
    }

    private static void putIds(ObjectNode config, String field, List<Integer> ids) {
        if (ids.size() > 1) {
            ids.forEach(config.putArray(field)::add);
        } else {
            config.put(field, ids.isEmpty() ? null : ids.getFirst());
        }
    }
}
