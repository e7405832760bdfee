package dev.zhulong.data.tune;

import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.ToolCall;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;

/** What an example says, whatever file, row, layout or column it comes from. */
final class ContentHash {
    private final MessageDigest digest;

    private ContentHash() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The first 8 bytes of a SHA-256. */
    static long of(Example example) {
        var hash = new ContentHash();
        switch (example) {
            case Example.Chat chat -> {
                hash.add("chat").conversation(chat.conversation());
                chat.muted().forEach(turn -> hash.add(turn.toString()));
            }
            case Example.Completion completion -> hash.add("completion").add(completion.prompt()).add(completion.completion());
            case Example.Gap gap -> hash.add("gap").add(gap.prefix()).add(gap.suffix()).add(gap.middle());
            case Example.Preference pair -> hash.add("preference").conversation(pair.prompt()).message(pair.chosen()).message(pair.rejected());
            case Example.Text text -> hash.add("text").add(text.text());
        }
        return ByteBuffer.wrap(hash.digest.digest()).getLong();
    }

    /** The same of any texts; it depends on where one ends and the next begins. */
    static long of(List<String> texts) {
        var hash = new ContentHash();
        texts.forEach(hash::add);
        return ByteBuffer.wrap(hash.digest.digest()).getLong();
    }

    private ContentHash add(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(4).putInt(bytes.length).array());
        digest.update(bytes);
        return this;
    }

    private ContentHash conversation(Conversation conversation) {
        add(Integer.toString(conversation.messages().size()));
        conversation.messages().forEach(this::message);
        conversation.tools().forEach(this::add);
        return this;
    }

    private ContentHash message(Message message) {
        add(message.role().label()).add(message.content()).add(message.reasoning()).add(message.toolCallId()).add(message.name());
        for (ToolCall call : message.toolCalls()) {
            add(call.id()).add(call.name()).add(call.arguments());
        }
        return this;
    }

    /** How an example begins, for people. */
    static String beginning(Example example) {
        return switch (example) {
            case Example.Chat chat -> beginning(chat.conversation());
            case Example.Completion completion -> completion.prompt() + completion.completion();
            case Example.Gap gap -> gap.prefix() + gap.middle() + gap.suffix();
            case Example.Preference pair -> beginning(pair.prompt());
            case Example.Text text -> text.text();
        };
    }

    private static String beginning(Conversation conversation) {
        var text = new StringBuilder();
        for (Message message : conversation.messages()) {
            text.append(message.role().label()).append(": ").append(message.content()).append(' ');
            if (text.length() > 400) {
                break;
            }
        }
        return text.toString();
    }
}
