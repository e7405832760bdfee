package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Last;
import dev.zhulong.formats.VisionSpec.Patches;
import dev.zhulong.formats.VisionSpec.Pool;
import dev.zhulong.formats.VisionSpec.Texts;
import java.util.List;

/**
 * CLIP (Radford et al. 2021): a norm before the layers over patches and one of their first token alone after them, a causal tower over tokens whose vector is
 * that of a text's end, and a projection of each into one space.
 */
public final class Clip extends PairedTowers {
    /** What the first files say ends a text, though their vocabulary ends it by its last id. */
    private static final int FIRST_FILES = 2;

    @Override
    public String modelType() {
        return "clip";
    }

    @Override
    public List<String> architectures() {
        return List.of("CLIPModel");
    }

    @Override
    Absent absent() {
        return new Absent(512, 2048, 8, 77, 49408, 32, 1e-5, "quick_gelu");
    }

    @Override
    Patches patches(JsonFields vision) {
        return VisionFields.patches(vision, 224, absent().patch(), true, 0, false, false);
    }

    @Override
    Pool pool() {
        return Pool.FIRST_NORMED;
    }

    @Override
    Texts texts(JsonFields config, JsonFields text, Stack stack, int vocab, int hidden) {
        int eos = id(text, "eos_token_id", vocab - 1);
        return new Texts(stack, vocab, true, eos == FIRST_FILES ? Last.LARGEST_ID : Last.END, id(text, "bos_token_id", vocab - 2), eos, Math.max(0, id(text, "pad_token_id", 1)),
                config.integer("projection_dim", 1, MOST, 512), false);
    }

    @Override
    void writeTexts(Texts texts, ObjectNode config, ObjectNode text) {
        config.put("projection_dim", texts.width()).put("logit_scale_init_value", 2.6592);
    }

    @Override
    void pictureParameters(ParameterList list, VisionSpec spec, String at, boolean after) {
        if (after) {
            list.norm(Role.POOL_NORM, at + "post_layernorm", null, spec.hiddenSize(), true);
            return;
        }
        list.tensor(Role.CLASS_TOKEN, at + "embeddings.class_embedding", Init.NORMAL, true, spec.hiddenSize());
        patchParameters(list, spec, at, false);
        // the name is as published
        list.norm(Role.PATCH_NORM, at + "pre_layrnorm", null, spec.hiddenSize(), true);
    }

    @Override
    void joinParameters(ParameterList list, VisionSpec spec, Texts texts) {
        list.matrix(Role.PICTURE_PROJECTION, "visual_projection", null, Init.NORMAL, texts.width(), spec.hiddenSize());
        list.matrix(Role.TEXT_PROJECTION, "text_projection", null, Init.NORMAL, texts.width(), texts.stack().hiddenSize());
        list.tensor(Role.LOGIT_SCALE, "logit_scale", Init.TEMPERATURE, false);
    }
}
