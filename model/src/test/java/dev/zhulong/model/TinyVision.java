package dev.zhulong.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.VisionSpec;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;

/** Networks that see pictures of 12 by 12 pixels in patches of 4. */
final class TinyVision {
    private static final String TOWER = "'hidden_size':16,'intermediate_size':24,'num_hidden_layers':2,'num_attention_heads':2";
    private static final String PICTURES = TOWER + ",'image_size':12,'patch_size':4";
    private static final String BOTH = "'projection_dim':10,'vision_config':{" + PICTURES + "},'text_config':{" + TOWER + ",'vocab_size':30,'max_position_embeddings':8,'eos_token_id':29}";

    private TinyVision() {}

    /** Of a family; one for itself with three classes. */
    static VisionSpec spec(String family) {
        boolean pair = family.equals("clip") || family.equals("siglip");
        VisionSpec bare = spec(family, pair ? BOTH : PICTURES + ",'mlp_ratio':2,'use_swiglu_ffn':true,'use_mask_token':false");
        return pair ? bare : bare.withClasses(List.of("a", "b", "c"), Problem.SINGLE_LABEL);
    }

    private static VisionSpec spec(String family, String fields) {
        ObjectNode config = JsonFields.of(("{" + fields + "}").replace('\'', '"'), Path.of(family)).object();
        return (VisionSpec) Family.of(family).read(new JsonFields(Path.of(family), "", config));
    }

    /** Weights far from those at the start, so that every one of them matters. */
    static VisionEncoder loud(VisionSpec spec) {
        VisionEncoder model = VisionEncoder.random(spec, 1);
        var random = new SplittableRandom(9);
        model.parameters().values().forEach(tensor -> {
            long n = tensor.elements();
            for (long i = 0; i < n; i++) {
                float at = tensor.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (at + 0.25 * random.nextGaussian()));
            }
        });
        return model;
    }

    static float[] pixels(int pictures, int height, int width, long seed) {
        var random = new SplittableRandom(seed);
        float[] pixels = new float[pictures * 3 * height * width];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        return pixels;
    }
}
