package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.infer.TokenLogProbs.Entry;
import dev.zhulong.text.ByteTokenizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LogProbabilitiesStandBesideTheirTokensTest {
    private static final int ROWS = 300; // the tokenizer has 258 ids: the rows beyond belong to no token
    private static final ByteTokenizer TOKENIZER = new ByteTokenizer(true, false);

    @Test
    void theyAreTheModelsOwnWhateverTheSamplerDoes() {
        var model = FakeModel.hashed(ROWS, 64);
        var sampler = SamplerOptions.DEFAULT.withTemperature(2).withTopK(9).withRepetitionPenalty(1.5).withLogitBias(Map.of(65, -3.0));
        var options = GenerateOptions.of(20, sampler).withLogProbs(5);
        int[] prompt = {65, 66};
        Generation result = new Generator(model, TOKENIZER).generate(prompt, options, text -> {});
        assertThat(result.logProbs()).hasSameSizeAs(result.ids()).hasSizeGreaterThan(5);
        var sequence = new ArrayList<>(List.of(65, 66));
        for (int i = 0; i < result.ids().length; i++) {
            double[] expected = logSoftmax(model, sequence);
            TokenLogProbs at = result.logProbs().get(i);
            assertThat(at.chosen().id()).isEqualTo(result.ids()[i]);
            assertThat(at.chosen().logProb()).isCloseTo(expected[result.ids()[i]], within(1e-9));
            List<Integer> order = IntStream.range(0, TOKENIZER.vocabSize()).boxed()
                    .sorted(Comparator.<Integer>comparingDouble(id -> -expected[id]).thenComparing(id -> id)).limit(5).toList();
            assertThat(at.top()).extracting(Entry::id).isEqualTo(order);
            assertThat(at.top()).allSatisfy(entry -> assertThat(entry.logProb()).isCloseTo(expected[entry.id()], within(1e-9)));
            sequence.add(result.ids()[i]);
        }
    }

    @Test
    void theEndOfTheSequenceHasNoneAndAStopTextHasItsOwn() {
        var ended = FakeModel.scripted(ROWS, 32, 'h', 'i', ByteTokenizer.EOS);
        var options = GenerateOptions.of(9, SamplerOptions.GREEDY).withLogProbs(0);
        var result = new Generator(ended, TOKENIZER).generate(new int[] {65}, options, text -> {});
        assertThat(result.logProbs()).extracting(at -> at.chosen().id()).containsExactly((int) 'h', (int) 'i');
        assertThat(result.logProbs()).allSatisfy(at -> assertThat(at.top()).isEmpty());
        var stopped = new Generator(FakeModel.scripted(ROWS, 32, 'h', 'i', 'x'), TOKENIZER)
                .generate(new int[] {65}, options.withStop(List.of("ix")), text -> {});
        assertThat(stopped.text()).isEqualTo("h");
        assertThat(stopped.logProbs()).extracting(at -> at.chosen().id()).containsExactly((int) 'h', (int) 'i', (int) 'x');
    }

    @Test
    void noneAreMadeUnlessAskedForAndTheTextIsTheSame() {
        var options = new GenerateOptions(12, SamplerOptions.DEFAULT.withSeed(4), List.of(), List.of(), true);
        var without = new Generator(FakeModel.hashed(ROWS, 64), TOKENIZER).generate(new int[] {65}, options, text -> {});
        assertThat(without.logProbs()).isEmpty();
        var streamed = new StringBuilder();
        var with = new Generator(FakeModel.hashed(ROWS, 64), TOKENIZER).generate(new int[] {65}, options.withLogProbs(500), streamed::append);
        assertThat(with.ids()).isEqualTo(without.ids());
        assertThat(streamed.toString()).isEqualTo(with.text()).isEqualTo(without.text());
        assertThat(with.logProbs().getFirst().top()).as("more than there are").hasSize(TOKENIZER.vocabSize());
        double sum = with.logProbs().getFirst().top().stream().mapToDouble(entry -> Math.exp(entry.logProb())).sum();
        assertThat(sum).isCloseTo(1, within(1e-9));
        assertThatIllegalArgumentException().isThrownBy(() -> options.withLogProbs(-2));
    }

    private static double[] logSoftmax(FakeModel model, List<Integer> ids) {
        try (var cache = model.newCache(ids.size())) {
            float[] logits = model.forward(List.of(new LanguageModel.Span(cache, ids.stream().mapToInt(i -> i).toArray())), false).getFirst();
            double sum = IntStream.range(0, TOKENIZER.vocabSize()).mapToDouble(i -> Math.exp(logits[i])).sum();
            return IntStream.range(0, TOKENIZER.vocabSize()).mapToDouble(i -> logits[i] - Math.log(sum)).toArray();
        }
    }
}
