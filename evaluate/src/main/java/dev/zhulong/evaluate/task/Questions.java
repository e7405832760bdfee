package dev.zhulong.evaluate.task;

import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Questions with their shots before them, as plain text or as a conversation. */
public final class Questions {
    private final TaskData data;
    private final String separator;
    private final String delimiter;
    private final Function<Item, String> question;
    private final Function<Item, String> answer;

    /**
     * @param separator between a shot and what follows it
     * @param delimiter between a shot's question and its answer
     * @param question what is asked of a row
     * @param answer   what is to be said to it, for shots
     */
    public Questions(TaskData data, String separator, String delimiter, Function<Item, String> question, Function<Item, String> answer) {
        this.data = data;
        this.separator = separator;
        this.delimiter = delimiter;
        this.question = question;
        this.answer = answer;
    }

    /** Shots and question as one text. */
    public String text(Item item) {
        var text = new StringBuilder();
        for (Item shot : data.shots(item)) {
            text.append(question.apply(shot)).append(delimiter).append(answer.apply(shot)).append(separator);
        }
        return text.append(question.apply(item)).toString();
    }

    /** A conversation of one question. */
    static Conversation turn(String question) {
        return new Conversation(List.of(Message.user(question)), List.of());
    }

    /** Shots as turns, the question as the last. */
    public Conversation conversation(Item item) {
        List<Message> turns = new ArrayList<>();
        for (Item shot : data.shots(item)) {
            turns.add(Message.user(question.apply(shot)));
            turns.add(Message.assistant(answer.apply(shot)));
        }
        turns.add(Message.user(question.apply(item)));
        return new Conversation(turns, List.of());
    }
}
