package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.refuse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Positions.Distances;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** DeBERTa v2 and v3 (He et al. 2021): BERT whose attention sees content and distance apart, and that mostly adds no positions to its embeddings. */
public final class DebertaV2 extends Bert {
    private static final Names NAMES = new Names("encoder.layer.", "attention.self.query_proj", "attention.self.key_proj", "attention.self.value_proj",
            "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm");

    @Override
    public String modelType() {
        return "deberta-v2";
    }

    @Override
    String stem() {
        return "DebertaV2";
    }

    @Override
    String prefix() {
        return "deberta.";
    }

    @Override
    Names names() {
        return NAMES;
    }

    @Override
    List<String> headNames() {
        return List.of("cls.", "classifier.", "qa_outputs.", "pooler.", "mask_predictions.", "lm_predictions.");
    }

    @Override
    List<String> otherTokenHeads() {
        return List.of();
    }

    /** The authors' own files name the head over masked tokens otherwise; it is the same. */
    @Override
    String older(String saved) {
        return saved.startsWith("lm_predictions.lm_head.bias") ? "cls.predictions.bias"
                : saved.startsWith("lm_predictions.lm_head.") ? "cls.predictions.transform." + saved.substring("lm_predictions.lm_head.".length()) : saved;
    }

    @Override
    public Optional<Dense> denseOfClasses() {
        return Optional.of(new Dense(Activation.GELU, false));
    }

    @Override
    Optional<Dense> classesDense(JsonFields config) {
        return Optional.of(new Dense(ConfigFields.ungated(config, "pooler_hidden_act", "gelu"), false));
    }

    /** The authors' own head has no matrix; transformers' older one may have. */
    @Override
    boolean isTied(JsonFields config) {
        return !config.flag("legacy", true) || super.isTied(config);
    }

    @Override
    int segments() {
        return 0;
    }

    @Override
    double epsilon() {
        return 1e-7;
    }

    @Override
    Stack more(JsonFields config, Stack stack) {
        requireHidden(config, "embedding_size", stack.hiddenSize());
        requireHidden(config, "pooler_hidden_size", stack.hiddenSize());
        if (config.isSet("conv_kernel_size") && config.integer("conv_kernel_size", 0, MOST) > 0) {
            throw config.wrong("conv_kernel_size", "0 (the convolution of deberta-v2-xlarge is not implemented)", config.node("conv_kernel_size"));
        }
        refuse(config, "relative_attention", true);
        Set<String> terms = terms(config);
        boolean normed = config.text("norm_rel_ebd").orElse("none").contains("layer_norm");
        int furthest = whole(config, "max_relative_positions").orElse(stack.contextLength());
        var positions = new Distances(whole(config, "position_buckets").orElse(0), furthest, config.flag("share_att_key", false), terms.contains("c2p"),
                terms.contains("p2c"), normed, config.flag("position_biased_input", true));
        return new Stack(stack.hiddenSize(), stack.layers(), stack.norm(), stack.normEpsilon(), stack.place(), positions, stack.contextLength());
    }

    private static void requireHidden(JsonFields config, String field, int hidden) {
        if (config.isSet(field) && config.integer(field, 1, MOST) != hidden) {
            throw config.wrong(field, "hidden_size " + hidden + " (another width is not implemented)", config.node(field));
        }
    }

    /** A number that -1, or none, stands for nothing in. */
    private static Optional<Integer> whole(JsonFields config, String field) {
        return config.isSet(field) ? Optional.of(config.integer(field, Integer.MIN_VALUE, MOST)).filter(n -> n > 0) : Optional.empty();
    }

    /** {@code pos_att_type}: a list, or one text with bars. */
    private static Set<String> terms(JsonFields config) {
        JsonNode node = config.node("pos_att_type");
        var terms = new ArrayList<String>();
        if (node.isTextual()) {
            for (String term : node.asText().toLowerCase(Locale.ROOT).split("\\|")) {
                terms.add(term.strip());
            }
        } else if (config.isSet("pos_att_type")) {
            terms.addAll(config.strings("pos_att_type"));
        }
        for (String term : terms) {
            if (!term.equals("c2p") && !term.equals("p2c")) {
                throw config.wrong("pos_att_type", "c2p, p2c or both", FormatException.quote(term));
            }
        }
        return new HashSet<>(terms);
    }

    @Override
    void writeMore(EncoderSpec spec, ObjectNode config) {
        require(spec, spec.stack().positions() instanceof Distances, "positions", "distances", spec.stack().positions());
        var distances = (Distances) spec.stack().positions();
        config.put("relative_attention", true);
        config.put("position_buckets", distances.buckets() == 0 ? -1 : distances.buckets());
        config.put("max_relative_positions", distances.furthest());
        config.put("share_att_key", distances.shared());
        ArrayNode terms = config.putArray("pos_att_type");
        if (distances.queries()) {
            terms.add("p2c");
        }
        if (distances.keys()) {
            terms.add("c2p");
        }
        config.put("norm_rel_ebd", distances.normed() ? "layer_norm" : "none");
        config.put("position_biased_input", distances.learned());
        config.put("pooler_hidden_size", spec.hiddenSize()).put("pooler_dropout", 0.0);
        config.put("pooler_hidden_act", ConfigFields.name(spec.head() instanceof Head.Classes classes ? classes.dense().orElseThrow().activation()
                : denseOfClasses().orElseThrow().activation(), "gelu_new"));
        config.put("legacy", true);
    }

    @Override
    void attentionParameters(ParameterList list, EncoderSpec spec, String at) {
        var distances = (Distances) spec.stack().positions();
        if (!distances.shared() && distances.keys()) {
            square(list, Role.K_DISTANCES, at + "attention.self.pos_key_proj", spec.hiddenSize());
        }
        if (!distances.shared() && distances.queries()) {
            square(list, Role.Q_DISTANCES, at + "attention.self.pos_query_proj", spec.hiddenSize());
        }
    }

    @Override
    void afterLayers(ParameterList list, EncoderSpec spec, String at) {
        var distances = (Distances) spec.stack().positions();
        list.matrix(Role.DISTANCES, at + "encoder.rel_embeddings", null, Init.NORMAL, 2L * distances.span(), spec.hiddenSize());
        if (distances.normed()) {
            list.norm(Role.DISTANCES_NORM, at + "encoder.LayerNorm", null, spec.hiddenSize(), true);
        }
    }

    /** The pooler stands beside the encoder here, not in it. */
    @Override
    void headParameters(ParameterList list, EncoderSpec spec, String prefix) {
        if (spec.head() instanceof Head.Classes) {
            square(list, Role.HEAD_DENSE, "pooler.dense", spec.hiddenSize());
            outputs(list, spec, "classifier");
        } else {
            super.headParameters(list, spec, prefix);
        }
    }

    /** llama.cpp has no such attention. */
    @Override
    public String ggufArchitecture() {
        return null;
    }
}
