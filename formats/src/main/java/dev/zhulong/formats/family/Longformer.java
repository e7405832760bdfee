package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Layer;
import java.util.ArrayList;

/**
 * Longformer (Beltagy et al. 2020): RoBERTa whose tokens attend to a window around them, but for a few that attend to all tokens, by projections of their
 * own, and to which all tokens attend.
 */
public final class Longformer extends Roberta {
    private static final String WINDOW = "attention_window";

    @Override
    public String modelType() {
        return "longformer";
    }

    @Override
    String stem() {
        return "Longformer";
    }

    @Override
    String prefix() {
        return "longformer.";
    }

    @Override
    boolean hasWindows() {
        return true;
    }

    /** As the authors have it: the first token for classes, the question for answers; the question ends at the first separator. */
    @Override
    public boolean[] globals(EncoderSpec spec, int[] ids) {
        var globals = new boolean[ids.length];
        switch (spec.head()) {
            case Head.Classes classes -> globals[0] = true;
            case Head.Spans spans -> {
                for (int i = 0; i < ids.length && ids[i] != separator(spec.padId()); i++) {
                    globals[i] = true;
                }
            }
            default -> { }
        }
        return globals;
    }

    /** RoBERTa's vocabulary begins with the start, padding and the separator. */
    private static int separator(int padId) {
        return padId + 1;
    }

    @Override
    Stack more(JsonFields config, Stack stack) {
        int separator = separator(config.integer("pad_token_id", 0, MOST, padId()));
        if (config.integer("sep_token_id", 0, MOST, separator) != separator) {
            throw config.wrong("sep_token_id", "pad_token_id + 1 (another one is not implemented)", config.node("sep_token_id"));
        }
        JsonNode windows = config.node(WINDOW);
        if (windows.isArray() && windows.size() != stack.layers().size()) {
            throw config.wrong(WINDOW, "one window, or " + stack.layers().size() + " of them", windows.size() + " of them");
        }
        var layers = new ArrayList<Layer>();
        for (int l = 0; l < stack.layers().size(); l++) {
            Layer plain = stack.layers().get(l);
            JsonNode window = windows.isArray() ? windows.get(l) : windows;
            int tokens = window.isMissingNode() || window.isNull() ? 512 : window.asInt();
            if (!(window.isMissingNode() || window.isNull() || window.isIntegralNumber()) || tokens < 2 || tokens % 2 != 0) {
                throw config.wrong(WINDOW, "an even number of tokens from 2", window);
            }
            layers.add(new Layer(plain.attention().withWindow(tokens), plain.mlp()));
        }
        return stack.withLayers(layers);
    }

    @Override
    void writeMore(EncoderSpec spec, ObjectNode config) {
        super.writeMore(spec, config);
        config.put("sep_token_id", separator(spec.padId()));
        ArrayNode windows = config.putArray(WINDOW);
        for (Layer layer : spec.stack().layers()) {
            int window = layer.attention().window();
            require(spec, window > 0 && window % 2 == 0, WINDOW, "an even number of tokens", window);
            windows.add(window);
        }
    }

    @Override
    void attentionParameters(ParameterList list, EncoderSpec spec, String at) {
        square(list, Role.Q_GLOBAL, at + "attention.self.query_global", spec.hiddenSize());
        square(list, Role.K_GLOBAL, at + "attention.self.key_global", spec.hiddenSize());
        square(list, Role.V_GLOBAL, at + "attention.self.value_global", spec.hiddenSize());
    }

    /** llama.cpp has no such attention. */
    @Override
    public String ggufArchitecture() {
        return null;
    }
}
