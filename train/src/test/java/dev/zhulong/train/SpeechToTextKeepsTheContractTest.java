package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpeechToTextKeepsTheContractTest extends ObjectiveContract<SpeechToText, SpeechBatch> {
    private static final int BANDS = 5;
    private static final int FRAMES = 14;

    private final EncoderDecoder model = EncoderDecoder.random(spec("""
            "model_type": "whisper", "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24, "max_source_positions": 7, "max_target_positions": 9, "num_mel_bins": 5"""), 3);

    SpeechToTextKeepsTheContractTest() {
        var random = new SplittableRandom(4);
        model.parameters().forEach((name, tensor) -> {
            if (!name.contains("embed_positions")) {
                tensor.write_(to -> {
                    for (long i = 0; i < tensor.elements(); i++) {
                        boolean norm = name.contains("norm.weight");
                        to.setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, i, (float) ((norm ? 1 : 0) + 0.3 * random.nextGaussian()));
                    }
                });
            }
        });
        model.requiresGrad(true);
    }

    private static EncoderDecoderSpec spec(String fields) {
        try {
            Path config = Files.createTempFile("config", ".json");
            Files.writeString(config, "{" + fields + ", \"vocab_size\": 13, \"pad_token_id\": 0, \"eos_token_id\": 1, \"decoder_start_token_id\": 2}");
            var spec = (EncoderDecoderSpec) HfConfig.network(config);
            Files.delete(config);
            return spec;
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @AfterEach
    void close() {
        model.close();
    }

    @Override
    SpeechToText objective() {
        return new SpeechToText(model, 0);
    }

    @Override
    Map<String, Tensor> weights() {
        return model.trainable();
    }

    private static SpeechBatch batch(long seed, int... labels) {
        return new SpeechBatch(2, floats(seed, 2 * BANDS * FRAMES), labels);
    }

    private static float[] floats(long seed, int count) {
        var random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @Override
    List<SpeechBatch> batches() {
        return List.of(batch(1, 5, 6, 7, 1, 8, 1, Batch.NO_TARGET, Batch.NO_TARGET), batch(2, 9, 1, 12, 1));
    }

    @Override
    long supervised(SpeechBatch batch) {
        return Arrays.stream(batch.labels()).filter(label -> label >= 0).count();
    }

    @Override
    Unit unit() {
        return Unit.NATS_A_TOKEN;
    }

    /** Sines that files hold are no weights to train, and fresh ones are sines. */
    @Test
    void positionsOfSoundAreNotTrained() {
        String name = "model.encoder.embed_positions.weight";
        assertThat(model.trainable()).doesNotContainKey(name).containsKey("model.decoder.embed_positions.weight");
        float[] rows = model.parameters().get(name).toFloats();
        for (int i = 0; i < 8; i++) {
            double angle = 3 * Math.exp(-i * Math.log(10_000) / 7);
            assertThat((double) rows[3 * 16 + i]).isCloseTo(Math.sin(angle), org.assertj.core.api.Assertions.within(1e-6));
            assertThat((double) rows[3 * 16 + 8 + i]).isCloseTo(Math.cos(angle), org.assertj.core.api.Assertions.within(1e-6));
        }
    }

    @Test
    void aRecordingIsHeardTheSameInABatchAndAlone() {
        SpeechBatch both = batch(5, 5, 6, 7, 8, 9, 10);
        float[] together = objective().states(both).toFloats();
        int values = together.length / 2;
        for (int row = 0; row < 2; row++) {
            float[] sound = Arrays.copyOfRange(both.spectrograms(), row * BANDS * FRAMES, (row + 1) * BANDS * FRAMES);
            float[] alone = objective().states(new SpeechBatch(1, sound, Arrays.copyOfRange(both.labels(), row * 3, row * 3 + 3))).toFloats();
            assertThat(alone).containsExactly(Arrays.copyOfRange(together, row * values, (row + 1) * values), org.assertj.core.data.Offset.offset(1e-5f));
        }
    }

    @Test
    void aSpectrogramOfAnotherSizeIsRefused() {
        assertThatThrownBy(() -> model.inputs(Tensor.of(new float[BANDS * 12], 1, BANDS, 12), new int[1])).hasMessageContaining("14 frames").hasMessageContaining("12");
    }
}
