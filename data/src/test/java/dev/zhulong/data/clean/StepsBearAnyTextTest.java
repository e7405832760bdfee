package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class StepsBearAnyTextTest {

    private static final List<String> IDS = List.of("", "a", "A.java", "a.md", "a.py", "a.xml");

    private static List<CleaningStep> steps() {
        List<CleaningStep> steps = new ArrayList<>();
        Steps.names().forEach(name -> steps.add(Steps.byName(name)));
        steps.addAll(Steps.forCode());
        steps.addAll(Steps.forProse());
        return steps;
    }

    /** Any UTF-16 at all, and the pieces that the rules look for, thrown together. */
    @Provide
    Arbitrary<String> nasty() {
        Arbitrary<String> any = Arbitraries.strings().all().ofMaxLength(40);
        Arbitrary<String> pieces = Arbitraries.of("a", "b.", "@", "anna", "@harbour.fi", "1", "138", "13812345678", "+", "+86 ",
                "4111 1111 1111 1111",
                "11010519491231002X", "91.198.", "174.192", "2a00:1450::", "200e", ":", "=", "password", "token=", "q7Xk29LmZt04Bv8R",
                        "\"", " ", "\n", "\n\n",
                "-", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "eyJhbGciOiJI", ".", "/*", "*/", "//", "#", "<!--",
                        "-->", " Copyright 2020 ",
                "Home", "|", "We use cookies", "\uD800", "\uDC00", "\u0000", "\u200D", "\u200B", "\u0301", "e", "\uD83D\uDE00", "\u0915",
                        "中", "。",
                "\r", "\u00A0", "\u0344", "\u212A", "\u1100", "\u1161", "(415) 555-2671", "<", ">", "ghp_", "sk-", "\uFEFF", "\u0F73",
                        "#!");
        return Arbitraries.oneOf(any, pieces).list().ofMaxSize(30).map(list -> String.join("", list));
    }

    @Property(tries = 400)
    void nothingThrows(@ForAll("nasty") String text) {
        for (String id : IDS) {
            for (CleaningStep step : steps()) {
                assertThat(step.apply(new Document(id, text))).isNotNull();
            }
        }
    }

    @Property(tries = 1500)
    void twiceIsOnce(@ForAll("nasty") String text) {
        for (CleaningStep step : List.of(new NormalizeUnicode(), new RemoveLicenceHeaders(), new RemoveBoilerplate(),
                new RedactPersonalData())) {
            for (String id : IDS) {
                var once = (CleaningStep.Decision.Keep) step.apply(new Document(id, text));
                var twice = (CleaningStep.Decision.Keep) step.apply(once.document());
                assertThat(twice.document().text()).as(step.name() + " " + id).isEqualTo(once.document().text());
                assertThat(twice.note()).as(step.name() + " says nothing when it changes nothing").isNull();
            }
        }
    }

    @Property(tries = 300)
    void aNoteMeansAChange(@ForAll("nasty") String text) {
        for (CleaningStep step : steps()) {
            if (step.apply(new Document("a.md", text)) instanceof CleaningStep.Decision.Keep keep) {
                assertThat(keep.note() == null).as(step.name()).isEqualTo(keep.document().text().equals(text));
            }
        }
    }
}
