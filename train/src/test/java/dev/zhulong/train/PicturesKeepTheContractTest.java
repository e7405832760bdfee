package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.CaptionBatch;
import dev.zhulong.data.pack.PictureBatch;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.model.VisionEncoder;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Objectives over networks that see pictures. */
class PicturesKeepTheContractTest {
    private static final String TOWER = "'hidden_size':8,'intermediate_size':12,'num_hidden_layers':2,'num_attention_heads':2";
    private static final String PICTURES = TOWER + ",'image_size':6,'patch_size':3";
    private static final String BOTH = "'projection_dim':5,'vision_config':{" + PICTURES + "},'text_config':{" + TOWER + ",'vocab_size':15,'max_position_embeddings':6,'eos_token_id':14}";

    @Nested
    class OfVit extends OfClasses {
        OfVit() {
            super("vit", PICTURES);
        }
    }

    @Nested
    class OfDinov2 extends OfClasses {
        OfDinov2() {
            super("dinov2", PICTURES + ",'use_mask_token':false,'use_swiglu_ffn':true,'mlp_ratio':2");
        }
    }

    @Nested
    class OfClip extends OfPairs {
        OfClip() {
            super("clip");
        }
    }

    @Nested
    class OfSiglip extends OfPairs {
        OfSiglip() {
            super("siglip");
        }
    }

    @Test
    void anotherNetworkIsRefused() {
        try (VisionEncoder clip = model(spec("clip", BOTH)); VisionEncoder vit = model(spec("vit", PICTURES))) {
            assertThatThrownBy(() -> new PictureClasses(clip)).hasMessageContaining("no such head");
            assertThatThrownBy(() -> new PictureTexts(vit)).hasMessageContaining("not by a vit");
        }
    }

    private static VisionSpec spec(String family, String fields) {
        return (VisionSpec) Family.of(family).read(JsonFields.of(("{" + fields + "}").replace('\'', '"'), Path.of(family)));
    }

    /** Larger than at initialisation, so that gradients are far from zero everywhere. */
    private static VisionEncoder model(VisionSpec spec) {
        VisionEncoder model = VisionEncoder.random(spec, 7);
        model.parameters().values().forEach(p -> {
            if (p.dim() > 1) {
                p.mul_(8);
            }
        });
        model.requiresGrad(true);
        return model;
    }

    /** @param height of pictures, which positions are interpolated for where it is not 6 */
    private static PictureBatch pictures(int rows, int height, long seed, boolean labelled) {
        var random = new SplittableRandom(seed);
        float[] pixels = new float[rows * 3 * height * 6];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        return new PictureBatch(rows, height, 6, pixels, labelled ? random.ints(rows, 0, 3).toArray() : new int[0]);
    }

    private abstract static class OfClasses extends ObjectiveContract<PictureClasses, PictureBatch> {
        private final VisionEncoder model;

        OfClasses(String family, String fields) {
            model = model(spec(family, fields).withClasses(List.of("a", "b", "c"), Problem.SINGLE_LABEL));
        }

        @AfterEach
        void close() {
            model.close();
        }

        @Override
        PictureClasses objective() {
            return new PictureClasses(model);
        }

        @Override
        Map<String, Tensor> weights() {
            return model.trainable();
        }

        @Override
        List<PictureBatch> batches() {
            return List.of(pictures(3, 6, 1, true), pictures(2, 9, 2, true));
        }

        @Override
        long supervised(PictureBatch batch) {
            return batch.labels().length;
        }

        @Override
        Unit unit() {
            return new Unit("nats", "picture");
        }
    }

    private abstract static class OfPairs extends ObjectiveContract<PictureTexts, CaptionBatch> {
        private final VisionEncoder model;

        OfPairs(String family) {
            model = model(spec(family, BOTH.replace("'projection_dim':5", "'projection_dim':8")));
        }

        @AfterEach
        void close() {
            model.close();
        }

        @Override
        PictureTexts objective() {
            return new PictureTexts(model);
        }

        @Override
        Map<String, Tensor> weights() {
            return model.trainable();
        }

        @Override
        List<CaptionBatch> batches() {
            return List.of(new CaptionBatch(pictures(3, 6, 1, false), 4, new int[] {1, 5, 14, 0, 1, 6, 7, 14, 2, 14, 0, 0}),
                    new CaptionBatch(pictures(2, 6, 2, false), 3, new int[] {1, 9, 14, 3, 8, 14}));
        }

        @Override
        long supervised(CaptionBatch batch) {
            return batch.pictures().rows();
        }

        @Override
        Unit unit() {
            return new Unit("nats", "pair");
        }
    }
}
