package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.refuse;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Last;
import dev.zhulong.formats.VisionSpec.Patches;
import dev.zhulong.formats.VisionSpec.Pool;
import dev.zhulong.formats.VisionSpec.Texts;
import java.util.List;

/**
 * SigLIP (Zhai et al. 2023): no token before the patches, a learned query that gathers a picture's vector, a tower over tokens that all see each other,
 * padding too, and whose vector is the last one's.
 */
public final class Siglip extends PairedTowers {
    @Override
    public String modelType() {
        return "siglip";
    }

    @Override
    public List<String> architectures() {
        return List.of("SiglipModel");
    }

    @Override
    Absent absent() {
        return new Absent(768, 3072, 12, 64, 32000, 16, 1e-6, "gelu_pytorch_tanh");
    }

    @Override
    Patches patches(JsonFields vision) {
        refuse(vision, "vision_use_head", true);
        return VisionFields.patches(vision, 224, absent().patch(), false, 0, false, false);
    }

    @Override
    Pool pool() {
        return Pool.ATTENTION;
    }

    @Override
    Texts texts(JsonFields config, JsonFields text, Stack stack, int vocab, int hidden) {
        int width = text.integer("projection_size", 1, Integer.MAX_VALUE, stack.hiddenSize());
        if (width != hidden) {
            throw text.wrong("projection_size", "the hidden_size of vision_config, " + hidden + ": both kinds of vectors lie in one space", width);
        }
        return new Texts(stack, vocab, false, Last.LAST, id(text, "bos_token_id", 49406), id(text, "eos_token_id", 49407), Math.max(0, id(text, "pad_token_id", 1)), width, true);
    }

    @Override
    void writeTexts(Texts texts, ObjectNode config, ObjectNode text) {
        text.put("projection_size", texts.width());
    }

    @Override
    void pictureParameters(ParameterList list, VisionSpec spec, String at, boolean after) {
        if (!after) {
            patchParameters(list, spec, at, true);
            return;
        }
        long hidden = spec.hiddenSize();
        long inner = spec.layer(0).mlp().width();
        list.norm(Role.PICTURE_NORM, at + "post_layernorm", null, hidden, true);
        list.tensor(Role.POOL_QUERY, at + "head.probe", Init.NORMAL, true, 1, 1, hidden);
        list.tensor(Role.POOL_QKV, at + "head.attention.in_proj_weight", Init.NORMAL, true, 3 * hidden, hidden);
        list.vectorBias(Role.POOL_QKV, at + "head.attention.in_proj_bias", 3 * hidden);
        list.projection(Role.POOL_OUT, at + "head.attention.out_proj", null, Init.NORMAL, Layout.SAME, hidden, hidden, true);
        list.norm(Role.POOL_NORM, at + "head.layernorm", null, hidden, true);
        list.projection(Role.POOL_UP, at + "head.mlp.fc1", null, Init.NORMAL, Layout.SAME, inner, hidden, true);
        list.projection(Role.POOL_DOWN, at + "head.mlp.fc2", null, Init.NORMAL, Layout.SAME, hidden, inner, true);
    }

    @Override
    void joinParameters(ParameterList list, VisionSpec spec, Texts texts) {
        list.projection(Role.TEXT_PROJECTION, "text_model.head", null, Init.NORMAL, Layout.SAME, texts.width(), texts.stack().hiddenSize(), true);
        list.tensor(Role.LOGIT_SCALE, "logit_scale", Init.ZERO, false, 1);
        list.tensor(Role.LOGIT_BIAS, "logit_bias", Init.ZERO, false, 1);
    }
}
