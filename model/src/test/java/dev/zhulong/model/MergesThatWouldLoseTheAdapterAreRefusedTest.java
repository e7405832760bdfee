package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MergesThatWouldLoseTheAdapterAreRefusedTest {
    private static final String ONE = "model.layers.1.self_attn.k_proj";

    @TempDir
    Path directory;

    private LoudDecoder llama;

    @BeforeEach
    void open() {
        llama = LoudDecoder.of(SpecDraft.of(Family.of("llama")).build(), 1);
    }

    @AfterEach
    void close() {
        llama.close();
    }

    /** B normal of 0.5, and then {@code change}: name and its factors' first weight. */
    private LoraAdapter adapter(BiConsumer<String, Tensor> change) {
        LoraAdapter adapter = LoraAdapter.create(llama.model(), LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR), 3);
        try (var off = NoGrad.open()) {
            adapter.parameters().forEach((name, tensor) -> {
                if (name.contains("lora_B")) {
                    tensor.normal_(0, 0.5);
                }
                change.accept(name, tensor);
            });
        }
        return adapter;
    }

    private void refused(LoraAdapter adapter, StorageType type, String... words) {
        int[] ids = LoudDecoder.ids(llama.model().spec(), 8, 1);
        float[] before = llama.logits(ids);
        assertThatThrownBy(() -> LoraMerge.fold(llama.model(), adapter, type)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(words).hasMessageNotContaining("\n");
        assertThat(llama.logits(ids)).isEqualTo(before);
    }

    @ParameterizedTest
    @EnumSource(value = StorageType.class, names = {"F32", "BF16", "F16"})
    void aWeightThatIsNaN(StorageType type) {
        try (LoraAdapter adapter = adapter((name, tensor) -> {
            if (name.contains(ONE + ".lora_A")) {
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, 0, Float.NaN);
            }
        })) {
            refused(adapter, type, ONE, "not be finite");
        }
    }

    @Test
    void aProductBeyondF32() {
        try (LoraAdapter adapter = adapter((name, tensor) -> {
            if (name.contains(ONE)) {
                tensor.fill_(1e30);
            }
        })) {
            refused(adapter, StorageType.F32, ONE, "not be finite");
        }
    }

    /** A hundredth of a per cent of all that the adapter changes, and all of what it changes there. */
    @Test
    void oneProjectionThatRoundingWouldEraseAmongOthersThatStay() {
        try (LoraAdapter adapter = adapter((name, tensor) -> {
            if (name.contains(ONE + ".lora_B")) {
                tensor.mul_(1e-5);
            }
        })) {
            refused(adapter, StorageType.BF16, ONE, "would lose", "F32");
            assertThat(LoraMerge.fold(llama.model(), adapter, StorageType.F32).erased()).isZero();
        }
    }

    @Test
    void aMergedWeightBeyondF16() {
        try (LoraAdapter adapter = adapter((name, tensor) -> {
            if (name.contains(ONE)) {
                tensor.fill_(300);
            }
        })) {
            refused(adapter, StorageType.F16, ONE, "F16 can hold", "BF16 or F32");
            LoraMerge.fold(llama.model(), adapter, StorageType.BF16);
        }
    }

    @Test
    void aWeightBeyondF16ThatNoAdapterTouchesIsNotWrittenAsInfinity() {
        llama.model().parameters().get("model.norm.weight").segment().setAtIndex(ValueLayout.JAVA_FLOAT, 3, 70_000);
        assertThatThrownBy(() -> NetworkFiles.save(llama.model(), directory, StorageType.F16)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("model.norm.weight", "F16 can hold", "70000");
        assertThat(directory).isEmptyDirectory();
        NetworkFiles.save(llama.model(), directory, StorageType.BF16);
        llama.model().parameters().get("model.norm.weight").segment().setAtIndex(ValueLayout.JAVA_FLOAT, 3, 65_519);
        NetworkFiles.save(llama.model(), directory, StorageType.F16);
    }
}
