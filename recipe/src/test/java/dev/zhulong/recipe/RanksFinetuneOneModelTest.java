package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.tensor.FastProducts;
import dev.zhulong.train.DataParallel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Ranks with a batch each end in the bits of one process with as many batches, whatever is trained. */
class RanksFinetuneOneModelTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);

    @TempDir
    static Path shared;
    @TempDir
    Path temporary;

    private static Path base;
    private static Path rows;
    private static Path pairs;

    @BeforeAll
    static void model() throws IOException {
        base = shared.resolve("base");
        TinyRun.run(TinyRun.recipe(TinyRun.texts(shared.resolve("texts"), 20, 1), "train.steps=10"), base);
        rows = Files.write(shared.resolve("lamps.jsonl"), IntStream.range(0, 40).mapToObj(i -> "{\"prompt\": \"lamp " + i + "? \", \"completion\": \"it was lit\"}").toList());
        pairs = Files.write(shared.resolve("pairs.jsonl"), IntStream.range(0, 40)
                .mapToObj(i -> "{\"prompt\": \"lamp " + i + "? \", \"chosen\": \"it was lit\", \"rejected\": \"it was\"}").toList());
    }

    private static FinetuneRecipe recipe(String method, int accumulation, String... more) {
        List<String> all = new ArrayList<>(List.of("model.from=" + base, "method=" + method, "train.steps=6", "train.batch=2", "train.seq=32", "train.lr=3e-2", "train.checkpoint_every=3",
                "train.sample_every=0", "adapter.rank=4", "train.accumulation=" + accumulation, "data.sources=[{path: \"" + (method.equals("dpo") ? pairs : rows) + "\"}]"));
        all.addAll(List.of(more));
        return RecipeReader.defaults(FinetuneRecipe.class, all);
    }

    @ParameterizedTest
    @CsvSource({"full,2,model.safetensors", "lora,3,adapter_model.safetensors", "qlora,2,adapter_model.safetensors", "dpo,2,adapter_model.safetensors"})
    void withAnyMethod(String method, int size, String file) throws Exception {
        areOne(recipe(method, size), size, file);
    }

    /** Samples and evaluations on the way are rank 0's, which has not all weights then. */
    @ParameterizedTest
    @CsvSource({"full,2,3,model.safetensors", "full,3,1,model.safetensors", "lora,3,3,adapter_model.safetensors", "lora,2,2,adapter_model.safetensors",
        "qlora,2,2,adapter_model.safetensors", "dpo,2,3,adapter_model.safetensors"})
    void withAnyPartOfTheStateShared(String method, int size, int zero, String file) throws Exception {
        areOne(recipe(method, size, "train.zero=" + zero, "train.evaluate_every=2", "train.sample_every=4", "train.sample_tokens=5"), size, file);
    }

    @Test
    void aQuantizedBaseIsNotSharedOut() {
        assertThatThrownBy(() -> areOne(recipe("qlora", 2, "train.zero=3"), 2, "adapter_model.safetensors")).hasMessageContaining("train.zero=3").hasMessageContaining("train.zero=1 or 2");
    }

    private void areOne(FinetuneRecipe recipe, int size, String... files) throws Exception {
        // ranks that are threads share libtorch's setting: a rank that is still training changed the last digits of what another evaluates
        try (var fast = FastProducts.open()) {
            endInOne(recipe, size, files);
        }
    }

    private void endInOne(FinetuneRecipe recipe, int size, String... files) throws Exception {
        Path alone = temporary.resolve("alone");
        new FinetuneJob(recipe).run(alone, Progress.SILENT);
        Path together = temporary.resolve("together");
        try (var threads = Executors.newFixedThreadPool(size); var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, refused -> {})) {
            List<Future<?>> runs = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                var group = new Group(i, size, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", KEY, Duration.ofSeconds(30));
                runs.add(threads.submit(() -> {
                    try (var ranks = new DataParallel(Collectives.join(group, refused -> {}))) {
                        new FinetuneJob(recipe).among(ranks).run(together, Progress.SILENT);
                    }
                    return null;
                }));
            }
            for (Future<?> run : runs) {
                run.get(3, TimeUnit.MINUTES);
            }
        }
        for (String file : files) {
            assertThat(together.resolve(file)).hasSameBinaryContentAs(alone.resolve(file));
        }
        assertThat(together.resolve("evaluation.json")).hasSameBinaryContentAs(alone.resolve("evaluation.json"));
    }

    /** Each of which goes on where it stopped, too. */
    @Test
    void withAnAdapterForEachSource() throws Exception {
        Path more = Files.write(temporary.resolve("stones.jsonl"), IntStream.range(0, 20).mapToObj(i -> "{\"prompt\": \"stone " + i + "? \", \"completion\": \"it was cold\"}").toList());
        areOne(recipe("lora", 2, "data.sources=[{path: \"" + rows + "\"}, {path: \"" + more + "\"}]", "data.alone=true"), 2, "adapter_model.safetensors", "alone/lamps/adapter_model.safetensors",
                "alone/stones/adapter_model.safetensors");
    }

    @Test
    void whatTheyCannotShareIsNamed() {
        assertThatIllegalArgumentException().isThrownBy(() -> recipe("lora", 3).train().requireShared(2)).withMessageContaining("a multiple of 2");
    }
}
