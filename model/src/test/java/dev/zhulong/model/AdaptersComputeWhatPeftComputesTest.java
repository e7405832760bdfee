package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Traps 34, 37, 40, 41 and 92: scales, transposed weights, merging, and adapters that would be passed over. */
class AdaptersComputeWhatPeftComputesTest {
    private static final Path FILES = Path.of("src/test/resources/peft");
    private static final int[] IDS = {3, 17, 5, 29, 11, 2, 8, 23};
    /** What decoders behind an encoder read. */
    private static final int[] TARGET = {2, 7, 31, 4, 19};

    @TempDir
    Path temporary;

    private static Decoder base(String adapter) {
        return DecoderFiles.load(FILES.resolve(adapter.substring(0, adapter.indexOf('-'))));
    }

    private static float[] logits(Decoder model) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return model.logits(Tensor.of(IDS, 1, IDS.length)).toFloats();
        }
    }

    private static float[] expected(String name) {
        try (SafetensorsFile file = SafetensorsFile.open(FILES.resolve("logits.safetensors"))) {
            return file.tensor(name).toFloats();
        }
    }

    private static double difference(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        double most = 0;
        for (int i = 0; i < a.length; i++) {
            most = Math.max(most, Math.abs(a[i] - b[i]));
        }
        return most;
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama-lora", "llama-rslora", "llama-dora", "llama-pattern", "gpt2-lora", "gpt2-dora"})
    void onTheModelOffItAndMerged(String name) throws IOException {
        try (Decoder model = base(name); LoraAdapter adapter = LoraAdapter.load(FILES.resolve(name), model)) {
            float[] plain = logits(model);
            assertThat(difference(plain, expected(name.substring(0, name.indexOf('-'))))).isLessThan(1e-5);
            model.attach(adapter);
            float[] adapted = logits(model);
            assertThat(difference(adapted, expected(name))).isLessThan(1e-5);
            assertThat(difference(adapted, plain)).as("an adapter that is not applied").isGreaterThan(0.1);
            try (var off = model.withoutAdapter()) {
                assertThat(logits(model)).isEqualTo(plain);
            }
            assertThat(logits(model)).isEqualTo(adapted);

            adapter.save(temporary, StorageType.F32);
            assertThat(Files.readAllBytes(temporary.resolve(LoraConfig.WEIGHTS))).isEqualTo(Files.readAllBytes(FILES.resolve(name).resolve(LoraConfig.WEIGHTS)));
            assertThat(LoraConfig.read(temporary)).isEqualTo(LoraConfig.read(FILES.resolve(name)));

            LoraMerge merge = LoraMerge.fold(model, adapter, StorageType.F32);
            assertThat(merge.tensors()).isEqualTo(adapter.modules().size());
            assertThat(difference(logits(model), adapted)).isLessThan(1e-5);
            assertThat(model.adapter()).isEmpty();
        }
    }

    private static float[] head(Network model) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return switch (model) {
                case EncoderDecoder both -> both.logits(both.states(IDS, null, TARGET, 1)).toFloats();
                case Encoder encoder -> {
                    Tensor states = encoder.states(IDS, new int[IDS.length], null, 1);
                    yield (encoder.spec().outputs() == 0 ? states : encoder.logits(states)).toFloats();
                }
                default -> throw new AssertionError(model);
            };
        }
    }

    /** Some bases have no head of the adapter's kind; it comes with the adapter, whole. */
    @ParameterizedTest
    @ValueSource(strings = {"t5", "bart", "mbart", "marian", "m2m100", "bert", "roberta", "distilbert", "deberta", "modernbert", "longformer"})
    void inTheWeightsOfEncodersAndEncoderDecodersAndOnThem(String name) throws IOException {
        Path directory = FILES.resolve(name + "-lora");
        float[] expected;
        try (SafetensorsFile file = SafetensorsFile.open(FILES.resolve("heads.safetensors"))) {
            expected = file.tensor(name).toFloats();
        }
        try (ModelDirectory adapted = ModelDirectory.open(FILES.resolve(name), Optional.of(directory)); Network merged = NetworkFiles.load(adapted)) {
            assertThat(difference(head(merged), expected)).isLessThan(2e-5);
        }
        try (Network model = NetworkFiles.loadBase(FILES.resolve(name), directory); LoraAdapter adapter = LoraAdapter.load(directory, model)) {
            float[] plain = head(model);
            model.attach(adapter);
            float[] with = head(model);
            assertThat(difference(with, expected)).isLessThan(2e-5);
            assertThat(difference(plain, with)).as("an adapter that is not applied").isGreaterThan(0.1);
            try (var off = model.withoutAdapter()) {
                assertThat(head(model)).isEqualTo(plain);
            }
            adapter.save(temporary, StorageType.F32);
            assertThat(Files.readAllBytes(temporary.resolve(LoraConfig.WEIGHTS))).isEqualTo(Files.readAllBytes(directory.resolve(LoraConfig.WEIGHTS)));
            assertThat(LoraConfig.read(temporary)).isEqualTo(LoraConfig.read(directory));
            LoraMerge.fold(model, adapter, StorageType.F32);
            assertThat(difference(head(model), with)).isLessThan(2e-5);
            NetworkFiles.save(model, temporary, StorageType.F32);
        }
        try (Network written = NetworkFiles.load(temporary)) {
            assertThat(difference(head(written), expected)).isLessThan(2e-5);
        }
    }

    @Test
    void whatIsTrainedOfAHeadIsNamedAsPeftNamesIt() {
        assertThat(trained("bert").whole()).containsExactly("pooler", "classifier");
        assertThat(trained("roberta").whole()).containsExactly("classifier");
        assertThat(trained("distilbert").whole()).containsExactly("qa_outputs");
        assertThat(trained("deberta").task()).contains(LoraConfig.Task.TOKEN_CLS);
        assertThat(trained("modernbert").whole()).containsExactly("head", "classifier");
        assertThat(trained("longformer").whole()).isEmpty();
        assertThat(trained("bert").targets()).containsExactly("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense",
                "output.dense");
        assertThat(trained("t5").targets()).contains("SelfAttention.q", "EncDecAttention.v", "DenseReluDense.wi_0").doesNotContain("lm_head");
    }

    private static LoraConfig trained(String name) {
        try (Network model = NetworkFiles.loadBase(FILES.resolve(name), FILES.resolve(name + "-lora"));
                LoraAdapter fresh = LoraAdapter.create(model, LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR), 1)) {
            assertThat(fresh.modules()).isEqualTo(NetworkFiles.projections(model.spec()));
            assertThat(fresh.count()).isEqualTo(LoraAdapter.count(model.spec(), LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR)));
            float[] plain = head(model);
            model.attach(fresh);
            assertThat(head(model)).isEqualTo(plain);
            return fresh.config();
        }
    }

    @Test
    void anAdapterOfAnotherEncoderIsRefused() {
        assertThatThrownBy(() -> ModelDirectory.open(FILES.resolve("bert"), Optional.of(FILES.resolve("roberta-lora")))).isInstanceOf(FormatException.class)
                .hasMessageContaining("roberta-lora");
        assertThatThrownBy(() -> ModelDirectory.open(FILES.resolve("bert"), Optional.of(FILES.resolve("t5-lora")))).hasMessageContaining("SEQ_2_SEQ_LM");
        assertThatThrownBy(() -> ModelDirectory.open(FILES.resolve("t5-lora"))).hasMessageContaining("adapter");
    }

    @Test
    void aFreshAdapterChangesNothingToTheBit() {
        for (String name : List.of("llama-lora", "gpt2-lora")) {
            for (boolean dora : List.of(false, true)) {
                try (Decoder model = base(name);
                        LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR).withDora(dora), 1)) {
                    float[] plain = logits(model);
                    model.attach(adapter);
                    assertThat(difference(logits(model), plain)).isLessThan(dora ? 1e-6 : 1e-12);
                    assertThat(adapter.changesNothing()).isEqualTo(!dora);
                }
            }
        }
    }

    @Test
    void theSameSeedGivesTheSameAdapterAndItsRankItsSize() {
        try (Decoder model = base("llama-lora");
                LoraAdapter one = LoraAdapter.create(model, LoraConfig.of(4, 8, "q_proj", "v_proj"), 5);
                LoraAdapter same = LoraAdapter.create(model, LoraConfig.of(4, 8, "q_proj", "v_proj"), 5);
                LoraAdapter other = LoraAdapter.create(model, LoraConfig.of(4, 8, "q_proj", "v_proj"), 6)) {
            String a = "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight";
            assertThat(one.parameters().get(a).toFloats()).isEqualTo(same.parameters().get(a).toFloats());
            assertThat(one.parameters().get(a).toFloats()).isNotEqualTo(other.parameters().get(a).toFloats());
            // q is 16 -> 16 and v 16 -> 8, in two layers
            assertThat(one.count()).isEqualTo(2 * 4 * (16 + 16 + 16 + 8));
        }
    }

    @Test
    void scalesAreAlphaOverTheRankOrItsRootOfTheModule() {
        var pattern = LoraConfig.read(FILES.resolve("llama-pattern"));
        assertThat(pattern.scale("model.layers.0.self_attn.q_proj")).isEqualTo(3.0 / 2);
        assertThat(pattern.scale("model.layers.1.self_attn.k_proj")).isEqualTo(8.0 / 3);
        assertThat(pattern.scale("model.layers.0.self_attn.k_proj")).isEqualTo(8.0 / 4);
        assertThat(pattern.scale("model.layers.1.mlp.down_proj")).isEqualTo(5.0 / 4);
        assertThat(LoraConfig.read(FILES.resolve("llama-rslora")).scale("x")).isEqualTo(6 / Math.sqrt(4));
    }

    @Test
    void aMergeThatRoundingWouldEraseIsRefusedAndChangesNothing() {
        try (Decoder model = base("llama-lora"); LoraAdapter adapter = LoraAdapter.load(FILES.resolve("llama-lora"), model)) {
            try (var off = NoGrad.open()) {
                adapter.parameters().forEach((name, t) -> {
                    if (name.contains("lora_B")) {
                        t.mul_(1e-4);
                    }
                });
            }
            float[] plain = logits(model);
            assertThatThrownBy(() -> LoraMerge.fold(model, adapter, StorageType.BF16)).hasMessageContaining("would lose").hasMessageContaining("F32");
            assertThat(logits(model)).isEqualTo(plain);
            assertThat(LoraMerge.fold(model, adapter, StorageType.F32).erased()).isZero();
        }
    }

    @Test
    void whatHasNoPlaceIsRefusedByName() throws IOException {
        List<String> messages = new ArrayList<>();
        try (Decoder llama = base("llama-lora"); Decoder gpt2 = base("gpt2-lora")) {
            assertThatThrownBy(() -> LoraAdapter.load(FILES.resolve("llama-head"), llama)).isInstanceOf(FormatException.class)
                    .hasMessageContaining("lm_head");
            assertThatThrownBy(() -> LoraAdapter.load(FILES.resolve("llama-lora"), gpt2)).hasMessageContaining("self_attn");
            assertThatThrownBy(() -> LoraAdapter.create(llama, LoraConfig.of(4, 8, "c_attn"), 1)).hasMessageContaining("q_proj");
            assertThatThrownBy(() -> LoraAdapter.load(FILES.resolve("llama"), llama)).hasMessageContaining("adapter_config.json");
            String config = Files.readString(FILES.resolve("llama-lora/adapter_config.json"));
            String[][] changes = {{"\"r\": 4", "\"r\": 8"}, {"\"bias\": \"none\"", "\"bias\": \"all\""}, {"\"LORA\"", "\"IA3\""},
                    {"\"use_dora\": false", "\"use_dora\": true"}, {"\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]"},
                    {"\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa\""}};
            Files.copy(FILES.resolve("llama-lora/adapter_model.safetensors"), temporary.resolve(LoraConfig.WEIGHTS));
            for (String[] change : changes) {
                assertThat(config).contains(change[0]);
                Files.writeString(temporary.resolve(LoraConfig.FILE), config.replace(change[0], change[1]));
                assertThatThrownBy(() -> LoraAdapter.load(temporary, llama)).as(change[1]).isInstanceOf(FormatException.class)
                        .satisfies(e -> messages.add(e.getMessage()));
            }
        }
        assertThat(messages).hasSize(6).doesNotHaveDuplicates().noneMatch(m -> m.contains("\n"));
    }

    @Test
    void hostileConfigurationsAreOneError() throws IOException {
        for (String text : List.of("", "[]", "{", "{\"peft_type\": \"LORA\"}", "{\"peft_type\": \"LORA\", \"r\": -1, \"target_modules\": [\"q\"], \"lora_alpha\": 1}",
                "{\"peft_type\": \"LORA\", \"r\": 1, \"target_modules\": \"(\", \"lora_alpha\": 1}",
                "{\"peft_type\": \"LORA\", \"r\": 1, \"target_modules\": [\"q\"], \"lora_alpha\": \"x\"}")) {
            Files.writeString(temporary.resolve(LoraConfig.FILE), text);
            assertThatThrownBy(() -> LoraConfig.read(temporary)).as(text).isInstanceOf(FormatException.class);
        }
    }

    /** As when a loss is NaN and training stops: inputs kept for the gradients of adapters go with the graph. */
    @Test
    void aForwardPassWithoutBackwardLeavesNothingBehind() {
        DecoderSpec spec = SpecDraft.of(Family.of("llama")).build();
        try (Decoder model = Decoder.random(spec, 1); LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, LoraConfig.ALL_LINEAR), 1)) {
            model.attach(adapter);
            model.requiresGrad(true);
            int[] ids = LoudDecoder.ids(spec, 64, 1);
            forward(model, ids, true);
            long before = Libtorch.nativeObjects();
            for (int i = 0; i < 5; i++) {
                forward(model, ids, false);
            }
            assertThat(Libtorch.nativeObjects()).isLessThanOrEqualTo(before);
            // and the next pass still learns
            float[] first = forward(model, ids, true);
            assertThat(forward(model, ids, true)).isEqualTo(first);
            assertThat(first).isNotEqualTo(new float[first.length]);
        }
    }

    private static float[] forward(Decoder model, int[] ids, boolean backward) {
        try (var scope = TensorScope.open()) {
            Tensor loss = model.logits(Tensor.of(ids, 1, ids.length)).square().sum();
            if (!backward) {
                return null;
            }
            loss.backward();
            Tensor b = model.trainable().entrySet().stream().filter(e -> e.getKey().contains("lora_B")).findFirst().orElseThrow().getValue();
            float[] gradient = b.grad().toFloats();
            model.trainable().values().forEach(Tensor::clearGrad);
            return gradient;
        }
    }
}
