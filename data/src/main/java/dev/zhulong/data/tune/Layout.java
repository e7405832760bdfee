package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/** How a row holds an example: the names of its fields. */
public enum Layout {
    // in the order in which they are tried; UltraFeedback's rows have messages beside chosen, Alpaca's a text beside instruction

    /** Text before a gap, text behind it, and what belongs into it: fill-in-the-middle. */
    GAP(List.of("prefix", "suffix", "middle")),
    /** A prompt with a better and a worse answer, as TRL and LLaMA-Factory write them for preference learning. */
    PREFERENCE(List.of("chosen", "rejected")),
    /** OpenAI's chat format: {@code messages} of {@code role} and {@code content}, {@code tools}. */
    MESSAGES(List.of("messages")),
    /** ShareGPT: {@code conversations} of {@code from} and {@code value}. */
    SHAREGPT(List.of("conversations")),
    /** Alpaca (Stanford): {@code instruction}, {@code input}, {@code output}; {@code history} and {@code system} as LLaMA-Factory adds. */
    ALPACA(List.of("instruction", "output")),
    /** A prompt and what follows it. */
    COMPLETION(List.of("prompt", "completion")),
    /** Text as it is. */
    TEXT(List.of("text"));

    /** Every field a mapping may name. */
    public static final List<String> FIELDS = List.of("instruction", "input", "output", "history", "system", "conversations", "messages",
            "tools", "prompt", "completion", "chosen", "rejected", "prefix", "suffix", "middle", "text");

    private final List<String> required;

    Layout(List<String> required) {
        this.required = required;
    }

    /** Fields without which a row is not of this layout. */
    List<String> required() {
        return required;
    }

    /** Columns that are taken for {@code field} where no mapping says otherwise, the likeliest first. */
    List<String> columns(String field) {
        return switch (field) {
            case "prompt" -> switch (this) {
                case PREFERENCE -> List.of("prompt", "question", "query", "instruction");
                default -> List.of("prompt", "question", "query", "problem", "input", "source");
            };
            case "completion" -> List.of("completion", "answer", "response", "solution", "output", "target");
            case "output" -> List.of("output", "response");
            case "input" -> List.of("input", "context");
            case "conversations" -> List.of("conversations", "conversation");
            case "tools" -> List.of("tools", "functions");
            case "text" -> List.of("text", "content");
            default -> List.of(field);
        };
    }

    /**
     * Whether a value could be that of a required field.
     *
     * @param named whether its column is called as the field is, or mapped to it. Else a number is none: it keeps a question with the number
     *              of its choice from passing for a text, as it does in a pair, where chosen and rejected may be numbers of answers
     */
    boolean plausible(JsonNode value, boolean named) {
        return switch (this) {
            case TEXT, GAP -> value.isTextual();
            case ALPACA, COMPLETION -> value.isTextual() || value.isContainerNode() || named && value.isValueNode();
            default -> value.isTextual() || value.isContainerNode();
        };
    }
}
