package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Finds calls of tools in what a model writes, as it comes: {@code <tool_call>{"name": …, "arguments": …}</tool_call>} (Hermes, Qwen) anywhere, or an answer
 * that is such an object or an array of them and nothing else (Llama 3's {@code parameters}, Mistral, and whatever a schema has forced). Between the marks
 * arguments may be left out; an object by itself that has none, or more than a call has, is an answer. What is no call is text, told as soon as it can no longer become one.
 */
final class ToolCalls {
    /**
     * A call.
     *
     * @param name      of a tool that was offered
     * @param arguments a JSON object, as text, with the model's own digits
     */
    record Call(String name, String arguments) {}

    private static final String OPEN = "<tool_call>";
    private static final String CLOSE = "</tool_call>";
    /** What a call in bare JSON may hold; with anything else it is an answer about a tool. */
    private static final Set<String> PARTS = Set.of("name", "arguments", "parameters", "id", "type");

    private final Set<String> names;
    private final boolean forced;
    private final List<Call> calls = new ArrayList<>();
    private final StringBuilder held = new StringBuilder();
    /** Whether all so far may be an answer in bare JSON. */
    private boolean bare;
    private boolean begun;

    /**
     * @param names  of the tools offered
     * @param forced whether the answer can be nothing but calls
     */
    ToolCalls(Set<String> names, boolean forced) {
        this.names = names;
        this.forced = forced;
        bare = forced;
    }

    /** Takes more text; gives what is no part of a call. */
    String push(String piece) {
        held.append(piece);
        if (!begun && !held.toString().isBlank()) {
            begun = true;
            char first = held.toString().stripLeading().charAt(0);
            bare |= first == '{' || first == '[';
        }
        if (!begun || bare) {
            return "";
        }
        var text = new StringBuilder();
        int open;
        while ((open = held.indexOf(OPEN)) >= 0) {
            int close = held.indexOf(CLOSE, open);
            if (close < 0) {
                text.append(held, 0, open);
                held.delete(0, open);
                return text.toString();
            }
            List<Call> found = read(held.substring(open + OPEN.length(), close), true);
            text.append(held, 0, found.isEmpty() ? close + CLOSE.length() : open);
            calls.addAll(found);
            held.delete(0, close + CLOSE.length());
        }
        int free = held.length() - begunMark();
        text.append(held, 0, free);
        held.delete(0, free);
        return text.toString();
    }

    /** Characters at the end that may be the beginning of a mark. */
    private int begunMark() {
        for (int n = Math.min(OPEN.length() - 1, held.length()); n > 0; n--) {
            if (OPEN.startsWith(held.substring(held.length() - n))) {
                return n;
            }
        }
        return 0;
    }

    /** No more comes; gives what was held and is no call. */
    String finish() {
        String rest = held.toString();
        held.setLength(0);
        // an end mark may be the token that ended the turn
        List<Call> found = bare ? read(rest, false) : rest.startsWith(OPEN) ? read(rest.substring(OPEN.length()), true) : List.of();
        calls.addAll(found);
        return found.isEmpty() && !forced ? rest : "";
    }

    /** The calls found since the last time. */
    List<Call> take() {
        List<Call> taken = List.copyOf(calls);
        calls.clear();
        return taken;
    }

    private List<Call> read(String text, boolean marked) {
        JsonNode tree = Json.parse(text.strip());
        List<Call> found = new ArrayList<>();
        if (tree != null && tree.isArray() && !tree.isEmpty()) {
            for (JsonNode element : tree) {
                Call call = call(element, marked);
                if (call == null) {
                    return List.of();
                }
                found.add(call);
            }
        } else if (tree != null && call(tree, marked) != null) {
            found.add(call(tree, marked));
        }
        return found;
    }

    private Call call(JsonNode tree, boolean marked) {
        String name = tree.path("name").textValue();
        JsonNode arguments = tree.has("arguments") ? tree.get("arguments") : tree.has("parameters") ? tree.get("parameters") : marked ? Json.object() : null;
        if (name == null || arguments == null || !names.contains(name) || !marked && !tree.propertyStream().map(Map.Entry::getKey).allMatch(PARTS::contains)) {
            return null;
        }
        ObjectNode object = arguments(arguments);
        return object == null ? null : new Call(name, Json.text(object));
    }

    /**
     * Arguments as models and clients write them: an object, its text, or nothing, {@code null} or a blank text where a function takes none.
     *
     * @param written null for nothing
     * @return null where it is none of these
     */
    static ObjectNode arguments(JsonNode written) {
        JsonNode value = written != null && written.isTextual() ? Json.parse(written.textValue()) : written;
        if (value == null && written != null) {
            return null;
        }
        return value == null || value.isNull() || value.isMissingNode() ? Json.object() : value instanceof ObjectNode object ? object : null;
    }
}
