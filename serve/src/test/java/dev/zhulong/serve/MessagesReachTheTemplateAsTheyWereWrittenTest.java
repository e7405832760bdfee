package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.text.chat.ChatTemplate;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.Message.Written;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class MessagesReachTheTemplateAsTheyWereWrittenTest {
    private static final String CALL = "{'id': 'call00001', 'type': 'function', 'function': {'name': 'get', 'arguments': '{\\'id\\':  12345678901234567890, \\'f\\': 1.10}'}}";

    private static List<Message> read(String... messages) {
        String body = "{'messages': [" + String.join(", ", messages) + "]}";
        return ChatMessages.read(Fields.of(Json.body(body.replace("\\'", "\\\"").replace('\'', '"').getBytes(StandardCharsets.UTF_8))));
    }

    private static String rendered(String template, List<Message> messages) {
        return ChatTemplate.parse(template, Map.of()).render(new Conversation(messages, List.of()), false).toString();
    }

    @Test
    void anAssistantWithoutContentSaysNone() {
        for (String content : List.of("'content': null, ", "")) {
            List<Message> messages = read("{'role': 'assistant', " + content + "'tool_calls': [" + CALL + "]}");
            assertThat(messages.getFirst().written()).isEqualTo(Written.NULL);
            assertThat(rendered("{{ messages[0].content is none }}", messages)).isEqualTo("True");
            assertThat(rendered("{{ messages[0].content is none }}", ChatMessages.reviewed(messages, UnaryOperator.identity()))).isEqualTo("True");
        }
        assertThat(rendered("{{ messages[0].content is none }}", read("{'role': 'assistant', 'content': '', 'tool_calls': [" + CALL + "]}"))).isEqualTo("False");
        assertThat(rendered("{{ messages[0].content }}", read("{'role': 'assistant', 'content': null, 'refusal': 'No.'}"))).isEqualTo("No.");
    }

    @Test
    void argumentsKeepTheirTextAndTheirDigits() {
        List<Message> messages = read("{'role': 'assistant', 'content': null, 'tool_calls': [" + CALL + "]}");
        for (List<Message> each : List.of(messages, ChatMessages.reviewed(messages, UnaryOperator.identity()))) {
            assertThat(rendered("{% for t in messages[0].tool_calls %}{{ t.function.arguments | tojson }}{% endfor %}", each))
                    .isEqualTo("{\"id\": 12345678901234567890, \"f\": 1.1}");
            assertThat(rendered("{% for t in messages[0].tool_calls %}{{ '' + t.function.arguments }}{% endfor %}", each))
                    .isEqualTo("{\"id\":  12345678901234567890, \"f\": 1.10}");
        }
    }

    @Test
    void whatIsReviewedIsChanged() {
        List<Message> messages = ChatMessages.reviewed(read("{'role': 'assistant', 'content': null, 'tool_calls': [{'id': 'c', 'type': 'function',"
                + " 'function': {'name': 'get', 'arguments': '{\\'q\\': \\'secret\\'}'}}]}"), text -> text.replace("secret", "***"));
        assertThat(rendered("{% for t in messages[0].tool_calls %}{{ t.function.arguments | tojson }}{% endfor %}", messages)).isEqualTo("{\"q\": \"***\"}");
    }
}
