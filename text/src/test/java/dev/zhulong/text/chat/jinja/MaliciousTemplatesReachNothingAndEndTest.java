package dev.zhulong.text.chat.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MaliciousTemplatesReachNothingAndEndTest {
    private static String render(String template) {
        return Assertions.assertTimeoutPreemptively(Duration.ofSeconds(20), () -> Template.parse(template).render(Map.of("m", Text.content("hi"),
                "l", List.of(1L)), LocalDateTime::now).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"{{ ''.__class__ }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ m['__class__'] }}", "{{ m | attr('__class__') }}",
        "{{ range.__globals__ }}", "{{ l | map(attribute='__class__') | list }}", "{{ raise_exception.__init__ }}", "{{ l.append(2) }}",
        "{{ {}.update(l) }}", "{{ m.getClass() }}", "{{ m.class.forName('java.lang.Runtime') }}", "{{ l.getClass().forName('x') }}",
        "{% set x = m.chars %}{{ x.y }}", "{{ self.x.y }}", "{{ cycler.__init__ }}", "{{ lipsum.__globals__ }}"})
    void noValueIsALookIntoTheProcess(String template) {
        assertThatThrownBy(() -> render(template)).isInstanceOf(TemplateException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 1000000000 }}", "{{ 'a' * 99999999999999999 }}", "{{ [0] * 1000000000 }}", "{{ range(1000000000) }}",
        "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(1000) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(1000) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(1000) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(90) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{{ 2 ** 999999999 }}", "{{ 9 ** 9 ** 9 }}", "{{ '%999999999d' % 1 }}", "{{ '%.999999999f' % 1.0 }}", "{{ 'a'.rjust(999999999) }}",
        "{{ 'a'.center(9999999999) }}", "{{ m | indent('x' * 99999999) }}",
        "{% set ns = namespace(s='ab') %}{% for i in range(20) %}{% set ns.s = ns.s | replace('a', ns.s ~ ns.s) %}{% endfor %}",
        "{% for i in range(100000) %}{{ 'x' * 10000 }}{% endfor %}"})
    void nothingGoesOnForEver(String template) {
        assertThatThrownBy(() -> render(template)).isInstanceOf(TemplateException.class);
    }

    @Test
    void deepNestingIsAnErrorAndNoCrash() {
        for (String template : List.of("{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}", "{{ " + "[".repeat(100_000),
                "{{ " + "-".repeat(100_000) + "1 }}", "{{ " + "not ".repeat(100_000) + "1 }}", "{% if 1 %}".repeat(50_000),
                "{{ x" + ".y".repeat(100_000) + " }}", "{{ 1" + " + 1".repeat(100_000) + " }}", "{{ 1" + " | abs".repeat(100_000) + " }}",
                "{{ " + "1 if 1 else ".repeat(50_000) + "1 }}", "{% set " + "(".repeat(50_000))) {
            assertThatThrownBy(() -> render(template)).as(template.substring(0, 20)).isInstanceOf(TemplateException.class);
        }
    }

    @Test
    void garbageIsATemplateErrorOrText() {
        String[] parts = {"{{", "}}", "{%", "%}", "{#", "#}", "-", "+", " for ", " in ", "x", "m", "if ", "else", "endif", "endfor", "set ", "=", "(", ")", "[",
            "]", "{", "}", "'", "\"", "|", "tojson", "is ", "not ", "defined", ".", ":", ",", "1", "2.5", "~", "**", "//", "%", "\n", "macro f", "\\", "é",
            "range(3)", "namespace()", "loop.index", "endmacro", "raw", "endraw", "l"};
        var random = new SplittableRandom(5);
        int rendered = 0;
        for (int i = 0; i < 20_000; i++) {
            var template = new StringBuilder(i % 2 == 0 ? "{{ " : "{% ");
            for (int j = random.nextInt(1, 14); j > 0; j--) {
                template.append(parts[random.nextInt(parts.length)]);
            }
            template.append(i % 2 == 0 ? " }}" : " %}");
            try {
                Template.parse(template.toString()).render(Map.of("m", Text.content("hi"), "l", List.of(1L)), LocalDateTime::now);
                rendered++;
            } catch (TemplateException e) {
                assertThat(e.getMessage().lines()).hasSize(1);
            }
        }
        assertThat(rendered).isPositive();
    }
}
