package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.List;

/** Shorthands for the tests: apply a rule to a text and look at the decision. */
final class Cleaning {

    static final String PROSE = "page.md";
    static final String CODE = "src/Main.java";

    private Cleaning() {
    }

    static Document prose(String text) {
        return new Document(PROSE, text);
    }

    static Document java(String text) {
        return new Document(CODE, text);
    }

    /** The text a rule leaves; fails if the document is dropped. */
    static String text(CleaningStep step, Document document) {
        return keep(step, document).document().text();
    }

    static CleaningStep.Decision.Keep keep(CleaningStep step, Document document) {
        CleaningStep.Decision decision = step.apply(document);
        assertThat(decision).as(() -> document.id() + ": " + document.text()).isInstanceOf(CleaningStep.Decision.Keep.class);
        return (CleaningStep.Decision.Keep) decision;
    }

    /** The reason a rule drops a document for; fails if it is kept. */
    static String reason(CleaningStep step, Document document) {
        CleaningStep.Decision decision = step.apply(document);
        assertThat(decision).as(() -> document.id() + ": " + document.text()).isInstanceOf(CleaningStep.Decision.Drop.class);
        return ((CleaningStep.Decision.Drop) decision).reason();
    }

    static void assertUnchanged(CleaningStep step, Document document) {
        var keep = keep(step, document);
        assertThat(keep.note()).as(document.text()).isNull();
        assertThat(keep.document()).isSameAs(document);
    }

    static final String ENGLISH = """
            The harbour lay quiet when the ferry came in from the islands. A woman with a grey coat stood at the rail and counted the lamps
            along the quay, as her father had taught her to do. There were eleven of them that evening, and one was broken.

            Nobody had come to meet her. She carried her bag past the fish market, which was closed, and up the steep street that leads to
            the church. The house had been sold in the spring, but the key still turned in its lock.
            """;

    static final String SIMPLIFIED = """
            船在傍晚靠岸的时候，港口已经安静下来了。一位穿灰色大衣的女人站在栏杆旁边，数着码头上的灯，就像父亲当年教她的那样。
            那天晚上一共有十一盏灯，其中一盏坏了。没有人来接她。她提着包走过关门的鱼市场，沿着通向教堂的陡街往上走。房子春天就已经卖掉了，可是钥匙还能打开那把锁。
            """;

    static final String JAVA = """
            package harbour;

            import java.util.List;

            /** The lamps along the quay. */
            public final class Lamps {
                private final List<Boolean> lit;

                public Lamps(List<Boolean> lit) {
                    this.lit = List.copyOf(lit);
                }

                /** How many are broken. */
                public int broken() {
                    int count = 0;
                    for (boolean lamp : lit) {
                        if (!lamp) {
                            count++;
                        }
                    }
                    return count;
                }
            }
            """;

    static final List<Document> GOOD = List.of(prose(ENGLISH), prose(SIMPLIFIED), java(JAVA));
}
