package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Int8Linear;
import dev.zhulong.text.ByteTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine in JVMs whose vectors have 128 bits (NEON, SSE), 256 and 512, on machine code where there is any and on the Vector API. */
class VectorsOfEveryWidthWriteTheSameTest {
    @TempDir
    Path directory;

    /** What the JVMs run: prints the width, then what a model in several precisions computes and writes. */
    public static final class Probe {
        private static int tokens;

        private Probe() {}

        /** @param arguments the model's directory, whether to take the throughput route too, and how many tokens to write */
        public static void main(String[] arguments) {
            System.out.println(System.getProperty("os.arch") + ", " + VectorSupport.bits() + " bits, " + VectorSupport.machineCode().orElse("Vector API"));
            Path path = Path.of(arguments[0]);
            tokens = Integer.parseInt(arguments[2]);
            try (ModelDirectory files = ModelDirectory.open(path); GgufModel gguf = GgufModel.open(path.resolve("model.gguf"))) {
                for (WeightType type : new WeightType[] {WeightType.F32, WeightType.Q8_0, WeightType.Q4_0}) {
                    Optional<WeightType> quantised = Optional.of(type).filter(WeightType::quantised);
                    report(type + " f16", CpuEngine.load(files, quantised, CpuOptions.of(2)));
                    report(type + " int8", CpuEngine.load(files, quantised, CpuOptions.of(2).withCache(KvPages.Format.INT8)));
                }
                report("gguf", CpuEngine.load(gguf, CpuOptions.of(1)));
                if (Boolean.parseBoolean(arguments[1])) {
                    report("throughput", CpuEngine.load(files, Optional.empty(), CpuOptions.of(2).withRoute(Route.THROUGHPUT)));
                }
            }
        }

        /** Two lines: what greedy choice writes, and the bits of all logits: read at once, and read again now that vector code is compiled. */
        private static void report(String name, CpuEngine engine) {
            try (engine) {
                var generator = new Generator(engine, new ByteTokenizer(true, true));
                int[] written = generator.generate(generator.sequence("once upon a time"), GenerateOptions.of(tokens, SamplerOptions.GREEDY), _ -> { }).ids();
                System.out.println(name + " " + Arrays.toString(written));
                int[] ids = TheCpuEngineAgreesWithTheTorchEngineTest.ids(41, 3);
                float[] first = logits(engine, ids);
                VectorSupport.awaitKernels();
                System.out.println(Arrays.hashCode(first) + " " + (Arrays.equals(first, logits(engine, ids)) ? "again" : "otherwise once compiled"));
            }
        }

        private static float[] logits(CpuEngine engine, int[] ids) {
            try (var cache = engine.newCache(ids.length)) {
                return engine.forward(List.of(new Span(cache, ids)), true).getFirst();
            }
        }

        /** The model that it reads, as a directory and as a GGUF file in it. */
        static void writeModel(Path directory) {
            try (Decoder model = TinyDecoder.random(Family.of("llama"), 3)) {
                NetworkFiles.save(model, directory, StorageType.F32);
            }
            try (ModelDirectory files = ModelDirectory.open(directory)) {
                GgufExport.write(directory.resolve("model.gguf"), files.spec().withEosIds(files.eosIds()), files::tensor,
                        Map.of("tokenizer.ggml.model", GgufValue.of("no_vocab")), "m", GgufType.BF16);
            }
        }

        /** The program of the JVM that asks. */
        static Path java() {
            return Path.of(System.getProperty("java.home"), "bin", "java");
        }

        /**
         * What it prints.
         *
         * @param java command of a JVM, which may end in flags
         */
        static List<String> run(Path directory, List<String> java, boolean throughput, int tokens) throws IOException, InterruptedException {
            List<String> command = new ArrayList<>(java);
            command.addAll(List.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx1g", "-XX:+IgnoreUnrecognizedVMOptions",
                    "-cp", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), Probe.class.getName(),
                    directory.toString(), Boolean.toString(throughput), Integer.toString(tokens)));
            Path errors = directory.resolve("errors.txt");
            Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor()).as(() -> output + errors.toUri()).isZero();
            assertThat(output).doesNotContain("otherwise");
            return output.lines().filter(line -> !line.contains("warning")).toList();
        }
    }

    @Test
    void withMachineCodeAndWithout() throws Exception {
        Probe.writeModel(directory);
        boolean throughput = Int8Linear.unavailable() == null;
        List<String> expected = null;
        for (int bytes : new int[] {16, 32, 64}) {
            for (String kernels : new String[] {"auto", "vector"}) {
                List<String> lines = Probe.run(directory, List.of(Probe.java().toString(), "-XX:MaxVectorSize=" + bytes, "-Dzhulong.kernels=" + kernels), throughput, 24);
                // a processor may have no vectors of 512 bits, and then it takes its widest
                assertThat(lines.getFirst()).contains(bytes == 16 ? " 128 bits" : "");
                List<String> computed = lines.subList(1, lines.size());
                expected = expected == null ? computed : expected;
                assertThat(computed).as(lines.getFirst()).hasSize(throughput ? 16 : 14).isEqualTo(expected);
            }
        }
    }
}
