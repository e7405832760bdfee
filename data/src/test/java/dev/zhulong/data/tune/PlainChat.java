package dev.zhulong.data.tune;

import dev.zhulong.data.ShiftedBytes;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.Role;
import dev.zhulong.text.chat.SupervisedTokens;
import dev.zhulong.text.chat.ToolCall;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A template for tests, over bytes: BOS, then each turn as {@code role:content} EOS and a line break; the break is not learnt. */
final class PlainChat implements ConversationEncoder {
    static final int EOS = 256;
    static final int BOS = 257;
    static final ShiftedBytes TOKENIZER = new ShiftedBytes(true, 258);

    @Override
    public List<SupervisedTokens> supervise(Conversation conversation) {
        var ids = new ArrayList<Integer>();
        var marks = new ArrayList<Boolean>();
        add(ids, marks, false, BOS);
        for (Message message : conversation.messages()) {
            if (message.content().contains("refuse me")) {
                throw new IllegalArgumentException("raise_exception: no such turns");
            }
            boolean learnt = message.role() == Role.ASSISTANT;
            add(ids, marks, false, TOKENIZER.encode(message.role().label() + ":"));
            add(ids, marks, learnt, TOKENIZER.encode(message.content() + calls(message)));
            add(ids, marks, learnt, EOS);
            add(ids, marks, false, '\n');
        }
        var supervised = new boolean[marks.size()];
        for (int i = 0; i < supervised.length; i++) {
            supervised[i] = marks.get(i);
        }
        return List.of(new SupervisedTokens(ids.stream().mapToInt(Integer::intValue).toArray(), supervised));
    }

    private static String calls(Message message) {
        return String.join("", message.toolCalls().stream().map(ToolCall::arguments).toList());
    }

    private static void add(List<Integer> ids, List<Boolean> marks, boolean learnt, int... more) {
        for (int id : more) {
            ids.add(id);
            marks.add(learnt);
        }
    }

    @Override
    public int[] prompt(Conversation conversation) {
        int[] before = supervise(conversation).getFirst().ids();
        int[] opening = TOKENIZER.encode("assistant:");
        int[] ids = Arrays.copyOf(before, before.length + opening.length);
        System.arraycopy(opening, 0, ids, before.length, opening.length);
        return ids;
    }

    /** The learnt tokens, EOS as {@code $}. */
    static String learnt(SupervisedTokens tokens) {
        var out = new ByteArrayOutputStream();
        for (int i = 0; i < tokens.ids().length; i++) {
            if (tokens.supervised()[i]) {
                out.write(tokens.ids()[i] == EOS ? '$' : tokens.ids()[i]);
            }
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    /** All tokens, EOS as {@code $}, BOS as {@code ^}. */
    static String text(int[] ids) {
        var out = new ByteArrayOutputStream();
        for (int id : ids) {
            out.write(id == EOS ? '$' : id == BOS ? '^' : id);
        }
        return out.toString(StandardCharsets.UTF_8);
    }
}
