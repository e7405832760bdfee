package dev.zhulong.text.chat.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class TemplatesRenderAsJinjaDoesTest {
    private static final LocalDateTime NOW = LocalDateTime.of(2026, 11, 5, 7, 8, 9);

    private static Object value(JsonNode node) {
        return switch (node.getNodeType()) {
            case STRING -> Text.of(node.asText());
            case BOOLEAN -> node.booleanValue();
            case NUMBER -> node.isIntegralNumber() ? (Object) node.longValue() : (Object) node.doubleValue();
            case ARRAY -> {
                List<Object> list = new ArrayList<>();
                node.forEach(item -> list.add(value(item)));
                yield list;
            }
            case OBJECT -> {
                Map<Object, Object> map = new LinkedHashMap<>();
                node.properties().forEach(e -> map.put(Text.of(e.getKey()), value(e.getValue())));
                yield map;
            }
            default -> null;
        };
    }

    static String render(String template) {
        return Template.parse(template).render(Map.of(), () -> NOW).toString();
    }

    @TestFactory
    List<DynamicTest> characterForCharacter() throws IOException {
        JsonNode file = new ObjectMapper().readTree(TemplatesRenderAsJinjaDoesTest.class.getResourceAsStream("/chat/language.json"));
        Map<String, Object> variables = new LinkedHashMap<>();
        file.get("variables").properties().forEach(e -> variables.put(e.getKey(), value(e.getValue())));
        List<DynamicTest> tests = new ArrayList<>();
        file.get("cases").forEach(each -> tests.add(DynamicTest.dynamicTest(each.get("template").asText().lines().findFirst().orElse(""), () ->
                assertThat(Template.parse(each.get("template").asText()).render(variables, () -> NOW).toString())
                        .isEqualTo(each.get("expected").asText()))));
        assertThat(tests).hasSizeGreaterThan(20);
        return tests;
    }

    @Test
    void theDateIsTold() {
        assertThat(render("{{ strftime_now('%d %b %Y, %A %B %-d, %H:%M:%S %I %p %y %j %%') }}"))
                .isEqualTo("05 Nov 2026, Thursday November 5, 07:08:09 07 AM 26 309 %");
    }

    @Test
    void errorsNameTheLine() {
        assertThatThrownBy(() -> render("a\n{{ raise_exception('no\nway') }}")).isInstanceOf(TemplateException.class)
                .hasMessage("template, line 2: no way");
        for (String[] bad : new String[][] {{"{% if x %}", "endif"}, {"{{ x", "closed"}, {"{% foo %}", "unknown tag"}, {"{{ x | nofilter }}", "no filter"},
                {"{{ x is notest }}", "no test"}, {"{{ missing.attribute }}", "'missing' is undefined"}, {"{{ 'a' + 1 }}", "found str"},
                {"{{ [1][9].x }}", "undefined"}, {"{{ 1 / 0 }}", "zero"}, {"{% include 'x' %}", "unknown tag"}, {"{{ {[]: 1} }}", "key"},
                {"{{ missing() }}", "undefined"}, {"{% set x.y = 1 %}", "namespace"}, {"{% for a, b in [[1]] %}{% endfor %}", "unpack"},
                {"{% for a in [1] %}{{ loop([2]) }}{% endfor %}", "marked recursive"}, {"{{ '{}{}'.format(1) }}", "no value 1"}, {"{{ '{0}{}'.format(1) }}", "not both"}, {"{{ '{'.format(1) }}", "without its"},
                {"{{ '}'.format(1) }}", "a single"}, {"{{ '{:d}'.format('x') }}", "not for a string"}, {"{{ '{:5}'.format([]) }}", "for a list"}, {"{{ '{0.__class__}'.format(1) }}", "unsafe"},
                {"{{ '{0._x}'.format({}) }}", "unsafe"}, {"{{ '{x}'.format(y=1) }}", "no value x"}, {"{{ '{:{:{}}}'.format(1, 2, 3) }}", "too deep"}, {"{{ cycler() }}", "something to go through"},
                {"{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deep"}, {"{{ [1] | slice(0) }}", "at least one"}, {"{{ 'abcdefgh' | truncate(2) }}", "at least 3"},
                {"{{ '{:99999}{:99999}'.format(1, 2) | length * 1 ~ '{0:99999}'.format(1) * 999 }}", "characters"}}) {
            assertThatThrownBy(() -> render(bad[0])).as(bad[0]).isInstanceOf(TemplateException.class).hasMessageContaining(bad[1])
                    .hasMessageContaining("line 1");
        }
    }
}
