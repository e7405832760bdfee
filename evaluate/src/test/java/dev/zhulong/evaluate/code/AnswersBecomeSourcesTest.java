package dev.zhulong.evaluate.code;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class AnswersBecomeSourcesTest {
    private static final String BEGIN = "import java.util.*;\nclass Solution {\n    int f(int a) {\n";

    @Test
    void aContinuationEndsWithItsMethod() {
        assertThat(JavaAnswer.source(BEGIN, "        return a;\n    }\n\n    int g() { return 1; }\n}\nclass X {")).isEqualTo(BEGIN + "        return a;\n    }\n}");
        assertThat(JavaAnswer.source(BEGIN, "String s = \"}\" + '}'; // }\n/* } */ if (a > 0) { return 1; }\nreturn 2; } and so on"))
                .isEqualTo(BEGIN + "String s = \"}\" + '}'; // }\n/* } */ if (a > 0) { return 1; }\nreturn 2; }\n}");
        assertThat(JavaAnswer.source(BEGIN, "String s = \"\"\"\n } \"\n\"\"\"; return 1; } x")).isEqualTo(BEGIN + "String s = \"\"\"\n } \"\n\"\"\"; return 1; }\n}");
        assertThat(JavaAnswer.source(BEGIN, "return a;")).isEqualTo(BEGIN + "return a;\n}\n}");
    }

    @Test
    void aFenceAndAWholeClassCountAlone() {
        assertThat(JavaAnswer.source(BEGIN, "Here:\n```java\nclass Solution { int f(int a) { return a; } }\n```\nDone."))
                .isEqualTo("import java.util.*;\nclass Solution { int f(int a) { return a; } }\n");
        assertThat(JavaAnswer.source(BEGIN, "```\n        return a;\n    }\n}\n```")).isEqualTo(BEGIN + "        return a;\n    }\n}");
        assertThat(JavaAnswer.source(BEGIN, "```java\nimport java.util.*;\npublic class Solution {")).isEqualTo("import java.util.*;\npublic class Solution {");
    }

    @Test
    void passAtKIsTheShareOfDrawsWithARightOne() {
        // every choice of k among n solutions, counted out
        for (int n = 1; n <= 7; n++) {
            for (int c = 0; c <= n; c++) {
                for (int k = 1; k <= n; k++) {
                    int draws = 0;
                    int right = 0;
                    for (int set = 0; set < 1 << n; set++) {
                        if (Integer.bitCount(set) == k) {
                            draws++;
                            right += (set & (1 << c) - 1) != 0 ? 1 : 0;
                        }
                    }
                    assertThat(PassAtK.of(n, c, k)).isCloseTo((double) right / draws, within(1e-12));
                }
            }
        }
        assertThatThrownBy(() -> PassAtK.of(1, 0, 2)).hasMessageContaining("pass@2");
    }
}
