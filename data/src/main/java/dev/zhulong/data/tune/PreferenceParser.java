package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.Role;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Preference pairs: {@code chosen} and {@code rejected} as text (also a transcript of Human and Assistant), as a message, as messages without
 * the prompt or with it, beside a {@code prompt} (text or messages), {@code messages}, {@code conversations} or {@code instruction} and
 * {@code input}; or none of these, where chosen and rejected are whole conversations that begin alike.
 */
record PreferenceParser(Columns columns) {
    private static final String HUMAN = "\n\nHuman:";

    Example parse(ObjectNode row, Collection<String> notes) {
        List<Message> chosen = answer(row, "chosen", notes);
        List<Message> rejected = answer(row, "rejected", notes);
        List<Message> prompt = prompt(row, notes);
        int common = 0;
        while (common < Math.min(chosen.size(), rejected.size()) - 1 && same(chosen.get(common), rejected.get(common))) {
            common++;
        }
        if (common > 0) {
            List<Message> shared = chosen.subList(0, common);
            if (!prompt.isEmpty() && !ends(shared, prompt)) {
                throw new RowRefused("the prompt is not what chosen and rejected begin with", "");
            }
            prompt = shared;
        }
        if (chosen.size() != common + 1 || rejected.size() != common + 1) {
            throw new RowRefused("chosen and rejected differ in more than their last turn", "");
        }
        Message better = spoken(chosen.getLast(), "chosen");
        Message worse = spoken(rejected.getLast(), "rejected");
        if (better.equals(worse)) {
            throw new RowRefused("chosen equals rejected", "");
        }
        String system = Json.textOrEmpty(columns.get(row, "system"), "system");
        var turns = new ArrayList<>(prompt);
        turns.add(better);
        List<Message> whole = new Turns(turns, List.of()).completed(system, notes).messages();
        List<Message> before = whole.subList(0, whole.size() - 1);
        if (before.stream().noneMatch(message -> message.role() == Role.USER)) {
            throw new RowRefused("no prompt", "");
        }
        return new Example.Preference(new Conversation(before, ToolCalls.tools(columns.get(row, "tools"))), better, worse);
    }

    private List<Message> answer(ObjectNode row, String field, Collection<String> notes) {
        JsonNode node = columns.get(row, field);
        if (Turns.isTurns(node)) {
            Turns turns = Turns.of(node, field, notes);
            if (turns.muted().contains(turns.messages().size() - 1)) {
                throw new RowRefused("marked as not to be learnt", "the last turn of " + field);
            }
            return turns.messages();
        }
        String text = Json.text(node, field);
        return text.startsWith(HUMAN) ? transcript(text) : List.of(Message.assistant(text));
    }

    /** A conversation written out as Anthropic's HH data have it. */
    private static List<Message> transcript(String text) {
        var messages = new ArrayList<Message>();
        for (String turn : text.split("(?=\n\n(Human|Assistant):)")) {
            boolean human = turn.startsWith(HUMAN);
            String said = turn.substring(turn.indexOf(':') + 1).strip();
            messages.add(human ? Message.user(said) : Message.assistant(said));
        }
        return messages;
    }

    private List<Message> prompt(ObjectNode row, Collection<String> notes) {
        for (String field : List.of("conversations", "messages", "prompt")) {
            JsonNode node = columns.get(row, field);
            if (Turns.isTurns(node)) {
                List<Message> messages = Turns.of(node, field, notes).messages();
                // "messages" beside a prompt is that prompt with the chosen answer
                boolean answered = messages.getLast().role() == Role.ASSISTANT && !field.equals("prompt");
                return answered ? messages.subList(0, messages.size() - 1) : messages;
            }
        }
        return columns.get(row, "prompt").isMissingNode() ? List.of()
                : List.of(Message.user(RowParser.instruction(columns, row, "prompt")));
    }

    private static boolean ends(List<Message> shared, List<Message> prompt) {
        int from = shared.size() - prompt.size();
        if (from < 0) {
            return false;
        }
        for (int i = 0; i < prompt.size(); i++) {
            if (!same(shared.get(from + i), prompt.get(i))) {
                return false;
            }
        }
        return true;
    }

    private static boolean same(Message a, Message b) {
        return a.role() == b.role() && a.content().strip().equals(b.content().strip()) && a.toolCalls().equals(b.toolCalls());
    }

    private static Message spoken(Message message, String field) {
        if (message.role() != Role.ASSISTANT) {
            throw new RowRefused("chosen and rejected must end in an assistant turn", field + " ends in a " + message.role().label() + " turn");
        }
        if (message.content().isBlank() && message.toolCalls().isEmpty()) {
            throw new RowRefused("empty assistant turn", field);
        }
        return message;
    }
}
