package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.progress.Event;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.recipe.ChildJvm;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class InterruptedQuickstartEndsInTheSameBitsTest {
    private static final long STEPS = 11;
    private static final String[] SAME = {"model.safetensors", "tokenizer.json", "config.json", "zhulong.json",
        "checkpoints/step-00000011/model.safetensors", "checkpoints/step-00000011/optimizer.safetensors", "evaluation.json",
        "pairs/describe.jsonl", "pairs/describe.held-out.jsonl", "pairs/write.jsonl", "pairs/pairs.json", "adapter/adapter_model.safetensors",
        "adapter/checkpoints/step-00000011/optimizer.safetensors", "adapter/evaluation.json", "comparison.json"};

    @TempDir
    static Path temporary;
    private static Path plan;
    private static Path unbroken;

    @BeforeAll
    static void runUnbroken() throws IOException {
        Path corpus = TinyCorpus.write(temporary.resolve("texts"));
        plan = TinyCorpus.plan(Files.createDirectories(temporary.resolve("given")).resolve(Plan.FILE), corpus, STEPS);
        unbroken = temporary.resolve("unbroken");
        TinyCorpus.run(unbroken, plan, Progress.SILENT);
    }

    private static final class Cut extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    @Test
    void inEveryStage() throws IOException {
        Path out = temporary.resolve("broken");
        cutIn(out, "clean", "split", "tokenizer", "tokenise");
        for (long last : new long[] {1, 5, STEPS}) {
            assertThatThrownBy(() -> TinyCorpus.run(out, plan, event -> {
                if (event.unit().equals("steps") && event.done() == last) {
                    throw new Cut();
                }
            })).isInstanceOf(Cut.class);
        }
        cutIn(out, "pairs", "compare");
        TinyCorpus.run(out, plan, Progress.SILENT);
        assertSame(out);
        assertThat(Report.read(out).starts()).isEqualTo(10);
        assertThat(Report.read(out).samples()).isEqualTo(Report.read(unbroken).samples());
        assertThat(Report.read(out).completions()).isEqualTo(Report.read(unbroken).completions());
        assertThat(Report.read(out).finetuning()).isNotNull().isEqualTo(Report.read(unbroken).finetuning());
    }

    private static void cutIn(Path out, String... stages) {
        for (String stage : stages) {
            assertThatThrownBy(() -> TinyCorpus.run(out, plan, event -> {
                if (event.stage().equals(stage)) {
                    throw new Cut();
                }
            })).as(stage).isInstanceOf(Cut.class);
        }
    }

    @Test
    void whenTheProcessIsKilled() throws Exception {
        Path out = temporary.resolve("killed");
        var random = new SplittableRandom(4);
        for (String phase : List.of("corpus/cleaning.partial", "shards/train", "run/checkpoints/step-00000002", "run/checkpoints/step-00000004",
                "pairs/describe.jsonl", "adapter/checkpoints/step-00000002", "adapter/checkpoints/step-00000006")) {
            Process child = ChildJvm.start(Child.class, new File(out + ".log"), out.toString(), plan.toString(),
                    phase.startsWith("adapter") || phase.startsWith("pairs") ? "compare" : "train");
            Path awaited = out.resolve(phase);
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (!Files.exists(awaited) && child.isAlive() && System.nanoTime() < until) {
                Thread.sleep(1);
            }
            Thread.sleep(random.nextInt(30));
            child.destroyForcibly().waitFor();
            assertThat(child.exitValue()).isNotZero();
            assertThat(awaited.getParent()).as(phase).exists();
        }
        TinyCorpus.run(out, plan, Progress.SILENT);
        assertSame(out);
    }

    /** What runs in the process that is killed: it never finishes by itself, so that the kill cannot come too late. */
    static final class Child {
        private Child() {}

        public static void main(String[] args) {
            TinyCorpus.run(Path.of(args[0]), Path.of(args[1]), new Progress() {
                @Override
                public void event(Event event) {
                    if (event.stage().equals(args[2]) && (event.done() > 5 || args[2].equals("compare"))) {
                        sleep();
                    }
                }

                private void sleep() {
                    try {
                        Thread.sleep(60_000);
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                }
            });
        }
    }

    private static void assertSame(Path out) throws IOException {
        for (String name : SAME) {
            Path file = Path.of(name.startsWith("checkpoints") ? "run" : "").resolve(name);
            assertThat(Files.mismatch(unbroken.resolve(file), out.resolve(file))).as(name).isEqualTo(-1);
        }
        assertThat(out.resolve("plan.json")).hasSameBinaryContentAs(unbroken.resolve("plan.json"));
    }
}
