package dev.zhulong.text.chat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.gguf.GgufMetadata;
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
import java.util.ArrayList;
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
    private static final String CONFIG = "tokenizer_config.json";
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
    private static final ObjectMapper JSON = new ObjectMapper();

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
        Path config = directory.resolve(CONFIG);
        JsonNode json = Files.isRegularFile(config) ? read(config) : JSON.createObjectNode();
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

    private static JsonNode read(Path file) {
        try {
            return JSON.readTree(Files.readAllBytes(file));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + ": malformed JSON", e);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static Map<String, String> specials(JsonNode config) {
        Map<String, String> specials = new LinkedHashMap<>();
        for (String name : List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")) {
            JsonNode token = config.path(name).isObject() ? config.path(name).path("content") : config.path(name);
            if (token.isTextual()) {
                specials.put(name, token.asText());
            }
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
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", conversation.messages().stream().map(ChatTemplate::message).toList());
        variables.put("tools", conversation.tools().isEmpty() ? null : conversation.tools().stream().map(ChatTemplate::json).toList());
        variables.put("documents", null);
        variables.put("add_generation_prompt", addGenerationPrompt);
        specialTokens.forEach((name, token) -> variables.put(name, Text.of(token)));
        more.forEach((name, value) -> variables.put(name, value instanceof String text ? Text.of(text) : value instanceof Integer i
                ? (Object) Long.valueOf(i) : value));
        Template chosen = conversation.tools().isEmpty() ? template : forTools.orElse(template);
        return chosen.render(variables, now);
    }

    private static Map<Object, Object> message(Message message) {
        Map<Object, Object> fields = new LinkedHashMap<>();
        fields.put(Text.of("role"), Text.of(message.role().label()));
        fields.put(Text.of("content"), Text.content(message.content()));
        if (!message.reasoning().isEmpty()) {
            fields.put(Text.of("reasoning_content"), Text.content(message.reasoning()));
        }
        if (!message.toolCalls().isEmpty()) {
            List<Object> calls = new ArrayList<>();
            for (ToolCall call : message.toolCalls()) {
                Map<Object, Object> function = new LinkedHashMap<>();
                function.put(Text.of("name"), Text.content(call.name()));
                function.put(Text.of("arguments"), json(call.arguments()));
                Map<Object, Object> entry = new LinkedHashMap<>();
                if (!call.id().isEmpty()) {
                    entry.put(Text.of("id"), Text.content(call.id()));
                }
                entry.put(Text.of("type"), Text.of("function"));
                entry.put(Text.of("function"), function);
                calls.add(entry);
            }
            fields.put(Text.of("tool_calls"), calls);
        }
        if (!message.toolCallId().isEmpty()) {
            fields.put(Text.of("tool_call_id"), Text.content(message.toolCallId()));
        }
        if (!message.name().isEmpty()) {
            fields.put(Text.of("name"), Text.content(message.name()));
        }
        return fields;
    }

    /** What JSON says, or the text itself where it is none. */
    private static Object json(String text) {
        try {
            return Template.value(JSON.readTree(text));
        } catch (JsonProcessingException e) {
            return Text.content(text);
        }
    }
}
