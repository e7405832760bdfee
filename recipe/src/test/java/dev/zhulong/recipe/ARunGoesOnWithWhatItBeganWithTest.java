package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ARunGoesOnWithWhatItBeganWithTest {
    @TempDir
    static Path shared;
    @TempDir
    Path temporary;

    private Path base;
    private Path rows;
    private Path run;

    @BeforeAll
    static void models() throws IOException {
        Path texts = TinyRun.texts(shared.resolve("texts"), 12, 1);
        TinyRun.run(TinyRun.recipe(texts, "train.steps=2", "train.warmup=0"), shared.resolve("base"));
        TinyRun.run(TinyRun.recipe(texts, "train.steps=4", "train.warmup=0"), shared.resolve("other"));
    }

    @BeforeEach
    void inputs() throws IOException {
        base = Files.createDirectories(temporary.resolve("base"));
        for (String name : List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
            Files.copy(shared.resolve("base").resolve(name), base.resolve(name));
        }
        rows = Files.write(temporary.resolve("rows.jsonl"), IntStream.range(0, 16).mapToObj(i -> "{\"prompt\": \"lamp " + i
                + "? \", \"completion\": \"lit\"}").toList());
        run = temporary.resolve("run");
    }

    private void finetune(String method) {
        var overrides = new ArrayList<>(List.of("model.from=" + base, "data.sources=[{path: \"" + rows + "\"}]", "train.steps=4", "train.batch=2",
                "train.seq=32", "train.checkpoint_every=2", "method=" + method));
        try (var line = ProgressLine.on(new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8))) {
            new FinetuneJob(RecipeReader.defaults(FinetuneRecipe.class, overrides)).run(run, line, 4L << 30);
        }
    }

    private void pretrain(String... overrides) {
        var all = new ArrayList<>(List.of("train.steps=4", "train.warmup=0", "train.checkpoint_every=2"));
        all.addAll(List.of(overrides));
        TinyRun.run(TinyRun.recipe(shared.resolve("texts"), all.toArray(String[]::new)), run);
    }

    /** As if the run had been stopped before its end. */
    private void stopped() throws IOException {
        Files.delete(run.resolve(Provenance.FILE));
    }

    private void otherWeights(String name) throws IOException {
        Files.copy(shared.resolve("other/model.safetensors"), base.resolve(name), StandardCopyOption.REPLACE_EXISTING);
    }

    @ParameterizedTest
    @ValueSource(strings = {"full", "lora", "qlora"})
    void otherWeightsAreNoticed(String method) throws IOException {
        finetune(method);
        stopped();
        otherWeights("model.safetensors");
        assertThatThrownBy(() -> finetune(method)).hasMessageContainingAll("model.safetensors has changed since this run began", "put it back");
        // put back, as a copy with another time
        Files.copy(shared.resolve("base/model.safetensors"), base.resolve("model.safetensors"), StandardCopyOption.REPLACE_EXISTING);
        finetune(method);
        assertThat(run.resolve(Provenance.FILE)).exists();
    }

    @Test
    void shardsAreWeightsToo() throws IOException {
        shards();
        finetune("lora");
        stopped();
        Path second = base.resolve("model-00002-of-00002.safetensors");
        byte[] bytes = Files.readAllBytes(second);
        byte[] changed = bytes.clone();
        changed[changed.length - 1] ^= 1;
        Files.write(second, changed);
        assertThatThrownBy(() -> finetune("lora")).hasMessageContaining("model-00002-of-00002.safetensors has changed");
        Files.write(second, bytes);
        // a whole file is read instead of the shards
        otherWeights("model.safetensors");
        assertThatThrownBy(() -> finetune("lora")).hasMessageContainingAll("is gone");
        Files.delete(base.resolve("model.safetensors"));
        finetune("lora");
    }

    /** The weights in two files and an index. */
    private void shards() throws IOException {
        Path whole = base.resolve("model.safetensors");
        Map<String, String> map = new TreeMap<>();
        try (SafetensorsFile stored = SafetensorsFile.open(whole)) {
            List<String> names = List.copyOf(stored.tensors().keySet());
            for (int part = 0; part < 2; part++) {
                String file = "model-0000" + (part + 1) + "-of-00002.safetensors";
                var tensors = new ArrayList<SafetensorsWriter.Entry>();
                for (String name : names.subList(part * names.size() / 2, (part + 1) * names.size() / 2)) {
                    map.put(name, file);
                    tensors.add(SafetensorsWriter.Entry.of(stored.tensors().get(name)));
                }
                SafetensorsWriter.write(base.resolve(file), Map.of(), tensors);
            }
        }
        Files.delete(whole);
        new ObjectMapper().writeValue(base.resolve("model.safetensors.index.json").toFile(), new LinkedHashMap<>(Map.of("weight_map", map)));
    }

    @Test
    void whatVanishedOrAppearedIsNoticed() throws IOException {
        Files.writeString(base.resolve("chat_template.jinja"), "{{ messages[0]['content'] }}");
        finetune("lora");
        stopped();
        Files.delete(base.resolve("chat_template.jinja"));
        assertThatThrownBy(() -> finetune("lora")).hasMessageContainingAll("chat_template.jinja was there when this run began and is gone");
        Files.writeString(base.resolve("chat_template.jinja"), "{{ messages[0]['content'] }}");
        Files.delete(base.resolve("tokenizer_config.json"));
        assertThatThrownBy(() -> finetune("lora")).hasMessageContaining("tokenizer_config.json was there");
        Files.copy(shared.resolve("base/tokenizer_config.json"), base.resolve("tokenizer_config.json"));
        Files.delete(base.resolve("model.safetensors"));
        assertThatThrownBy(() -> finetune("lora")).hasMessageContaining("model.safetensors was there");
        Files.copy(shared.resolve("base/model.safetensors"), base.resolve("model.safetensors"));
        Files.writeString(rows, "{\"prompt\": \"x\", \"completion\": \"y\"}\n");
        assertThatThrownBy(() -> finetune("lora")).hasMessageContaining("rows.jsonl has changed");
    }

    @Test
    void aTemplateThatAppearedIsNoticed() throws IOException {
        finetune("lora");
        stopped();
        Files.writeString(base.resolve("chat_template.jinja"), "{{ messages[0]['content'] }}");
        assertThatThrownBy(() -> finetune("lora")).hasMessageContaining("chat_template.jinja was not there when this run began");
    }

    /** A run of an earlier version wrote no weights down. */
    @Test
    void aRunThatKnowsNothingOfWeightsGoesOn() throws IOException {
        finetune("lora");
        stopped();
        var then = new LinkedHashMap<String, Object>();
        new ObjectMapper().readTree(run.resolve("inputs.json").toFile()).properties().stream().filter(e -> e.getValue().isTextual())
                .forEach(e -> then.put(e.getKey(), e.getValue().asText()));
        new ObjectMapper().writeValue(run.resolve("inputs.json").toFile(), then);
        finetune("lora");
    }

    /** Nor all files of the tokenizer. */
    @Test
    void aRunThatKnowsNothingOfTheTokenizersOlderFilesGoesOn() throws IOException {
        Files.writeString(base.resolve("special_tokens_map.json"), "{}");
        finetune("lora");
        stopped();
        var all = new LinkedHashMap<String, Object>();
        var earlier = new LinkedHashMap<String, Object>();
        new ObjectMapper().readTree(run.resolve("inputs.json").toFile()).properties().forEach(e -> {
            if (!e.getKey().endsWith("special_tokens_map.json")) {
                all.put(e.getKey(), e.getValue());
                if (e.getValue().isTextual()) {
                    earlier.put(e.getKey(), e.getValue());
                }
            }
        });
        new ObjectMapper().writeValue(run.resolve("inputs.json").toFile(), all);
        assertThatThrownBy(() -> finetune("lora")).hasMessageContaining("special_tokens_map.json was not there when this run began");
        new ObjectMapper().writeValue(run.resolve("inputs.json").toFile(), earlier);
        finetune("lora");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "adapter.rank=2"})
    void aContinuedRunsBaseIsKnownToo(String adapter) throws IOException {
        List<String> overrides = new ArrayList<>(List.of("model.from=" + base));
        if (!adapter.isEmpty()) {
            overrides.add(adapter);
        }
        pretrain(overrides.toArray(String[]::new));
        stopped();
        otherWeights("model.safetensors");
        assertThatThrownBy(() -> pretrain(overrides.toArray(String[]::new))).hasMessageContaining("model.safetensors has changed");
        Files.delete(base.resolve("model.safetensors"));
        assertThatThrownBy(() -> pretrain(overrides.toArray(String[]::new))).hasMessageContaining("is gone");
    }

    /** Text that is read at the start alone may go; shards are read until the end. */
    @Test
    void shardsOfOthersAreKnownToo() throws IOException {
        Path prepared = temporary.resolve("prepared");
        Path others = temporary.resolve("others");
        try (PreparedData data = TinyRun.data(TinyRun.recipe(shared.resolve("texts")), prepared)) {
            String tokenizer = "data.tokenizer.path=" + data.tokenizerDirectory();
            try (PreparedData other = TinyRun.data(TinyRun.recipe(TinyRun.texts(temporary.resolve("texts"), 9, 2), tokenizer), others)) {
                assertThat(other.inputs()).isNotEmpty();
            }
            String[] overrides = {"data.inputs=[]", "data.shards=" + prepared.resolve("shards"), tokenizer};
            pretrain(overrides);
            stopped();
            for (String side : List.of("train", "validation")) {
                try (var files = Files.list(others.resolve("shards").resolve(side))) {
                    for (Path file : files.toList()) {
                        Files.copy(file, prepared.resolve("shards").resolve(side).resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
                    }
                }
            }
            assertThatThrownBy(() -> pretrain(overrides)).hasMessageContaining("shards.json has changed since this run began");
        }
    }

    @Test
    void recipesDifferBothWays() throws IOException {
        Path texts = shared.resolve("texts");
        RunDirectory.open(run, TinyRun.recipe(texts, "replay.inputs=[\"" + texts + "\"]", "train.final_lr=1e-4").absolute()).close();
        assertThatThrownBy(() -> RunDirectory.open(run, TinyRun.recipe(texts, "train.final_lr=1e-4").absolute())).hasMessageContaining("replay is {")
                .hasMessageContaining("and null here");
        Files.writeString(run.resolve("recipe.yaml"), Files.readString(run.resolve("recipe.yaml")) + "later:\n  field: 3\n");
        assertThatThrownBy(() -> RunDirectory.open(run, TinyRun.recipe(texts, "replay.inputs=[\"" + texts + "\"]", "train.final_lr=1e-4").absolute()))
                .hasMessageContaining("later is {field=3} there and null here");
    }

    @Test
    void aFinetuningIsKnownByAllOfItsRecipe() throws IOException {
        Files.createDirectories(run);
        Path recipe = run.resolve("recipe.yaml");
        Files.writeString(recipe, RecipeReader.toYaml(RecipeReader.defaults(FinetuneRecipe.class, List.of())));
        assertThat(RunDirectory.kind(run).equals(FinetuneRecipe.KIND)).isTrue();
        Files.writeString(recipe, "seed: 1\nmethod: halving\ntrials: 3\n");
        assertThat(RunDirectory.kind(run).equals(FinetuneRecipe.KIND)).isFalse();
        Files.writeString(recipe, RecipeReader.toYaml(TinyRun.recipe(shared.resolve("texts"))) + "# \nmethod:\n");
        assertThat(RunDirectory.kind(run).equals(FinetuneRecipe.KIND)).isFalse();
        Files.writeString(recipe, "a: [\n");
        assertThatThrownBy(() -> RunDirectory.kind(run).equals(FinetuneRecipe.KIND)).hasMessageContaining("is not the recipe of a run");
    }

    @Test
    void eachSourceAloneHasADirectoryOfItsOwn() {
        List<String> names = List.of("a b", "a/b", "a_b", "boats", "A_B", "..", ".", "灯塔", "灯 塔", "x".repeat(300), "x".repeat(299) + "/", "con.", "é", "e\u0301", "-");
        List<String> directories = names.stream().map(name -> FinetuneRun.directoryOf(name, names)).toList();
        assertThat(directories.stream().map(String::toLowerCase)).doesNotHaveDuplicates();
        assertThat(directories).allSatisfy(name -> assertThat(name).matches("[A-Za-z0-9_+.-]{1,100}").doesNotStartWith("."));
        assertThat(directories.get(names.indexOf("boats"))).isEqualTo("boats");
    }
}
