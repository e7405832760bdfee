package dev.zhulong.text.chat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.text.TokenizerConfig;
import dev.zhulong.text.chat.MessageValues.Arguments;
import dev.zhulong.text.chat.jinja.Template;
import dev.zhulong.text.chat.jinja.TemplateException;
import dev.zhulong.text.chat.jinja.Text;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.LocalDateTime;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A model's chat template: {@code chat_template.jinja}, else {@code chat_template} of {@code tokenizer_config.json}, else ChatML. Rendered as
 * transformers' {@code apply_chat_template} renders it. Safe for several threads.
 *
 * <pre>{@code
 * String text = ChatTemplate.load(model).render(Conversation.of(Message.user("Hello")), true).toString();
 * }</pre>
 */
public final class ChatTemplate {
    /** Where a model directory keeps it. */
    public static final String FILE = "chat_template.jinja";
    /**
     * ChatML (OpenAI), for models without a template of their own; an assistant's turn ends in the model's EOS too, which a model knows that
     * never saw {@code <|im_end|>}.
     */
    static final String CHAT_ML = """
            {%- for message in messages %}
                {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' }}
                {%- if message.role == 'assistant' and eos_token and eos_token != '<|im_end|>' %}{{ eos_token }}{% endif %}
                {{- '\\n' }}
            {%- endfor %}
            {%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
            """;

    private final String source;
    private final Template template;
    private final Optional<Template> forTools;
    private final Map<String, String> specialTokens;
    private final boolean present;

    private ChatTemplate(String source, Optional<String> forTools, Map<String, String> specialTokens, boolean present) {
        this.source = source;
        this.template = Template.parse(source);
        this.forTools = forTools.map(Template::parse);
        this.specialTokens = specialTokens;
        this.present = present;
    }

