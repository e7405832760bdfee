package dev.zhulong.text.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.text.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConversationsRenderAsTransformersDoesTest {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root")).resolveSibling("shared");

    @TempDir
    Path temporary;

    private static JsonNode fixtures() throws IOException {
        return new ObjectMapper().readTree(ConversationsRenderAsTransformersDoesTest.class.getResourceAsStream("/chat/conversations.json"));
    }

    private static Conversation conversation(JsonNode each) {
        List<Message> messages = new ArrayList<>();
        for (JsonNode m : each.get("messages")) {
            List<ToolCall> calls = new ArrayList<>();
            m.path("tool_calls").forEach(c -> calls.add(new ToolCall(c.path("id").asText(), c.path("function").path("name").asText(),
                    c.path("function").path("arguments").toString())));
            messages.add(new Message(Role.valueOf(m.get("role").asText().toUpperCase(Locale.ROOT)), m.path("content").asText(),
                    m.path("reasoning_content").asText(), calls, m.path("tool_call_id").asText(), m.path("name").asText()));
        }
        List<String> tools = new ArrayList<>();
        if (each.get("tools").isArray()) {
            each.get("tools").forEach(tool -> tools.add(tool.toString()));
        }
        return new Conversation(messages, tools);
    }

    @Test
    void toolsSeveralTurnsSystemOrNot() throws IOException {
        JsonNode file = fixtures();
        Map<String, String> specials = new LinkedHashMap<>();
        file.get("special_tokens").properties().forEach(e -> specials.put(e.getKey(), e.getValue().asText()));
        for (JsonNode each : file.get("conversations")) {
            ChatTemplate template = ChatTemplate.parse(file.get("templates").get(each.get("template").asText()).asText(), specials);
            boolean opening = each.get("add_generation_prompt").booleanValue();
            String name = each.get("template").asText() + " " + each.get("kind").asText() + " " + opening;
            if (each.has("expected")) {
                assertThat(template.render(conversation(each), opening).toString()).as(name).isEqualTo(each.get("expected").asText());
            } else {
                assertThatThrownBy(() -> template.render(conversation(each), opening)).as(name).hasMessageContaining(each.get("error").asText());
            }
        }
    }

    @Test
    void qwen25CharacterForCharacterAndIdForId() throws IOException {
        Path directory = SHARED.resolve("assets/tokenizers/qwen2_5");
        assumeTrue(Files.isDirectory(directory), "needs ../shared/assets/tokenizers/qwen2_5");
        ChatTemplate template = ChatTemplate.load(directory);
        assertThat(template.present()).isTrue();
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            var encoder = new ChatEncoder(template, tokenizer);
            for (JsonNode each : fixtures().get("qwen2_5")) {
                boolean opening = each.get("add_generation_prompt").booleanValue();
                var text = template.render(conversation(each), opening);
                assertThat(text.toString()).as(each.get("kind").asText()).isEqualTo(each.get("expected").asText());
                int[] ids = encoder.ids(text);
                assertThat(ids).as(each.get("kind").asText()).containsExactly(new ObjectMapper().convertValue(each.get("ids"), int[].class));
            }
            assertThat(encoder.endOfTurn()).contains(tokenizer.id("<|im_end|>").orElseThrow());
        }
    }

    @Test
    void theFileComesBeforeTheConfigurationAndChatMlLast() throws IOException {
        assertThat(ChatTemplate.load(temporary).present()).isFalse();
        Files.writeString(temporary.resolve("tokenizer_config.json"), "{\"bos_token\": {\"content\": \"<b>\"}, \"chat_template\": ["
                + "{\"name\": \"default\", \"template\": \"plain{{ bos_token }}\"}, {\"name\": \"tool_use\", \"template\": \"tools\"}]}");
        var named = ChatTemplate.load(temporary);
        assertThat(named.render(Conversation.of(), false).toString()).isEqualTo("plain<b>");
        assertThat(named.render(new Conversation(List.of(), List.of("{}")), false).toString()).isEqualTo("tools");
        Files.writeString(temporary.resolve("chat_template.jinja"), "own");
        assertThat(ChatTemplate.load(temporary).render(Conversation.of(), false).toString()).isEqualTo("own");
        assertThat(ChatTemplate.load(temporary).hash()).hasSize(16).isNotEqualTo(named.hash());
        Files.writeString(temporary.resolve("chat_template.jinja"), "{% if %}");
        assertThatThrownBy(() -> ChatTemplate.load(temporary)).hasMessageContaining("chat_template.jinja").hasMessageContaining("line 1");
    }
}
