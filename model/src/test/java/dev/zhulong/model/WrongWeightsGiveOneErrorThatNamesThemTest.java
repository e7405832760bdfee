package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WrongWeightsGiveOneErrorThatNamesThemTest {
    private static final String DOWN = "model.layers.1.mlp.down_proj.weight";

    @TempDir
    Path directory;

    private LoudDecoder llama;
    private LoudDecoder gpt2;

    @BeforeEach
    void open() {
        llama = LoudDecoder.of(SpecDraft.of(Family.of("llama")).build(), 1);
        gpt2 = LoudDecoder.of(SpecDraft.of(Family.of("gpt2")).build(), 1);
    }

    @AfterEach
    void close() {
        llama.close();
        gpt2.close();
    }

    @Test
    void missing() {
        refused(new ModelFiles(llama).without(DOWN), DOWN, "[32, 44]");
    }

    /** A transposed matrix, which has as many elements. */
    @Test
    void misshapen() {
        refused(new ModelFiles(llama).with(DOWN, new float[32 * 44], 44, 32), DOWN, "[32, 44]", "[44, 32]", "model.safetensors");
    }

    @Test
    void ofTooFewRows() {
        String name = "model.embed_tokens.weight";
        refused(new ModelFiles(llama).with(name, new float[36 * 32], 36, 32), name, "[37, 32]", "[36, 32]", "model.safetensors");
    }

    @Test
    void scalar() {
        refused(new ModelFiles(llama).with("model.norm.weight", new float[1]), "model.norm.weight", "[32]", "model.safetensors");
    }

    @Test
    void ofWholeNumbers() {
        var entry = SafetensorsWriter.Entry.of(DOWN, StorageType.I32, new long[] {32, 44}, Arena.ofAuto().allocate(32 * 44 * 4));
        refused(new ModelFiles(llama).with(entry), DOWN, "I32", "float", "model.safetensors");
    }

    @Test
    void ofEightBitFloats() {
        var entry = SafetensorsWriter.Entry.of(DOWN, StorageType.F8_E4M3, new long[] {32, 44}, Arena.ofAuto().allocate(32 * 44));
        refused(new ModelFiles(llama).with(entry), DOWN, "F8_E4M3", "float", "model.safetensors");
    }

    @Test
    void unknown() {
        refused(new ModelFiles(llama).with("model.layers.0.mlp.router.weight", new float[4], 4), "model.layers.0.mlp.router.weight");
    }

    /** A bias nobody adds would be lost without a word. */
    @Test
    void biasTheConfigurationDoesNotSpeakOf() {
        refused(new ModelFiles(llama).with("model.layers.0.self_attn.q_proj.bias", new float[32], 32),
                "model.layers.0.self_attn.q_proj.bias");
    }

    @Test
    void moreLayersThanTheConfigurationSays() {
        try (LoudDecoder three = LoudDecoder.of(SpecDraft.of(Family.of("llama")).layers(3).build(), 1)) {
            Path files = new ModelFiles(three).write(directory, llama.model().spec());
            assertThatThrownBy(() -> DecoderFiles.load(files)).isInstanceOf(FormatException.class)
                    .hasMessageContaining(directory.toString()).hasMessageContaining("model.layers.2.");
        }
    }

    /** Queries of another number of heads: shapes say so, not garbage logits. */
    @Test
    void otherHeadsThanTheConfigurationSays() {
        DecoderSpec other = SpecDraft.of(Family.of("llama")).heads(4, 4).build();
        Path files = new ModelFiles(llama).write(directory, other);
        assertThatThrownBy(() -> DecoderFiles.load(files)).isInstanceOf(FormatException.class)
                .hasMessageContaining("model.layers.0.self_attn.k_proj.weight").hasMessageContaining("[32, 32]");
    }

    @Test
    void gpt2InTheLayoutOfLinearInsteadOfConv1d() {
        String name = "transformer.h.0.attn.c_attn.weight";
        refused(new ModelFiles(gpt2).with(name, new float[32 * 96], 96, 32), name, "[32, 96]", "[96, 32]");
    }

    /** With and without the outer prefix both: which one is meant? */
    @Test
    void sameWeightUnderTwoNames() {
        refused(new ModelFiles(gpt2).with("ln_f.weight", new float[32], 32), "ln_f.weight", "transformer.ln_f.weight");
    }

    @Test
    void whatWasLoadedBeforeTheErrorIsFreed() {
        Path files = new ModelFiles(llama).without("lm_head.weight").write(directory);
        long before = Libtorch.nativeObjects();
        // the scope takes the temporaries, so that only what was kept can be left
        try (var scope = TensorScope.open()) {
            assertThatThrownBy(() -> DecoderFiles.load(files)).isInstanceOf(FormatException.class);
        }
        assertThat(Libtorch.nativeObjects()).isLessThanOrEqualTo(before);
    }

    private void refused(ModelFiles files, String... words) {
        Path path = files.write(directory);
        assertThatThrownBy(() -> DecoderFiles.load(path).close()).isInstanceOf(FormatException.class)
                .hasMessageContaining(directory.toString()).hasMessageContainingAll(words).hasMessageNotContaining("\n");
    }
}
