package dev.zhulong.text.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.text.chat.Message.Written;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What is none, what is absent and what is empty are three things, and so are an object and its text. */
class TemplatesSeeWhatTheRowWroteTest {
    private static final String PARIS = "{\"city\": \"Paris\"}";

    private static Message calling(String content, Written written, ToolCall... calls) {
        return new Message(Role.ASSISTANT, content, "", List.of(calls), "", "", written);
    }

    private static ToolCall call(String arguments, boolean object) {
        return new ToolCall("call00001", "get_weather", arguments, object);
    }

    private static String render(String template, Message... messages) {
        return ChatTemplate.parse(template, Map.of("eos_token", "</s>")).render(Conversation.of(messages), false).toString();
    }

    @Test
    void noContentIsNoneOrUndefinedAndNeverEmpty() {
        String kinds = "{% for m in messages %}{{ 'undefined' if m.content is undefined else 'none' if m.content is none else 'text' }} {{ 'content' in m }}\n"
                + "{% endfor %}";
        for (Role role : Role.values()) {
            assertThat(render(kinds, new Message(role, "", "", List.of(), "", "", Written.NULL), new Message(role, "", "", List.of(), "", "", Written.ABSENT),
                    Message.of(role, ""))).as(role.label()).isEqualTo("none True\nundefined False\ntext True\n");
        }
    }

    /** Each with null, with nothing and with an empty text; as transformers 5.18 renders them. */
    @Test
    void eachIsShownAsTransformersShowsIt() {
        for (String[] each : new String[][] {{"{{ m.role }}:{{ m.content }}", "assistant:None", "assistant:", "assistant:"},
                {"{% if m.content is string %}S{{ m.content }}{% elif m.content is iterable %}I{% else %}N{% endif %}", "N", "I", "S"},
                {"{{ m.content | default('d', true) }}|{{ m.content | default('e') }}", "d|None", "d|e", "d|"}, {"{{ m.content | trim }}", "None", "", ""},
                {"{{ m.get('content') }}|{{ m.get('content', 'x') }}", "None|None", "None|x", "|"}, {"{{ m.role ~ m.content }}", "assistantNone", "assistant", "assistant"},
                {"{% for t in m.tool_calls or [] %}{{ t.function.arguments }}{% endfor %}", "{'a': 1}", "{'a': 1}", "{\"a\": 1}"}}) {
            String template = "{% for m in messages %}" + each[0] + "{% endfor %}";
            assertThat(List.of(render(template, calling("", Written.NULL, call("{\"a\":1}", true))), render(template, calling("", Written.ABSENT, call("{\"a\":1}", true))),
                    render(template, calling("", Written.TEXT, call("{\"a\": 1}", false))))).as(each[0]).containsExactly(each[1], each[2], each[3]);
        }
    }

    @Test
    void aCallWithoutContentIsShownByATemplateThatAsksForNone() {
        String template = "{% for m in messages %}{% if m.content is none %}{% for t in m.tool_calls %}call {{ t.function.name }} "
                + "{{ t.function.arguments | tojson }}{{ eos_token }}{% endfor %}{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}";
        for (boolean object : new boolean[] {false, true}) {
            assertThat(render(template, Message.user("Paris?"), calling("", Written.NULL, call(PARIS, object))))
                    .isEqualTo("Paris?</s>call get_weather " + PARIS + "</s>");
        }
    }

    @Test
    void argumentsAreTheTextTheyWereWrittenAsWhereATemplateTakesText() {
        String joins = "{% for m in messages %}{% for t in m.tool_calls %}{{ t.function.name + ' ' + t.function.arguments }}{% endfor %}{% endfor %}";
        // an object that must be joined to text is shown as Python's json writes it
        assertThat(render(joins, calling("", Written.NULL, call("{\"city\":\"Paris\",  \"n\": 1.50}", false)))).isEqualTo(
                "get_weather {\"city\":\"Paris\",  \"n\": 1.50}");
        assertThat(render(joins, calling("", Written.NULL, call("{\"city\":\"Paris\",\"n\":1.50}", true)))).isEqualTo(
                "get_weather {\"city\": \"Paris\", \"n\": 1.5}");
        String asks = "{% for m in messages %}{% for t in m.tool_calls %}{% if t.function.arguments is string %}text {{ t.function.arguments }}{% else %}"
                + "object {{ t.function.arguments | tojson }}{% endif %}{% endfor %}{% endfor %}";
        assertThat(render(asks, calling("", Written.NULL, call("{\"a\":1}", false)))).isEqualTo("text {\"a\":1}");
        assertThat(render(asks, calling("", Written.NULL, call("{\"a\":1}", true)))).isEqualTo("object {\"a\": 1}");
    }

    @Test
    void whatElseTheConversationSaysDecidesNothingAboutArguments() {
        String tojson = "{% for m in messages %}{{ m.content }}{% for t in m.tool_calls %}{{ t.function.arguments | tojson }}{% endfor %}{% endfor %}";
        for (String said : List.of("{\"a\": \"b\"} ", PARIS)) {
            assertThat(render(tojson, Message.user(said), calling("", Written.TEXT, call(PARIS, false)))).isEqualTo(said + PARIS);
        }
    }

