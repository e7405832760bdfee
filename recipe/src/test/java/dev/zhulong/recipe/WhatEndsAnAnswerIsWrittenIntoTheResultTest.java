package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The base's EOS is id 3; its template ends a turn with {@code <|turn|>}, id 1. */
class WhatEndsAnAnswerIsWrittenIntoTheResultTest {
    private static final String TEMPLATE = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<|turn|>' + '\\n' }}{% endfor %}"
            + "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

    @TempDir
    static Path shared;
    @TempDir
    Path temporary;

    private Path base;

    @BeforeAll
    static void model() throws IOException {
        TinyRun.run(TinyRun.recipe(TinyRun.texts(shared.resolve("texts"), 20, 1), "train.steps=30", "model.hidden_size=32",
                "data.tokenizer.specials=[\"<|bos|>\", \"<|turn|>\", \"<|other|>\", \"<|eos|>\"]"), shared.resolve("base"));
    }

    @BeforeEach
    void copy() throws IOException {
        base = Files.createDirectories(temporary.resolve("base"));
        for (String name : List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json")) {
            Files.copy(shared.resolve("base").resolve(name), base.resolve(name));
        }
        Files.writeString(base.resolve(ChatTemplate.FILE), TEMPLATE);
    }

    private void finetune(Path run, String row, String... overrides) throws IOException {
        Path rows = Files.write(temporary.resolve("rows.jsonl"), IntStream.range(0, 16).mapToObj(i -> row.replace('\'', '"').replace("%d",
                Integer.toString(i))).toList());
        var all = new ArrayList<>(List.of("model.from=" + base, "data.sources=[{path: \"" + rows + "\"}]", "train.steps=2", "train.batch=4",
                "train.seq=32", "train.lr=1e-2", "adapter.rank=4"));
        all.addAll(List.of(overrides));
        try (var line = ProgressLine.on(new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8))) {
            new FinetuneJob(RecipeReader.defaults(FinetuneRecipe.class, all)).run(run, line, 4L << 30);
        }
    }

    private static List<Integer> ends(Path run) {
        return GenerationConfig.read(run.resolve(GenerationConfig.FILE)).eosIds();
    }

    private static JsonNode json(Path run) throws IOException {
        return new ObjectMapper().readTree(run.resolve(GenerationConfig.FILE).toFile());
    }

    @ParameterizedTest
    @ValueSource(strings = {"full", "lora", "qlora"})
    void theTemplatesMarkBesideTheBasesOwn(String method) throws IOException {
        Path run = temporary.resolve("run");
        finetune(run, "{'instruction': 'ask %d', 'output': 'lit'}", "method=" + method);
        assertThat(ends(run)).containsExactly(3, 1);
        assertThat(run.resolve("tokenizer_config.json")).hasSameBinaryContentAs(base.resolve("tokenizer_config.json"));
    }

    /** As some models' files have it: an added token that is not called special. */
    @Test
    void aMarkThatIsNotCalledSpecialIsOneToo() throws IOException {
        ObjectNode tokenizer = (ObjectNode) new ObjectMapper().readTree(base.resolve("tokenizer.json").toFile());
        ((ObjectNode) tokenizer.at("/added_tokens/1")).put("special", false);
        assertThat(tokenizer.at("/added_tokens/1/content").asText()).isEqualTo("<|turn|>");
        new ObjectMapper().writeValue(base.resolve("tokenizer.json").toFile(), tokenizer);
        Path run = temporary.resolve("run");
        finetune(run, "{'instruction': 'ask %d', 'output': 'lit <b>'}", "method=full");
        assertThat(ends(run)).containsExactly(3, 1);
    }

    @Test
    void preferencePairsLearnItToo() throws IOException {
        Path run = temporary.resolve("run");
        finetune(run, "{'prompt': 'ask %d', 'chosen': 'lit', 'rejected': 'no'}", "method=dpo");
        assertThat(ends(run)).containsExactly(3, 1);
    }

    @Test
    void plainCompletionsEndInEosAlone() throws IOException {
        Path run = temporary.resolve("run");
        finetune(run, "{'prompt': 'ask %d', 'completion': 'lit'}", "method=full");
        assertThat(ends(run)).containsExactly(3);
        assertThat(json(run).path("eos_token_id").isInt()).isTrue();
    }

    /** A turn whose end was cut off ends in whatever stood there. */
    @Test
    void answersThatWereCutOffTeachNoEnd() throws IOException {
        Files.writeString(base.resolve(ChatTemplate.FILE), "{% for m in messages %}{{ m['content'] }}{% if m['role'] == 'assistant' %}"
                + "{% for i in range(60) %}<|other|>{% endfor %}<|turn|>{% endif %}{% endfor %}");
        Path run = temporary.resolve("run");
        finetune(run, "{'instruction': 'ask %d', 'output': 'lit'}", "method=full");
        assertThat(ends(run)).containsExactly(3);
    }

    @Test
    void theMakersAdviceStays() throws IOException {
        Files.writeString(base.resolve(GenerationConfig.FILE), "{\"eos_token_id\": [2, 3], \"pad_token_id\": 2, \"temperature\": 0.6, \"x\": {\"y\": [1]}}");
        Path run = temporary.resolve("run");
        finetune(run, "{'instruction': 'ask %d', 'output': 'lit'}", "method=full");
        assertThat(ends(run)).containsExactly(2, 3, 1);
        assertThat(json(run).path("pad_token_id").asInt()).isEqualTo(2);
        assertThat(json(run).path("temperature").asDouble()).isEqualTo(0.6);
        assertThat(json(run).at("/x/y/0").asInt()).isEqualTo(1);
    }

    @Test
    void aBaseWithoutAdviceHasItsConfigsEnds() throws IOException {
        Files.delete(base.resolve(GenerationConfig.FILE));
        Path run = temporary.resolve("run");
        finetune(run, "{'instruction': 'ask %d', 'output': 'lit'}", "method=full");
        assertThat(ends(run)).containsExactly(3, 1);
    }

    @Test
    void whatIsContinuedKeepsEndsAdviceAndTemplate() throws IOException {
        Files.writeString(base.resolve(GenerationConfig.FILE), "{\"eos_token_id\": 1, \"top_p\": 0.9}");
        Path run = temporary.resolve("run");
        TinyRun.run(TinyRun.recipe(shared.resolve("texts"), "model.from=" + base, "train.steps=2", "train.warmup=0"), run);
        assertThat(ends(run)).containsExactly(1, 3);
        assertThat(json(run).path("top_p").asDouble()).isEqualTo(0.9);
        assertThat(run.resolve(ChatTemplate.FILE)).hasContent(TEMPLATE);
    }

    @Test
    void theMergedModelHasThoseOfBoth() throws IOException {
        Path adapter = temporary.resolve("adapter");
        finetune(adapter, "{'instruction': 'ask %d', 'output': 'lit'}", "method=lora");
        MergeJob.run(base, adapter, temporary.resolve("merged"), StorageType.F32);
        assertThat(ends(temporary.resolve("merged"))).containsExactly(3, 1);
        // an adapter from elsewhere brings a template and no such file
        Files.delete(adapter.resolve(GenerationConfig.FILE));
        Files.delete(base.resolve(ChatTemplate.FILE));
        Files.delete(base.resolve(GenerationConfig.FILE));
        MergeJob.run(base, adapter, temporary.resolve("again"), StorageType.F32);
        assertThat(ends(temporary.resolve("again"))).containsExactly(3, 1);
    }

    @Test
    void generationStopsBehindTheAnswer() throws IOException {
        Path run = temporary.resolve("run");
        finetune(run, "{'instruction': 'ask %d', 'output': 'lit'}", "method=full", "train.steps=60");
        try (ModelDirectory files = ModelDirectory.open(run);
                HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.load(run);
                TorchEngine engine = new TorchEngine(DecoderFiles.load(run))) {
            var options = GenerateOptions.of(20, SamplerOptions.GREEDY);
            int[] prompt = tokenizer.encodeWithControl("<|bos|>user: ask 3<|turn|>\nassistant: ");
            var generator = new Generator(engine, tokenizer);
            assertThat(generator.generate(prompt, options.withStopIds(files.eosIds()), piece -> { }).text().strip()).isEqualTo("lit");
            // with the base's ends alone it runs on
            assertThat(generator.generate(prompt, options, piece -> { }).ids()).hasSizeGreaterThan(5);
        }
    }
}
