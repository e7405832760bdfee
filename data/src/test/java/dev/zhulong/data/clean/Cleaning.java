package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.CleaningStep;
import dev.zhulong.data.Document;
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
            \u8239\u5728\u508D\u665A\u9760\u5CB8\u7684\u65F6\u5019\uFF0C\u6E2F\u53E3\u5DF2\u7ECF\u5B89\u9759\u4E0B\u6765\u4E86\u3002\u4E00\u4F4D\u7A7F\u7070\u8272\u5927\u8863\u7684\u5973\u4EBA\u7AD9\u5728\u680F\u6746\u65C1\u8FB9\uFF0C\u6570\u7740\u7801\u5934\u4E0A\u7684\u706F\uFF0C\u5C31\u50CF\u7236\u4EB2\u5F53\u5E74\u6559\u5979\u7684\u90A3\u6837\u3002
            \u90A3\u5929\u665A\u4E0A\u4E00\u5171\u6709\u5341\u4E00\u76CF\u706F\uFF0C\u5176\u4E2D\u4E00\u76CF\u574F\u4E86\u3002\u6CA1\u6709\u4EBA\u6765\u63A5\u5979\u3002\u5979\u63D0\u7740\u5305\u8D70\u8FC7\u5173\u95E8\u7684\u9C7C\u5E02\u573A\uFF0C\u6CBF\u7740\u901A\u5411\u6559\u5802\u7684\u9661\u8857\u5F80\u4E0A\u8D70\u3002\u623F\u5B50\u6625\u5929\u5C31\u5DF2\u7ECF\u5356\u6389\u4E86\uFF0C\u53EF\u662F\u94A5\u5319\u8FD8\u80FD\u6253\u5F00\u90A3\u628A\u9501\u3002
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