    @Test
    void argumentsAreAMappingWhereATemplateNeedsOne() {
        String tojson = "{% for m in messages %}{% for t in m.tool_calls %}{{ t.function.arguments | tojson }}{% endfor %}{% endfor %}";
        String items = "{% for m in messages %}{% for t in m.tool_calls %}{% for k, v in t.function.arguments | items %}{{ k }}={{ v }};{% endfor %}"
                + "{% endfor %}{% endfor %}";
        String whole = "{% for m in messages %}{{ m.tool_calls[0].function | tojson }}{% endfor %}";
        for (boolean object : new boolean[] {false, true}) {
            assertThat(render(tojson, calling("", Written.TEXT, call("{}", object)))).isEqualTo("{}");
            assertThat(render(tojson, calling("", Written.ABSENT, call(PARIS, object)))).isEqualTo(PARIS);
            assertThat(render(items, calling("", Written.ABSENT, call(PARIS, object)))).isEqualTo("city=Paris;");
            assertThat(render(whole, calling("", Written.NULL, call(PARIS, object)))).isEqualTo("{\"name\": \"get_weather\", \"arguments\": " + PARIS + "}");
        }
    }

    /** A template that cannot take none is given an empty content, but never at the price of a call. */
    @Test
    void aTemplateThatFailsOnNoneIsRefusedOrShowsTheCall() {
        String shows = "{% for m in messages %}{{ m.role + ':' + m.content }}{% for t in m.tool_calls or [] %}{{ t.function.name }}{% endfor %}{% endfor %}";
        for (Written written : List.of(Written.NULL, Written.ABSENT)) {
            assertThat(render(shows, calling("", written, call(PARIS, false)))).isEqualTo("assistant:get_weather");
        }
        assertThatThrownBy(() -> render("{% for m in messages %}{{ m.role + m.content }}{% endfor %}", calling("", Written.NULL, call(PARIS, false))))
                .hasMessageContaining("line 1").hasMessageContaining("can only concatenate str (not \"NoneType\") to str");
    }

    @Test
    void anErrorOfTypesNamesBoth() {
        for (String[] each : new String[][] {{"{{ 'a' + {} }}", "can only concatenate str (not \"dict\") to str", "str + dict"},
                {"{{ [] + 'a' }}", "can only concatenate list (not \"str\") to list"}, {"{{ none + 'a' }}", "unsupported operand type(s) for +: 'NoneType' and 'str'"},
                {"{{ 1 + 'a' }}", "unsupported operand type(s) for +: 'int' and 'str'"}, {"{{ 'a' - 1 }}", "unsupported operand type(s) for -: 'str' and 'int'"},
                {"{{ 'a' * 'b' }}", "can't multiply sequence by non-int of type 'str'"}, {"{{ -'a' }}", "bad operand type for unary -: 'str'"}}) {
            assertThatThrownBy(() -> render(each[0])).as(each[0]).satisfies(e -> {
                for (int i = 1; i < each.length; i++) {
                    assertThat(e.getMessage()).contains(each[i]);
                }
            });
        }
    }

    /** What Python's {@code json.loads} reads and {@code json.dumps} writes. */
    @Test
    void numbersAreThoseOfPythonsJson() {
        String json = "{\"id\": 12345678901234567890, \"m\": -18446744073709551616, \"f\": 0.1234567890123456789, \"e\": 1E5, \"z\": 1.10, \"h\": 1E400,"
                + " \"l\": 1e16, \"s\": 1e-5, \"n\": -0.0, \"i\": -0, \"b\": " + "9".repeat(4000) + ", \"N\": NaN}";
        String expected = "{\"id\": 12345678901234567890, \"m\": -18446744073709551616, \"f\": 0.12345678901234568, \"e\": 100000.0, \"z\": 1.1, \"h\": Infinity,"
                + " \"l\": 1e+16, \"s\": 1e-05, \"n\": -0.0, \"i\": 0, \"b\": " + "9".repeat(4000) + ", \"N\": NaN}";
        String template = "{% if tools %}{{ tools[0] | tojson }}{% endif %}{% for m in messages %}{% for t in m.tool_calls|default([]) %}"
                + "{{ t.function.arguments | tojson }}{% endfor %}{% endfor %}";
        for (boolean object : new boolean[] {false, true}) {
            assertThat(render(template, calling("", Written.NULL, call(json, object)))).isEqualTo(expected);
        }
        assertThat(ChatTemplate.parse(template, Map.of()).render(new Conversation(List.of(), List.of(json)), false).toString()).isEqualTo(expected);
        String arithmetic = "{% set x = messages[0].tool_calls[0].function.arguments.id %}{{ x }} {{ x + 1 }} {{ -x }} {{ x - x }} {{ x // 10 }} {{ x % 7 }} "
                + "{{ x * 2 }} {{ x / 2 }} {{ x > 1 }} {{ x == 12345678901234567890 }} {{ x is integer }} {{ x is number }} {{ x is even }} {{ '%d' % x }} {{ x | string }} "
                + "{{ [x] }} {{ x | abs }} {{ '123456789012345678901' | int }} {{ 9223372036854775807 + 1 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }}";
        assertThat(render(arithmetic, calling("", Written.NULL, call("{\"id\": 12345678901234567890}", false)))).isEqualTo(
                "12345678901234567890 12345678901234567891 -12345678901234567890 0 1234567890123456789 1 24691357802469135780 6.172839450617284e+18 True True "
                        + "True True True 12345678901234567890 12345678901234567890 [12345678901234567890] 12345678901234567890 123456789012345678901 "
                        + "9223372036854775808 -4 2 -2");
    }
}
