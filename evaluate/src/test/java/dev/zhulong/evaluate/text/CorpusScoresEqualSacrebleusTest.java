package dev.zhulong.evaluate.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Trap 69: BLEU says how it was computed, and says what sacreBLEU says. */
class CorpusScoresEqualSacrebleusTest {
    /** A corpus, a score sacreBLEU gives it, and the score's name: {@code bleu TOKENIZER LOWERCASE}, {@code ter NORMALIZED…} and so on. */
    record Case(String corpus, String name, double score, List<Segment> segments) {
        @Override
        public String toString() {
            return corpus + ": " + name;
        }

        CorpusMetric metric() {
            String[] words = name.split(" ");
            return switch (words[0]) {
                case "bleu" -> words[1].equals("smooth") ? Bleu.DEFAULT.withSmoothing(Bleu.Smoothing.of(words[2]))
                        : Bleu.DEFAULT.withTokenizer(BleuTokenizer.of(words[1])).withLowercase(words[2].equals("True"));
                case "chrf" -> switch (words[1]) {
                    case "0" -> Chrf.DEFAULT;
                    case "2" -> Chrf.PLUS_PLUS;
                    case "lowercase" -> Chrf.DEFAULT.withLowercase(true);
                    case "eps" -> new Chrf(6, 0, 2, false, false, true);
                    default -> new Chrf(6, 0, 2, false, true, false);
                };
                default -> new Ter(set(words[1], 0), set(words[1], 1), set(words[1], 2), set(words[1], 3));
            };
        }

        private static boolean set(String flags, int place) {
            return flags.charAt(place) == '1';
        }
    }

    static Stream<Case> cases() {
        Stream.Builder<Case> cases = Stream.builder();
        for (JsonNode corpus : Fixture.METRICS.get("corpora")) {
            List<Segment> segments = Fixture.segments(corpus);
            corpus.get("scores").properties().forEach(score -> cases.add(new Case(corpus.get("name").asText(), score.getKey(),
                    score.getValue().asDouble(), segments)));
        }
        return cases.build();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theScoreIsSacrebleus(Case one) {
        assertThat(one.metric().evaluate(one.segments(), Bootstrap.NONE).estimate().value()).isCloseTo(one.score(), within(1e-9));
    }

    @Test
    void theSentencesScoresAreSacrebleus() {
        for (JsonNode corpus : Fixture.METRICS.get("corpora")) {
            List<Segment> segments = Fixture.segments(corpus);
            for (int i = 0; i < corpus.get("sentences").size(); i++) {
                assertThat(Bleu.DEFAULT.forSentences().sentence(segments.get(i))).as("%s %d", corpus.get("name"), i)
                        .isCloseTo(corpus.get("sentences").get(i).asDouble(), within(1e-9));
            }
        }
    }

    @Test
    void theSignatureIsSacrebleusButForTheVersion() {
        for (JsonNode corpus : Fixture.METRICS.get("corpora")) {
            if (corpus.has("signature")) {
                assertThat(Bleu.DEFAULT.evaluate(Fixture.segments(corpus), Bootstrap.NONE).signature())
                        .isEqualTo(corpus.get("signature").asText().replace("2.6.0", CorpusMetric.VERSION));
            }
        }
    }

    @Test
    void aSignatureTellsEveryTwoSettingsApart() {
        List<Segment> segments = List.of(Segment.of("a", "a"));
        Stream<CorpusMetric> metrics = Stream.concat(Arrays.stream(BleuTokenizer.values()).map(Bleu.DEFAULT::withTokenizer), Stream.of(
                Bleu.DEFAULT.withLowercase(true), Bleu.DEFAULT.withEffectiveOrder(true), Bleu.DEFAULT.withSmoothing(Bleu.Smoothing.NONE)));
        List<String> signatures = metrics.map(metric -> metric.evaluate(segments, Bootstrap.NONE).signature()).toList();
        assertThat(signatures).doesNotHaveDuplicates();
    }

    @Test
    void tokensAreSacrebleus() {
        List<String> lines = Fixture.strings(Fixture.METRICS.get("lines"));
        for (var tokenizer : Fixture.METRICS.get("tokens").properties()) {
            for (int i = 0; i < lines.size(); i++) {
                assertThat(BleuTokenizer.of(tokenizer.getKey()).tokens(lines.get(i))).as("%s of %s", tokenizer.getKey(), lines.get(i))
                        .isEqualTo(Fixture.strings(tokenizer.getValue().get(i)));
            }
        }
    }

    @Test
    void theBootstrapsErrorIsTheSpreadOfTheScoreAndRepeats() {
        List<Segment> segments = Stream.of(Fixture.METRICS.get("corpora")).flatMap(all -> Stream.of(all.get(all.size() - 1)))
                .map(Fixture::segments).findFirst().orElseThrow();
        Estimate one = Bleu.DEFAULT.evaluate(segments, Bootstrap.DEFAULT).estimate();
        assertThat(Bleu.DEFAULT.evaluate(segments, Bootstrap.DEFAULT).estimate()).isEqualTo(one);
        assertThat(one.low()).isLessThan(one.value());
        assertThat(one.high()).isGreaterThan(one.value());
        assertThat(one.standardError()).isCloseTo(one.halfWidth() / 1.96, within(0.2 * one.standardError()));
        // the standard error of a mean is known without resampling
        double[] values = segments.stream().mapToDouble(segment -> segment.hypothesis().length()).toArray();
        Estimate analytic = Estimate.mean(values, 1);
        Estimate drawn = new Bootstrap(4000, 7).estimate(analytic.value(), values.length,
                rows -> Arrays.stream(rows).mapToDouble(row -> values[row]).average().orElse(0));
        assertThat(drawn.standardError()).isCloseTo(analytic.standardError(), within(0.05 * analytic.standardError()));
    }

    @Test
    void listsOfUnequalLengthAreRefused() {
        assertThatThrownBy(() -> Segment.align(List.of("a", "b"), List.of(List.of("a")))).hasMessageContaining("2 hypotheses but 1 lines");
        assertThatThrownBy(() -> Segment.align(List.of("a"), List.of())).hasMessageContaining("no references");
    }
}
