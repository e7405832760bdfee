package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWriter;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.infer.open.OpenEncoderDecoder;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.NetworkFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An encoder–decoder of T5's family as GGUF: its logits are those of the directory, and llama.cpp is given only what it computes. */
class T5ComesBackFromGgufTest {
    private static final CpuOptions OPTIONS = CpuOptions.of(1).withCache(KvPages.Format.F32);
    private static final String SIZES = "\"vocab_size\": 50, \"d_model\": 24, \"d_kv\": 8, \"d_ff\": 40, \"num_layers\": 2, \"num_heads\": 4,"
            + " \"relative_attention_num_buckets\": 8, \"decoder_start_token_id\": 3, \"eos_token_id\": 1, \"pad_token_id\": 0, \"is_encoder_decoder\": true";

    @TempDir
    Path directory;

    private Path model(String more) throws IOException {
        Path config = Files.writeString(directory.resolve("config.json"), "{" + SIZES + ", " + more.replace('\'', '"') + "}");
        try (EncoderDecoder random = EncoderDecoder.random((EncoderDecoderSpec) HfConfig.network(config), 5)) {
            NetworkFiles.save(random, directory, StorageType.F32);
        }
        return directory;
    }

    private Path gguf(Path model) {
        Path file = directory.resolve("model.gguf");
        try (ModelDirectory files = ModelDirectory.open(model)) {
            var spec = (EncoderDecoderSpec) files.network();
            GgufExport.write(file, spec.withScaledNorm(), GgufExport.withScaledNorm(spec, files.weights()::get), Map.of("tokenizer.ggml.eos_token_id", GgufValue.of(1)), "small", GgufType.F32);
        }
        return file;
    }

    private static float[] logits(CpuEncoderDecoder model) {
        try (model; KvCache cache = model.newCache(8, new int[] {7, 30, 2, 9, 11, 1})) {
            return model.forward(List.of(new Span(cache, new int[] {3, 20, 41, 5}, Logits.ALL))).getFirst();
        }
    }

    private static float[] ofDirectory(Path model) {
        try (ModelDirectory files = ModelDirectory.open(model)) {
            return logits(CpuEncoderDecoder.load(files, Optional.empty(), OPTIONS));
        }
    }

    private static float[] ofFile(Path file) {
        try (GgufModel open = GgufModel.open(file)) {
            return logits(CpuEncoderDecoder.load(open, OPTIONS));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "'model_type': 't5' | t5",
        "'model_type': 't5', 'feed_forward_proj': 'gated-gelu', 'tie_word_embeddings': false | t5",
        "'model_type': 'mt5', 'feed_forward_proj': 'gated-gelu' | t5",
        "'model_type': 't5', 'relative_attention_max_distance': 16 | t5-zhulong",
        "'model_type': 't5', 'num_decoder_layers': 3 | t5-zhulong",
        "'model_type': 't5', 'feed_forward_proj': 'gelu' | t5-zhulong"})
    void itsLogitsAreThoseOfTheDirectory(String more, String architecture) throws IOException {
        Path model = model(more);
        Path file = gguf(model);
        float[] expected = ofDirectory(model);
        assertThat(ofFile(file)).containsExactly(expected, within(2e-6f));
        try (GgufFile open = GgufFile.open(file)) {
            assertThat(open.metadata().architecture()).isEqualTo(architecture);
            assertThat(open.metadata().values()).containsEntry(architecture + ".attention.relative_buckets_count", GgufValue.of(8))
                    .containsEntry(architecture + ".decoder_start_token_id", GgufValue.of(3));
            assertThat(open.tensors()).containsKeys("enc.blk.0.attn_rel_b.weight", "dec.blk.1.cross_attn_q.weight", "dec.output_norm.weight");
        }
        assertThat(OpenEncoderDecoder.isEncoderDecoder(file)).isTrue();
        try (OpenEncoderDecoder opened = OpenEncoderDecoder.load(file, EngineChoice.DEFAULT.withThreads(1))) {
            assertThat(opened.searchOptions().start()).isEqualTo(3);
            assertThat(opened.searchOptions().eos()).containsExactly(1);
        }
    }

    /** Without the key of ours, a file is what llama.cpp's converter would have written: the first T5's scale their logits, which it does not say. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"'model_type': 't5', 'feed_forward_proj': 'gated-gelu', 'tie_word_embeddings': false | 1", "'model_type': 't5' | 0.20412415"})
    void aFileOfAnotherProgramIsReadByItsKeys(String more, float scale) throws IOException {
        Path model = model(more);
        Path plain = directory.resolve("plain.gguf");
        try (GgufFile file = GgufFile.open(gguf(model))) {
            var metadata = new LinkedHashMap<>(file.metadata().values());
            metadata.remove("zhulong.config");
            List<GgufWriter.Entry> entries = new ArrayList<>();
            file.tensors().values().forEach(each -> entries.add(new GgufWriter.Entry(each.name(), each.type(), each.shape(), each::data)));
            GgufWriter.write(plain, metadata, entries);
        }
        float[] expected = ofDirectory(model);
        for (int i = 0; i < expected.length; i++) {
            expected[i] *= scale;
        }
        assertThat(ofFile(plain)).containsExactly(expected, within(2e-6f));
    }

    @Test
    void whoNeedsADecoderIsTold() throws IOException {
        Path file = gguf(model("'model_type': 't5'"));
        assertThatThrownBy(() -> ModelFiles.open(file, EngineChoice.DEFAULT)).isInstanceOf(FormatException.class).hasMessageContaining("T5 is an encoder–decoder");
    }
}
