package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.Role;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A row of fields to an example.
 *
 * @param columns   where the fields lie
 * @param asChat    whether prompt and completion become a conversation
 * @param separator between a plain prompt and its completion
 */
record RowParser(Columns columns, boolean asChat, String separator) {
    /**
     * The example.
     *
     * @param notes gets what is odd but usable
     * @throws RowRefused where the row gives none
     */
    Example parse(ObjectNode row, Collection<String> notes) {
        LossMark.check(row, columns, notes);
        Verdict.check(row, columns, notes);
        return switch (columns.layout()) {
            case ALPACA -> alpaca(row, notes);
            case SHAREGPT -> chat(row, "conversations", notes);
            case MESSAGES -> chat(row, "messages", notes);
            case COMPLETION -> completion(row, notes);
            case GAP -> gap(row);
            case PREFERENCE -> new PreferenceParser(columns).parse(row, notes);
            case TEXT -> {
                String text = Json.text(columns.get(row, "text"), "text");
                if (text.isBlank()) {
                    throw new RowRefused("empty text", "");
                }
                yield new Example.Text(text);
            }
        };
    }

    private Example chat(ObjectNode row, String field, Collection<String> notes) {
        JsonNode turns = Json.unfolded(columns.get(row, field));
        LossMark.spread(row, turns);
        return chat(row, Turns.of(turns, field, notes), notes);
    }

    private Example chat(ObjectNode row, Turns turns, Collection<String> notes) {
        Turns whole = turns.completed(Json.textOrEmpty(columns.get(row, "system"), "system"), notes);
        long learnt = whole.messages().stream().filter(m -> m.role() == Role.ASSISTANT).count() - whole.muted().size();
        if (learnt == 0) {
            throw new RowRefused("no assistant turn to learn", "every one is marked as not to be learnt");
        }
        return new Example.Chat(new Conversation(whole.messages(), ToolCalls.tools(columns.get(row, "tools"))), whole.muted());
    }

    private Example alpaca(ObjectNode row, Collection<String> notes) {
        String prompt = instruction(columns, row, "instruction");
        String output = Json.text(columns.get(row, "output"), "output");
        Turns history = history(Json.unfolded(columns.get(row, "history")), notes);
        var messages = new ArrayList<>(history.messages());
        messages.add(Message.user(prompt));
        messages.add(Message.assistant(output));
        return chat(row, new Turns(messages, history.muted()), notes);
    }

    /** Instruction and, on a new line, input; as LLaMA-Factory joins them. */
    static String instruction(Columns columns, ObjectNode row, String field) {
        String instruction = Json.text(columns.get(row, field), field);
        String input = Json.textOrEmpty(columns.get(row, "input"), "input");
        String prompt = instruction.isBlank() ? input : input.isBlank() ? instruction : instruction + "\n" + input;
        if (prompt.isBlank()) {
            throw new RowRefused("empty prompt", "");
        }
        return prompt;
    }

    /** Earlier turns: pairs of what the user and what the assistant said, or messages. */
    private static Turns history(JsonNode history, Collection<String> notes) {
        if (history.isMissingNode() || history.isEmpty() && (history.isArray() || history.asText().isBlank())) {
            return new Turns(List.of(), List.of());
        }
        if (Turns.isTurns(history)) {
            return Turns.of(history, "history", notes);
        }
        var messages = new ArrayList<Message>();
        for (JsonNode pair : history) {
            if (!pair.isArray() || pair.size() != 2) {
                throw new RowRefused("history is not a list of pairs", pair.toString());
            }
            messages.add(Message.user(Json.text(pair.get(0), "history")));
            messages.add(Message.assistant(Json.text(pair.get(1), "history")));
        }
        if (messages.isEmpty()) {
            throw new RowRefused("history is not a list of pairs", history.toString());
        }
        return new Turns(messages, List.of());
    }

    private Example completion(ObjectNode row, Collection<String> notes) {
        JsonNode prompt = columns.get(row, "prompt");
        JsonNode completion = columns.get(row, "completion");
        boolean turns = Turns.isTurns(prompt) || Turns.isTurns(completion);
        if (turns || asChat) {
            var messages = new ArrayList<>(Turns.isTurns(prompt) ? Turns.of(prompt, "prompt", notes).messages()
                    : List.of(Message.user(nonBlank(Json.text(prompt, "prompt"), "empty prompt"))));
            int context = messages.size();
            Turns answer = Turns.isTurns(completion) ? Turns.of(completion, "completion", notes)
                    : new Turns(List.of(Message.assistant(Json.text(completion, "completion"))), List.of());
            messages.addAll(answer.messages());
            var muted = Stream.concat(IntStream.range(0, context).filter(i -> messages.get(i).role() == Role.ASSISTANT).boxed(),
                    answer.muted().stream().map(number -> context + number)).toList();
            return chat(row, new Turns(messages, muted), notes);
        }
        String before = nonBlank(Json.text(prompt, "prompt"), "empty prompt");
        String after = nonBlank(Json.text(completion, "completion"), "empty completion");
        if (!Json.textOrEmpty(columns.get(row, "system"), "system").isBlank()) {
            notes.add("a system column, for which plain prompts have no place; left off");
        }
        return new Example.Completion(before + separator, after);
    }

    /** Spaces and line breaks count: either side may be empty, and nothing else stands between the three. */
    private Example gap(ObjectNode row) {
        String middle = Json.text(columns.get(row, "middle"), "middle");
        if (middle.isEmpty()) {
            throw new RowRefused("empty middle", "");
        }
        return new Example.Gap(Json.textOrEmpty(columns.get(row, "prefix"), "prefix"), Json.textOrEmpty(columns.get(row, "suffix"), "suffix"), middle);
    }

    private static String nonBlank(String text, String reason) {
        if (text.isBlank()) {
            throw new RowRefused(reason, "");
        }
        return text;
    }
}
