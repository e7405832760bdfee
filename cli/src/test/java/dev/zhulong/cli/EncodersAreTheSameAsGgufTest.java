package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code quantize} of an encoder to GGUF, and what the verbs say of the file: the same as of the directory. */
@Timeout(60)
class EncodersAreTheSameAsGgufTest {
    private static final String[] WORDS = {"the", "film", "was", "good", "bad", "where", "?", "##s"};

    @TempDir
    Path directory;

    private Path gguf(Path model, String type) {
        Path file = directory.resolve(type + ".gguf");
        Cli.run("quantize", "--model", model, "--to", type, "--out", file).done();
        return file;
    }

    private static GgufMetadata keys(Path file) {
        try (GgufFile open = GgufFile.open(file)) {
            return open.metadata();
        }
    }

    private static String vectors(Path model) {
        return Cli.run("embed", "--model", model, "--text", "the films was good", "--text", "where ?").done().out();
    }

    @ParameterizedTest
    @ValueSource(strings = {"bert", "roberta", "xlm-roberta", "distilbert", "modernbert"})
    void vectorsAndScoresAreThoseOfTheDirectory(String family) throws IOException {
        Path model = TinyEncoder.of(directory.resolve("model"), family, WORDS);
        Path file = gguf(model, "f32");
        // a bare directory says nothing of lengths, so neither does its file
        assertThat(vectors(file)).isEqualTo(vectors(model));
        assertThat(keys(file).architecture()).isEqualTo(family.equals("modernbert") ? "modern-bert" : "bert");

        Path scoring = TinyEncoder.scoringOf(directory.resolve("scoring"), family, WORDS);
        Path scores = directory.resolve("scores.gguf");
        Cli.run("quantize", "--model", scoring, "--to", "f32", "--out", scores).done();
        Path documents = Files.write(directory.resolve("documents.txt"), List.of("the film was good", "bad film", "where was the film ?"));
        assertThat(Cli.run("rerank", "--model", scores, "--query", "where ?", documents).done().out())
                .isEqualTo(Cli.run("rerank", "--model", scoring, "--query", "where ?", documents).done().out());
    }

    @Test
    void whatADirectorySaysOfItsVectorsGoesAlong() throws IOException {
        Path model = TinyEncoder.write(directory.resolve("model"), WORDS);
        Files.createDirectories(model.resolve("1_Pooling"));
        Files.writeString(model.resolve("1_Pooling/config.json"), "{\"word_embedding_dimension\": 32, \"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": false}");
        Files.writeString(model.resolve("sentence_bert_config.json"), "{\"max_seq_length\": 5, \"do_lower_case\": false}");
        Files.writeString(model.resolve("config_sentence_transformers.json"), "{\"prompts\": {\"query\": \"where \"}, \"default_prompt_name\": \"query\", \"similarity_fn_name\": \"dot\"}");
        Files.writeString(model.resolve("modules.json"), """
                [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                 {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]""");
        Path file = gguf(model, "f32");
        assertThat(vectors(file)).isEqualTo(vectors(model));
        assertThat(keys(file).values()).containsEntry("bert.pooling_type", GgufValue.of(2)).containsEntry("tokenizer.ggml.bos_token_id", GgufValue.of(2))
                .containsEntry("tokenizer.ggml.seperator_token_id", GgufValue.of(3));
    }

