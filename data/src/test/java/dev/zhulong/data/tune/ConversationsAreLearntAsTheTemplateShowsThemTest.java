package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import dev.zhulong.text.chat.SupervisedTokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows through a template of a model's own: none is none, a text is a text, and an end that is not learnt is noted. */
class ConversationsAreLearntAsTheTemplateShowsThemTest {
    private static final String CALLS = "{% for m in messages %}{% if m.role == 'assistant' and m.content is none %}{% for t in m.tool_calls %}"
            + "{{ '<s>call ' + t.function.name + ' ' }}{{ @ }}{{ eos_token }}{% endfor %}{% else %}{{ '<s>' + m.role + ':' + m.content + eos_token }}{% endif %}"
            + "{% endfor %}{% if add_generation_prompt %}<s>{% endif %}";
    private static final String NO_END = "the chat template puts no end mark behind an answer, so the model does not learn to end";

    @TempDir
    Path directory;

    private final RowReport report = new RowReport();

    @BeforeEach
    void write() {
        TokenizerJson.write(directory, new BpeTrainer(258, List.of("<s>", "</s>")).train(), new TokenizerJson.Settings("<s>", "</s>", null, false, 512));
    }

    /** What is learnt of each sequence, control tokens as {@code $}. */
    private List<String> learnt(String template, String... rows) {
        Examples read = RowFiles.read(directory, "rows.jsonl", rows);
        assertThat(RowFiles.refused(read)).isEmpty();
        var shown = new ArrayList<String>();
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            var chat = new ChatEncoder(ChatTemplate.parse(template, Map.of("eos_token", "</s>")), tokenizer);
            var encoder = new ExampleEncoder(tokenizer, ConversationEncoder.of(chat::supervise, chat::prompt), 500);
            for (ExampleRow row : read.examples()) {
                report.row();
                for (SupervisedDocument document : encoder.encode(row, report)) {
                    SupervisedTokens tokens = document.tokens();
                    var text = new StringBuilder();
                    for (int i = 0; i < tokens.ids().length; i++) {
                        text.append(!tokens.supervised()[i] ? "" : tokenizer.isControl(tokens.ids()[i]) ? "$" : tokenizer.decode(new int[] {tokens.ids()[i]}));
                    }
                    shown.add(text.toString());
                }
                if (row.example() instanceof Example.Preference) {
                    encoder.preference(row, report);
                }
            }
        }
        return shown;
    }

    private static String row(String assistant) {
        return "{\"messages\": [{\"role\": \"user\", \"content\": \"Paris?\"}, {\"role\": \"assistant\", " + assistant + "}]}";
    }

    @Test
    void aCallWithoutContentIsLearnt() {
        String text = "\"tool_calls\": [{\"id\": \"c1\", \"type\": \"function\", \"function\": {\"name\": \"weather\", \"arguments\": \"{\\\"city\\\":  \\\"Oslo\\\"}\"}}]";
        String object = text.replace("\"{\\\"city\\\":  \\\"Oslo\\\"}\"", "{\"city\": \"Oslo\"}");
        String tojson = CALLS.replace("@", "t.function.arguments | tojson");
        assertThat(learnt(tojson, row("\"content\": null, " + text), row("\"content\": null, " + object))).containsOnly("call weather {\"city\": \"Oslo\"}$").hasSize(2);
        String joined = CALLS.replace("@", "'' + t.function.arguments");
        assertThat(learnt(joined, row("\"content\": null, " + text), row("\"content\": null, " + object))).containsExactly(
                "call weather {\"city\":  \"Oslo\"}$", "call weather {\"city\": \"Oslo\"}$");
        String defined = joined.replace("m.content is none", "m.tool_calls is defined");
        assertThat(learnt(defined, row(text), row("\"content\": \"\", " + object))).containsExactly("call weather {\"city\":  \"Oslo\"}$",
                "call weather {\"city\": \"Oslo\"}$");
        // ShareGPT's call is a turn of its own, which has no content
        assertThat(learnt(tojson, "{\"conversations\": [{\"from\": \"human\", \"value\": \"Paris?\"}, {\"from\": \"function_call\", \"value\":"
                + " \"{\\\"name\\\": \\\"weather\\\", \\\"arguments\\\": {\\\"n\\\": 18446744073709551615}}\"}]}")).containsExactly(
                "call weather {\"n\": 18446744073709551615}$");
    }

    @Test
    void aCallThatTheTemplateDoesNotShowIsRefusedNotLearntAsNothing() {
        assertThat(learnt("{% for m in messages %}{{ m.role + ':' + m.content + eos_token }}{% endfor %}",
                row("\"content\": null, \"tool_calls\": [{\"function\": {\"name\": \"weather\", \"arguments\": \"{}\"}}]"))).isEmpty();
        assertThat(report.refused().get("the chat template refuses it").samples().getFirst().detail()).contains("str + NoneType");
    }

    @Test
    void nothingIsLearntOfATurnWhoseCallIsNotShown() {
        String call = "\"tool_calls\": [{\"function\": {\"name\": \"weather\", \"arguments\": \"{}\"}}]";
        String turns = "{\"messages\": [{\"role\": \"user\", \"content\": \"The weather?\"}, {\"role\": \"assistant\", \"content\": null, " + call + "},"
                + " {\"role\": \"tool\", \"content\": \"sunny\"}, {\"role\": \"assistant\", \"content\": \"Sunny\"}]}";
        String shown = "{% for m in messages %}{{ '<s>' + m.role + ':' }}{{ m.content @ }}{{ eos_token }}{% endfor %}"
                + "{% if add_generation_prompt %}<s>assistant:{% endif %}";
        for (String template : List.of(shown.replace("@", ""), shown.replace("@", "or ''"))) {
            assertThat(learnt(template, turns, turns.replace("\"content\": null, ", ""))).containsExactly("Sunny$", "Sunny$");
            assertThat(learnt(template, row("\"content\": null, " + call))).isEmpty();
        }
        // the user's word is no call
        assertThat(learnt(shown.replace("m.content @", "'' + m.content"), turns)).isEmpty();
        assertThat(report.refused().keySet()).containsExactlyInAnyOrder("no supervised token", "the chat template refuses it");
    }

    @Test
    void aCallThatTheTemplateLeavesOutIsNoted() {
        String row = row("\"content\": \"\", \"tool_calls\": [{\"function\": {\"name\": \"weather\", \"arguments\": \"{}\"}}]");
        assertThat(learnt(CALLS.replace("@", "t.function.arguments | tojson").replace("is none", "is not none"), row)).containsExactly("call weather {}$");
        assertThat(report.noted()).isEmpty();
        // to this template, as to transformers, an empty content is an answer
        assertThat(learnt(CALLS.replace("@", "t.function.arguments | tojson"), row)).containsExactly("assistant:$");
        assertThat(report.noted().keySet()).containsExactly("a tool call that the chat template does not show, so it is not learnt");
    }

    @Test
    void anEndThatIsNotLearntIsNoted() {
        String marked = "{% for m in messages %}{{ m.role + ':' + m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
                + "{% if add_generation_prompt %}assistant:{% endif %}";
        assertThat(learnt(marked, row("\"content\": \"ok\""))).containsExactly("ok$");
        assertThat(report.noted()).isEmpty();
        assertThat(learnt(marked.replace("{{ eos_token }}", ""), row("\"content\": \"ok\""))).containsExactly("ok");
        assertThat(report.noted().get(NO_END).count()).isEqualTo(1);
        // a template that ends the last answer alone ends each where it is said
        assertThat(learnt(marked.replace("m.role == 'assistant'", "m.role == 'assistant' and loop.last"), row("\"content\": \"a\"},"
                + " {\"role\": \"user\", \"content\": \"b\"}, {\"role\": \"assistant\", \"content\": \"c\""))).containsExactly("a$", "c$");
        assertThat(report.noted().get(NO_END).count()).isEqualTo(1);
        learnt(marked.replace("{{ eos_token }}", ""), "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}");
        assertThat(report.noted().get(NO_END).count()).isEqualTo(2);
    }

    @Test
    void aMarkThatIsNotCalledSpecialIsAnEndToo() throws IOException {
        TokenizerJson.write(directory, new BpeTrainer(259, List.of("<s>", "<|turn|>", "</s>")).train(), new TokenizerJson.Settings("<s>", "</s>", null, false, 512));
        var mapper = new ObjectMapper();
        JsonNode json = mapper.readTree(directory.resolve("tokenizer.json").toFile());
        ((ObjectNode) json.at("/added_tokens/1")).put("special", false);
        mapper.writeValue(directory.resolve("tokenizer.json").toFile(), json);
        String template = "{% for m in messages %}{{ '<s>' + m.role + ':' + m.content + '<|turn|>' }}{% endfor %}{% if add_generation_prompt %}<s>assistant:{% endif %}";
        assertThat(learnt(template, row("\"content\": \"ok\""))).containsExactly("ok<|turn|>");
        assertThat(report.noted()).isEmpty();
    }

    @Test
    void anAssistantThatSpeaksFirstIsLearntOrNot() {
        String template = "{% if messages[0].role != 'system' %}[default]{% endif %}{% for m in messages %}{{ '<s>' + m.role + ':' + m.content + eos_token }}{% endfor %}"
                + "{% if add_generation_prompt %}<s>assistant:{% endif %}";
        String row = "{\"messages\": [{\"role\": \"assistant\", \"content\": \"Welcome!\"%s}, {\"role\": \"user\", \"content\": \"hi\"},"
                + " {\"role\": \"assistant\", \"content\": \"ok\"}]}";
        assertThat(learnt(template, row.formatted(""))).containsExactly("Welcome!$ok$");
        assertThat(learnt(template, row.formatted(", \"weight\": 0"))).containsExactly("ok$");
    }

    @Test
    void aRowThatTheTokenizerCannotEncodeIsRefusedAndTheNextOneIsUsed() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        String json = Files.readString(file);
        String regex = "(a|aa)+$";
        Files.writeString(file, json.replaceFirst("(\"Regex\" : )\"(\\\\.|[^\"\\\\])*\"", "$1\"" + java.util.regex.Matcher.quoteReplacement(regex) + "\""));
        assertThat(Files.readString(file)).contains(regex);
        String hostile = "a".repeat(60) + "b";
        String template = CALLS.replace("@", "''");
        assertThat(learnt(template, row("\"content\": \"" + hostile + "\""), row("\"content\": \"ok\""))).containsExactly("assistant:ok$");
        assertThat(learnt(template, "{\"text\": \"" + hostile + "\"}", "{\"text\": \"ok\"}")).containsExactly("k$");
        assertThat(report.refused().get("the tokenizer cannot encode it").count()).isEqualTo(2);
    }
}
