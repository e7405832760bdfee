package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.compress.RoundingLosses.Item;
import dev.zhulong.compress.RoundingLosses.Option;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BudgetsAreKeptAndRepeatedTest {
    @TempDir
    Path temporary;

    private static CalibrationTokens tokens() {
        var random = new SplittableRandom(3);
        return new CalibrationTokens(List.of("random"), IntStream.range(0, 6).mapToObj(i -> random.ints(SmallModels.CONTEXT, 0, SmallModels.VOCAB).toArray()).toList());
    }

    private Path quantized(Path source, Budget budget, TensorTypes types, String name) {
        Path out = temporary.resolve(name);
        new Quantization(source, budget.precision(), out, false, 1, Progress.SILENT).types(types).run();
        return out;
    }

    private static String types(Path file) {
        try (GgufFile opened = GgufFile.open(file)) {
            return opened.tensors().values().stream().map(tensor -> tensor.name() + "=" + tensor.type()).collect(Collectors.joining("\n"));
        }
    }

    @Test
    void filesFillTheirBudgetAndNeverExceedIt() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 256, 256, 1, 8, 4, SmallModels.VOCAB, false));
        Path whole = temporary.resolve("whole.gguf");
        new Quantization(model, Precision.F32, whole, false, 1, Progress.SILENT).run();
        for (Path source : List.of(model, whole)) {
            RoundingLosses losses = RoundingLosses.measure(source, tokens(), 2, Progress.SILENT);
            assertThat(losses.isNats()).isTrue();
            double last = Double.MAX_VALUE;
            for (double bits : source == model ? new double[] {3.5, 5.9} : new double[] {4.3}) {
                Budget budget = Budget.ofBits(losses, bits);
                Path file = quantized(source, budget, budget.types(), "bits.gguf");
                assertThat(bitsOf(file)).isBetween(0.99 * bits, bits);
                assertThat(budget.bits()).isEqualTo(bitsOf(file));
                assertThat(budget.loss()).isPositive().isLessThan(last);
                last = budget.loss();
                Budget bySize = Budget.ofFile(losses, Files.size(file) + 20_000);
                // names, keys and padding are taken to be a few thousand bytes more than they are
                assertThat(Files.size(quantized(source, bySize, bySize.types(), "size.gguf"))).isLessThanOrEqualTo(Files.size(file) + 20_000).isGreaterThan(Files.size(file) + 20_000 - 12_000);
            }
        }
    }

    private static double bitsOf(Path file) {
        try (GgufFile opened = GgufFile.open(file)) {
            long bytes = opened.tensors().values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
            return 8.0 * bytes / opened.tensors().values().stream().mapToLong(GgufTensor::elements).sum();
        }
    }

    @Test
    void itsLinesGiveTheSameTypes() throws IOException {
        for (String family : List.of("llama", "gpt2", "mixtral")) {
            Path model = SmallModels.write(temporary.resolve(family), family.equals("mixtral") ? SmallModels.mixture(64, 96) : SmallModels.spec(Family.of(family), 64, 96, family.equals("gpt2")));
            RoundingLosses losses = RoundingLosses.measure(model, tokens(), 1, Progress.SILENT);
            Budget budget = Budget.ofBits(losses, 5.7);
            Path file = quantized(model, budget, TensorTypes.parse(budget.lines()), family + ".gguf");
            assertThat(types(file).lines().filter(line -> losses.items().stream().anyMatch(item -> line.startsWith(item.tensor() + "="))).map(line -> line.substring(line.indexOf('=') + 1)).distinct()
                    .count()).as(family).isGreaterThan(1);
            assertThat(bitsOf(file)).as(family).isEqualTo(budget.bits());
            assertThat(budget.table()).contains("ffn_down").contains("nats a token");
        }
    }

    @Test
    void importanceAloneIsEnoughToChoose() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 64, 96, true));
        Importance importance = Importance.collect(model, tokens(), Progress.SILENT);
        RoundingLosses losses = RoundingLosses.measure(model, importance, 1, Progress.SILENT);
        assertThat(losses.isNats()).isFalse();
        assertThat(bitsOf(quantized(model, Budget.ofBits(losses, 5.5), Budget.ofBits(losses, 5.5).types(), "out.gguf"))).isBetween(5.5 * 0.98, 5.5);
    }

    @Test
    void whatIsTooSmallSaysWhatIsTheLeast() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 64, 96, true));
        RoundingLosses losses = RoundingLosses.measure(model, Importance.collect(model, tokens(), Progress.SILENT), 1, Progress.SILENT);
        assertThatThrownBy(() -> Budget.ofBits(losses, 1)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("1.0 bits a weight are too few").hasMessageContaining("at least");
        assertThatThrownBy(() -> Budget.ofFile(losses, 1000)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("the smallest has");
    }

    /** Against trying all. */
    @Test
    void noOtherChoiceOfAsManyBytesLosesMuchLess() {
        var random = new SplittableRandom(5);
        List<Item> items = IntStream.range(0, 6).mapToObj(i -> {
            long size = random.nextInt(20, 200);
            double weight = Math.exp(3 * random.nextGaussian());
            return new Item("blk." + i + ".x.weight", i, size, List.of(new Option(WeightType.Q2_0, 2 * size, weight * random.nextDouble(10, 30)), new Option(WeightType.Q4_0, 4 * size, weight * random.nextDouble(1, 3)),
                    new Option(WeightType.IQ4_NL, 4 * size, weight * random.nextDouble(1, 3)), new Option(WeightType.Q5_0, 5 * size, weight * random.nextDouble(0.2, 1)), new Option(WeightType.Q8_0, 8 * size, weight * 0.01)));
        }).toList();
        long weights = items.stream().mapToLong(Item::weights).sum();
        for (double bits : new double[] {2.1, 3, 4, 5, 7}) {
            long room = (long) (bits * weights);
            double best = Double.MAX_VALUE;
            for (int all = 0; all < Math.pow(5, 6); all++) {
                long bytes = 0;
                double loss = 0;
                for (int i = 0, rest = all; i < 6; i++, rest /= 5) {
                    bytes += items.get(i).options().get(rest % 5).bytes();
                    loss += items.get(i).options().get(rest % 5).loss();
                }
                best = bytes <= room ? Math.min(best, loss) : best;
            }
            Budget budget = Budget.ofBits(new RoundingLosses(items, 0, 0, 8 * weights, true), bits);
            assertThat(budget.fileBytes()).isLessThanOrEqualTo(room);
            assertThat(budget.loss()).as("%s bits", bits).isBetween(best * (1 - 1e-9), best * 1.3);
        }
    }
}