    /**
     * The template of the model, or of the adapter, in a directory.
     *
     * @throws IllegalArgumentException where the files are malformed, or the template is none; names the file
     */
    public static ChatTemplate load(Path directory) {
        Path config = directory.resolve(TokenizerConfig.FILE);
        JsonNode json = TokenizerConfig.read(directory);
        Map<String, String> specials = specials(json);
        Path file = directory.resolve(FILE);
        Path from = Files.isRegularFile(file) ? file : config;
        try {
            if (from.equals(file)) {
                return new ChatTemplate(Files.readString(file), Optional.empty(), specials, true);
            }
            JsonNode own = json.path("chat_template");
            if (own.isTextual()) {
                return new ChatTemplate(own.asText(), Optional.empty(), specials, true);
            }
            if (own.isArray()) {
                Map<String, String> named = new LinkedHashMap<>();
                own.forEach(each -> named.put(each.path("name").asText(), each.path("template").asText()));
                String main = named.containsKey("default") ? named.get("default") : named.values().stream().findFirst().orElse(null);
                if (main != null) {
                    return new ChatTemplate(main, Optional.ofNullable(named.get("tool_use")), specials, true);
                }
            }
            return new ChatTemplate(CHAT_ML, Optional.empty(), specials, false);
        } catch (TemplateException e) {
            throw new IllegalArgumentException(from + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException(from + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * The template in a GGUF file's metadata, else ChatML.
     *
     * @throws FormatException where a key is of a wrong type, or the template is none
     */
    public static ChatTemplate load(GgufMetadata metadata) {
        Map<String, String> specials = new LinkedHashMap<>();
        if (metadata.has("tokenizer.ggml.tokens")) {
            List<String> tokens = metadata.texts("tokenizer.ggml.tokens");
            Map.of("bos_token", "bos", "eos_token", "eos", "unk_token", "unknown", "pad_token", "padding").forEach((name, key) ->
                    metadata.tokenId("tokenizer.ggml." + key + "_token_id", tokens.size())
                            .ifPresent(id -> specials.put(name, tokens.get(id))));
        }
        Optional<String> own = metadata.text("tokenizer.chat_template");
        try {
            return own.isEmpty() ? chatMl(specials)
                    : new ChatTemplate(own.get(), metadata.text("tokenizer.chat_template.tool_use"), specials, true);
        } catch (TemplateException e) {
            throw new FormatException(metadata.file(), "tokenizer.chat_template: " + e.getMessage(), e);
        }
    }

    /**
     * A template from its source.
     *
     * @param specialTokens by their names: {@code bos_token}, {@code eos_token} and others
     */
    public static ChatTemplate parse(String source, Map<String, String> specialTokens) {
        return new ChatTemplate(source, Optional.empty(), Map.copyOf(specialTokens), true);
    }

    /** ChatML. */
    public static ChatTemplate chatMl(Map<String, String> specialTokens) {
        return new ChatTemplate(CHAT_ML, Optional.empty(), Map.copyOf(specialTokens), false);
    }

    private static Map<String, String> specials(JsonNode config) {
        Map<String, String> specials = new LinkedHashMap<>();
        for (String name : TokenizerConfig.SPECIALS) {
            TokenizerConfig.special(config, name).ifPresent(token -> specials.put(name, token));
        }
        return specials;
    }

    /** Whether the model has one of its own; otherwise this is ChatML. */
    public boolean present() {
        return present;
    }

    /** As written. */
    public String source() {
        return source;
    }

    /** Tells templates apart: the beginning of the source's SHA-256. */
    public String hash() {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(source.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * The conversation as the model is to read it.
     *
     * @param addGenerationPrompt whether the opening of an assistant's turn comes last
     * @return the text, whose marks tell what the conversation brought from what the template wrote
     * @throws IllegalArgumentException where the template refuses the conversation; its own words
     */
    public Text render(Conversation conversation, boolean addGenerationPrompt) {
        return render(conversation, addGenerationPrompt, Map.of(), LocalDateTime::now);
    }

    /**
     * The same with more variables, such as {@code enable_thinking}.
     *
     * @param more booleans, whole numbers and strings
     * @param now  for templates that tell the date
     */
    public Text render(Conversation conversation, boolean addGenerationPrompt, Map<String, Object> more, Supplier<LocalDateTime> now) {
        boolean texts = conversation.messages().stream().flatMap(message -> message.toolCalls().stream()).anyMatch(call -> !call.object());
        Arguments arguments = texts && !takesTexts(conversation, addGenerationPrompt, more, now) ? Arguments.MAPPINGS : Arguments.WRITTEN;
        try {
            return render(new MessageValues(conversation, arguments, false), addGenerationPrompt, more, now);
        } catch (TemplateException e) {
            return otherwise(conversation, arguments, addGenerationPrompt, more, now).orElseThrow(() -> e);
        }
    }

    /**
     * Whether the template shows the text of arguments as it is. One that writes it as a JSON string, or goes through its keys, was written for
     * mappings.
     */
    private boolean takesTexts(Conversation conversation, boolean addGenerationPrompt, Map<String, Object> more, Supplier<LocalDateTime> now) {
        // no conversation says it
        String probe = "{\"takes-texts\": \"or-mappings\"}";
        List<Message> probing = conversation.messages().stream().map(message -> message.saying(message.content(), message.reasoning(),
                message.toolCalls().stream().map(call -> call.object() ? call : new ToolCall(call.id(), call.name(), probe)).toList(),
                message.name())).toList();
        for (boolean empty : new boolean[] {false, true}) {
            try {
                return render(new MessageValues(new Conversation(probing, conversation.tools()), Arguments.WRITTEN, empty), addGenerationPrompt, more,
                        now).toString().contains(probe);
            } catch (TemplateException e) {
                // perhaps for want of a content, else for want of a mapping
            }
        }
        return false;
    }

    /** For a template that fails: arguments in the other form, no content as an empty one; empty where that fails too or would lose a call. */
    private Optional<Text> otherwise(Conversation conversation, Arguments tried, boolean addGenerationPrompt, Map<String, Object> more,
            Supplier<LocalDateTime> now) {
        List<Message> renamed = conversation.messages().stream().map(message -> message.calling(name -> name + "_probe")).toList();
        List<String> called = renamed.stream().flatMap(message -> message.toolCalls().stream()).map(ToolCall::name).toList();
        boolean silent = conversation.messages().stream().anyMatch(message -> message.written() != Message.Written.TEXT);
        for (boolean empty : silent ? new boolean[] {false, true} : new boolean[] {false}) {
            for (Arguments arguments : called.isEmpty() ? List.of(tried) : List.of(tried, Arguments.TEXTS, Arguments.MAPPINGS)) {
                if (!empty && arguments == tried) {
                    continue;
                }
                try {
                    Text text = render(new MessageValues(conversation, arguments, empty), addGenerationPrompt, more, now);
                    // under its own name a call may seem to be there, in a list of tools or in what the user says
                    String shown = called.isEmpty() ? "" : render(new MessageValues(new Conversation(renamed, conversation.tools()), arguments, empty),
                            addGenerationPrompt, more, now).toString();
                    if (called.stream().allMatch(shown::contains)) {
                        return Optional.of(text);
                    }
                } catch (TemplateException e) {
                    // the first failure is the one to report
                }
            }
        }
        return Optional.empty();
    }

    private Text render(MessageValues messages, boolean addGenerationPrompt, Map<String, Object> more, Supplier<LocalDateTime> now) {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", messages.messages());
        variables.put("tools", messages.tools());
        variables.put("documents", null);
        variables.put("add_generation_prompt", addGenerationPrompt);
        specialTokens.forEach((name, token) -> variables.put(name, Text.of(token)));
        more.forEach((name, value) -> variables.put(name, value instanceof String text ? Text.of(text) : value instanceof Integer i
                ? (Object) Long.valueOf(i) : value));
        return (variables.get("tools") == null ? template : forTools.orElse(template)).render(variables, now);
    }
}
