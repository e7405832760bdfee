package dev.zhulong.evaluate.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.evaluate.Correlation;
import dev.zhulong.text.tags.TagScheme;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

class LabelsAndTagsScoreAsTheLibrariesSayTest {
    @Test
    void strictEntitiesAreSeqevals() {
        for (TagScheme scheme : TagScheme.values()) {
            JsonNode cases = Fixture.LABELS.get("schemes").get(scheme.name());
            assertThat(cases).hasSizeGreaterThan(20);
            for (JsonNode one : cases) {
                check(one, Entities.of(sentences(one.get("said")), sentences(one.get("right")), scheme));
            }
        }
    }

    @Test
    void lenientEntitiesAreSeqevals() {
        for (JsonNode one : Fixture.LABELS.get("default")) {
            check(one, Entities.of(sentences(one.get("said")), sentences(one.get("right"))));
        }
    }

    private static void check(JsonNode one, Entities entities) {
        var types = entities.types().values();
        assertThat(types.stream().map(Classification.Class::support)).as(one.toString()).containsExactlyElementsOf(longs(one.get("support")));
        assertClose(types, Classification.Class::f1, one.get("f1"));
        assertThat(entities.micro().f1()).as(one.toString()).isCloseTo(one.get("micro").asDouble(), within(1e-12));
        assertThat(entities.macroF1()).as(one.toString()).isCloseTo(one.get("macro").asDouble(), within(1e-12));
    }

    @Test
    void strictAndLenientDifferWhereAnEntityDoesNotBeginAsItShould() {
        var right = List.of(List.of("B-PER", "I-PER", "O"));
        var said = List.of(List.of("I-PER", "I-PER", "O"));
        assertThat(Entities.of(said, right).micro().f1()).isEqualTo(1);
        assertThat(Entities.of(said, right, TagScheme.IOB2).micro()).isEqualTo(new Classification.Class(1, 0, 0));
        assertThatThrownBy(() -> Entities.of(List.of(List.of("O", "E-PER", "O")), right, TagScheme.IOB2))
                .hasMessageContaining("token 2 has the tag 'E-PER', which IOB2 does not know");
    }

    @Test
    void theMetricNamesItsSchemeAndEveryType() {
        var values = TextMetric.of("ner_strict", TextMetric.Settings.DEFAULT)
                .corpus(List.of(Segment.of("S-A O B-B E-B", "S-A O B-B I-B"), Segment.of("O S-A", "S-B O")), Bootstrap.NONE);
        assertThat(values.stream().map(MetricValue::name)).containsExactly("entity_f1", "macro_f1", "entity_f1.A", "entity_f1.B");
        assertThat(values.get(2).estimate().value()).isCloseTo(2.0 / 3, within(1e-12));
        assertThat(values.get(3).estimate().value()).isZero();
        assertThat(values).allSatisfy(value -> assertThat(value.signature()).startsWith("scheme:IOBES|"));
    }

    @Test
    void classesAreScikitLearns() {
        for (JsonNode one : Fixture.LABELS.get("classification")) {
            var result = Classification.of(Fixture.strings(one.get("said")), Fixture.strings(one.get("right")), Fixture.strings(one.get("labels")));
            assertThat(result.accuracy().value()).as(one.toString()).isCloseTo(one.get("accuracy").asDouble(), within(1e-12));
            assertThat(result.classes().values().stream().map(Classification.Class::support)).containsExactlyElementsOf(longs(one.get("support")));
            assertClose(result.classes().values(), Classification.Class::precision, one.get("precision"));
            assertClose(result.classes().values(), Classification.Class::recall, one.get("recall"));
            assertClose(result.classes().values(), Classification.Class::f1, one.get("f1"));
            assertThat(result.macroPrecision()).as(one.toString()).isCloseTo(one.get("macro").get(0).asDouble(), within(1e-12));
            assertThat(result.macroRecall()).as(one.toString()).isCloseTo(one.get("macro").get(1).asDouble(), within(1e-12));
            assertThat(result.macroF1()).as(one.toString()).isCloseTo(one.get("macro").get(2).asDouble(), within(1e-12));
        }
    }

    @Test
    void correlationsAreScipys() {
        for (JsonNode one : Fixture.LABELS.get("correlation")) {
            var result = Correlation.of(doubles(one.get("a")), doubles(one.get("b")));
            assertThat(result.pearson()).as(one.toString()).isCloseTo(one.get("pearson").asDouble(), within(1e-12));
            assertThat(result.spearman()).as(one.toString()).isCloseTo(one.get("spearman").asDouble(), within(1e-12));
        }
        assertThat(Correlation.of(new double[] {1, 1}, new double[] {1, 2})).isEqualTo(new Correlation(Double.NaN, Double.NaN));
        assertThat(Correlation.of(new double[] {3}, new double[] {1}).spearman()).isNaN();
        assertThatThrownBy(() -> Correlation.of(new double[2], new double[3])).hasMessageContaining("found 2 and 3 values");
    }

    private static void assertClose(Iterable<Classification.Class> classes, ToDoubleFunction<Classification.Class> share, JsonNode expected) {
        double[] found = StreamSupport.stream(classes.spliterator(), false).mapToDouble(share).toArray();
        assertThat(found).containsExactly(doubles(expected), within(1e-12));
    }

    private static List<List<String>> sentences(JsonNode lines) {
        return Fixture.strings(lines).stream().map(Whitespace::split).toList();
    }

    private static List<Long> longs(JsonNode list) {
        List<Long> all = new ArrayList<>();
        list.forEach(n -> all.add(n.asLong()));
        return all;
    }

    private static double[] doubles(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false).mapToDouble(JsonNode::asDouble).toArray();
    }
}
