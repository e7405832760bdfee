package dev.zhulong.text.chat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.zhulong.text.chat.jinja.Template;
import dev.zhulong.text.chat.jinja.Text;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A conversation as templates read it: the dictionaries that transformers hands over, with marks that say who brought what.
 *
 * @param arguments of calls, in which form
 * @param empty     whether an absent content, or null, is shown as an empty one
 */
record MessageValues(Conversation conversation, Arguments arguments, boolean empty) {
    /** In which form a call's arguments are. */
    enum Arguments {
        /** As they were written: an object or its text. */
        WRITTEN,
        MAPPINGS,
        TEXTS
    }

    /** Reads what Python's {@code json} reads. */
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder().maxNumberLength(4300).build()).build())
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    List<Object> messages() {
        List<Object> values = new ArrayList<>();
        List<Message> messages = conversation.messages();
        for (int i = 0; i < messages.size(); i++) {
            values.add(value(messages.get(i), i == messages.size() - 1));
        }
        return values;
    }

    /** Null for none, which is what templates ask for. */
    List<Object> tools() {
        return conversation.tools().isEmpty() ? null : conversation.tools().stream().map(tool -> json(tool, Text.HEARD)).toList();
    }

    private Map<Object, Object> value(Message message, boolean last) {
        int marks = (message.role() == Role.ASSISTANT ? 0 : Text.HEARD) | (last ? Text.LAST : 0);
        Map<Object, Object> fields = new LinkedHashMap<>();
        fields.put(Text.of("role"), Text.of(message.role().label()));
        if (message.written() == Message.Written.TEXT || empty) {
            fields.put(Text.of("content"), Text.content(message.content(), marks));
        } else if (message.written() == Message.Written.NULL) {
            fields.put(Text.of("content"), null);
        }
        if (!message.reasoning().isEmpty()) {
            fields.put(Text.of("reasoning_content"), Text.content(message.reasoning(), marks));
        }
        if (!message.toolCalls().isEmpty()) {
            fields.put(Text.of("tool_calls"), message.toolCalls().stream().map(call -> (Object) value(call, marks)).toList());
        }
        if (!message.toolCallId().isEmpty()) {
            fields.put(Text.of("tool_call_id"), Text.content(message.toolCallId(), marks));
        }
        if (!message.name().isEmpty()) {
            fields.put(Text.of("name"), Text.content(message.name(), marks));
        }
        return fields;
    }

    private Map<Object, Object> value(ToolCall call, int marks) {
        Map<Object, Object> function = new LinkedHashMap<>();
        function.put(Text.of("name"), Text.content(call.name(), marks));
        function.put(Text.of("arguments"), arguments(call, marks));
        Map<Object, Object> entry = new LinkedHashMap<>();
        if (!call.id().isEmpty()) {
            entry.put(Text.of("id"), Text.content(call.id(), marks));
        }
        entry.put(Text.of("type"), Text.of("function"));
        entry.put(Text.of("function"), function);
        return entry;
    }

    private Object arguments(ToolCall call, int marks) {
        boolean text = arguments == Arguments.TEXTS || arguments == Arguments.WRITTEN && !call.object();
        if (!text) {
            return json(call.arguments(), marks);
        }
        return call.object() ? Template.json(json(call.arguments(), marks)) : Text.content(call.arguments(), marks);
    }

    /** What JSON says, or the text itself where it is none. */
    private static Object json(String text, int marks) {
        try {
            return Template.value(JSON.readTree(text), marks);
        } catch (JsonProcessingException e) {
            return Text.content(text, marks);
        }
    }
}