    @ParameterizedTest
    @CsvSource({"classify, bert", "tags, bert-zhulong", "qa, bert-zhulong"})
    void aHeadThatLlamaCppLacksHasAnArchitectureOfOurs(String task, String architecture) throws IOException {
        Path base = TinyEncoder.write(directory.resolve("base"), WORDS);
        Path rows = switch (task) {
            case "classify" -> Files.writeString(directory.resolve("rows.csv"), "text,label\nthe film was good,yes\nthe bad film,no\ngood film,yes\n");
            case "tags" -> Files.writeString(directory.resolve("rows.conll"), "the O\nfilm B-X\n\ngood O\nfilm B-X\n\nthe O\n\n");
            default -> Files.writeString(directory.resolve("rows.jsonl"), "{\"context\": \"the film was good\", \"question\": \"where ?\", \"answers\": [{\"text\": \"film\", \"answer_start\": 4}]}\n"
                    .repeat(3));
        };
        Path run = directory.resolve("run");
        Cli.run("finetune", "--task", task, "--model", base, "--data", rows, "--held-out", rows, "--steps", "1", "--batch", "2", "--out", run).done();
        Path file = gguf(run, "f32");
        assertThat(keys(file).architecture()).isEqualTo(architecture);
        // against what the torch engine computes from the directory
        Path inputs = directory.resolve("inputs.safetensors");
        try (var ids = Arena.ofConfined()) {
            var row = ids.allocate(8 * 6, 8);
            for (int i = 0; i < 6; i++) {
                row.setAtIndex(ValueLayout.JAVA_LONG, i, i + 2);
            }
            SafetensorsWriter.write(inputs, Map.of(), List.of(SafetensorsWriter.Entry.of("input_ids",
                    StorageType.I64, new long[] {1, 6}, row)));
        }
        Path golden = directory.resolve("golden.safetensors");
        Cli.run("verify", "--model", run, "--golden", inputs, "--out", golden).done();
        Path both = directory.resolve("both.safetensors");
        join(inputs, golden, both);
        assertThat(Cli.run("verify", "--engine", "cpu", "--model", file, "--golden", both).done().out()).contains("logits").contains("difference").doesNotContain("TOO FAR");
    }

    private static void join(Path inputs, Path outputs, Path to) {
        try (var one = SafetensorsFile.open(inputs); var other = SafetensorsFile.open(outputs)) {
            var all = new ArrayList<SafetensorsWriter.Entry>();
            for (var file : List.of(one, other)) {
                file.tensors().values().forEach(view -> all.add(SafetensorsWriter.Entry.of(view)));
            }
            SafetensorsWriter.write(to, Map.of(), all);
        }
    }

    @Test
    void eightBitsTurnVectorsLittle() throws IOException {
        Path model = TinyEncoder.write(directory.resolve("model"), WORDS);
        Path texts = Files.writeString(directory.resolve("texts.txt"), "the film was good\nwhere ?\nbad bad film\n");
        Path file = directory.resolve("small.gguf");
        String line = Cli.run("quantize", "--model", model, "--to", "q8_0", "--out", file, "--text", texts).done().out();
        assertThat(line).containsPattern("cosines of 3 vectors before and after: mean (1\\.0|0\\.99)\\d+, least (1\\.0|0\\.99)");
        try (GgufFile open = GgufFile.open(file)) {
            assertThat(open.tensor("blk.0.attn_q.weight").type()).isEqualTo(GgufType.Q8_0);
            assertThat(open.tensor("token_types.weight").type()).isEqualTo(GgufType.F32);
            assertThat(open.tensor("position_embd.weight").type()).isEqualTo(GgufType.F32);
        }
        // and once more from a file
        Path again = directory.resolve("again.gguf");
        Cli.run("quantize", "--model", gguf(model, "f32"), "--to", "q8_0", "--out", again).done();
        assertThat(vectors(again)).isEqualTo(vectors(file));
    }

    @Test
    void whatGgufHasNoPlaceForIsNamed() throws IOException {
        Path deberta = TinyEncoder.of(directory.resolve("deberta"), "deberta-v2", WORDS);
        Cli refused = Cli.run("quantize", "--model", deberta, "--to", "f32", "--out", directory.resolve("no.gguf"));
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err()).contains("a model of the family deberta-v2 cannot be written as GGUF");

        Path model = TinyEncoder.write(directory.resolve("model"), WORDS);
        var tokenizer = (ObjectNode) JsonFields.MAPPER.readTree(model.resolve("tokenizer.json").toFile());
        ((ObjectNode) tokenizer.path("normalizer")).put("clean_text", false);
        Files.writeString(model.resolve("tokenizer.json"), tokenizer.toString());
        assertThat(Cli.run("quantize", "--model", model, "--to", "f32", "--out", directory.resolve("no.gguf")).err()).contains("its tokenizer cannot be written as GGUF");
        assertThat(directory.resolve("no.gguf")).doesNotExist();
    }
}
