package dev.zhulong.text.tags;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ASchemeIsToldByItsTagsTest {
    private static List<List<String>> tags(String... sentences) {
        return Stream.of(sentences).map(s -> Arrays.asList(s.split(" "))).toList();
    }

    @Test
    void eachByWhatOnlyItHas() {
        assertThat(TagScheme.of(tags("O I-PER I-PER", "I-LOC B-LOC"))).contains(TagScheme.IOB1);
        assertThat(TagScheme.of(tags("O B-PER I-PER", "B-LOC B-LOC"))).contains(TagScheme.IOB2);
        assertThat(TagScheme.of(tags("O B-PER E-PER", "S-LOC"))).contains(TagScheme.IOBES);
        assertThat(TagScheme.of(tags("O B-PER L-PER", "U-LOC"))).contains(TagScheme.BILOU);
        // a slip in a file that otherwise begins its entities with B-
        assertThat(TagScheme.of(tags("B-PER I-PER O", "I-LOC"))).contains(TagScheme.IOB2);
    }

    @Test
    void classesThatAreNoEntitiesHaveNone() {
        assertThat(TagScheme.of(tags("NN VB IN B"))).isEmpty();
        assertThat(TagScheme.of(tags("O O"))).isEmpty();
        assertThat(TagScheme.of(tags("B-X E-X U-X"))).isEmpty();
        assertThat(TagScheme.of(List.of())).isEmpty();
    }

    @Test
    void entitiesAreWrittenAgainInIob2() {
        var tags = List.of("I-PER", "I-PER", "B-PER", "O", "I-LOC");
        assertThat(TagScheme.IOB1.entities(tags)).containsExactly(new EntitySpan("PER", 0, 1), new EntitySpan("PER", 2, 2), new EntitySpan("LOC", 4, 4));
        assertThat(EntitySpan.iob2(EntitySpan.lenient(tags), 5)).containsExactly("B-PER", "I-PER", "B-PER", "O", "B-LOC");
    }
}
