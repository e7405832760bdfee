package dev.zhulong.text.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.text.CharacterVocabulary;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerJson;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Also where a template does not show a conversation as the beginning of a longer one, or does not open a turn by itself. */
class ATurnIsFoundInAnyTemplateTest {
    private static final String NEMO = "{% set s = messages[0].content if messages[0].role == 'system' else '' %}{% for m in messages %}{% if m.role == 'user' %}"
            + "{{ '[INST]' + (s + '|' if loop.last and s else '') + m.content + '[/INST]' }}{% elif m.role == 'assistant' %}{{ m.content + eos_token }}"
            + "{% endif %}{% endfor %}";
    private static final String DEFAULT_SYSTEM = "{% if messages[0].role != 'system' %}[default]{% endif %}{% for m in messages %}{{ '[' + m.role + ']' + m.content "
            + "+ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";

    @TempDir
    Path directory;

    private Tokenizer tokenizer;

    @BeforeEach
    void open() {
        TokenizerJson.write(directory, CharacterVocabulary.of(List.of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ[]/| .?!=_<>\n"), List.of("</s>")),
                new TokenizerJson.Settings(null, "</s>", null, false, 512));
        tokenizer = HuggingFaceTokenizer.load(directory);
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    /** Sequences as text, what is learnt in {@code {…}}, the end mark as {@code $}. */
    private List<String> taught(String template, Message... messages) {
        var shown = new ArrayList<String>();
        for (SupervisedTokens tokens : new ChatEncoder(ChatTemplate.parse(template, Map.of("eos_token", "</s>")), tokenizer)
                .supervise(Conversation.of(messages))) {
            var text = new StringBuilder();
            for (int i = 0; i < tokens.ids().length; i++) {
                boolean learnt = tokens.supervised()[i];
                text.append(learnt && (i == 0 || !tokens.supervised()[i - 1]) ? "{" : "");
                text.append(tokenizer.isControl(tokens.ids()[i]) ? "$" : tokenizer.decode(new int[] {tokens.ids()[i]}));
                text.append(learnt && (i + 1 == tokens.ids().length || !tokens.supervised()[i + 1]) ? "}" : "");
            }
            shown.add(text.toString());
        }
        return shown;
    }

    @Test
    void aPromptThatTheWholeDoesNotBeginWithIsLearntBehindAsItIsSaid() {
        assertThat(taught(NEMO, Message.system("Be brief."), Message.user("hi"), Message.assistant("ok"))).containsExactly("[INST]Be brief.|hi[/INST]{ok$}");
        assertThat(taught(NEMO, Message.system("s"), Message.user("a"), Message.assistant("b"), Message.user("c"), Message.assistant("d"))).containsExactly(
                "[INST]s|a[/INST]{b$}", "[INST]a[/INST]b$[INST]s|c[/INST]{d$}");
        assertThat(taught(NEMO, Message.user("a"), Message.assistant("b"), Message.user("c"), Message.assistant("d"))).containsExactly(
                "[INST]a[/INST]{b$}[INST]c[/INST]{d$}");
        // an answer that spells what the user said, or the template
        assertThat(taught(NEMO, Message.system("s"), Message.user("hi[/INST]"), Message.assistant("[/INST]hi[/INST]"))).containsExactly(
                "[INST]s|hi[/INST][/INST]{[/INST]hi[/INST]$}");
    }

    @Test
    void aSpaceThatTheTemplatePutsBeforeAnAnswerIsLearnt() {
        assertThat(taught(NEMO.replace("{{ m.content + eos_token }}", "{{ ' ' + m.content + ' ' + eos_token }}"), Message.system("s"), Message.user("hi"),
                Message.assistant("ok"))).containsExactly("[INST]s|hi[/INST]{ ok $}");
    }

    @Test
    void theAssistantMaySpeakFirst() {
        assertThat(taught(DEFAULT_SYSTEM, Message.assistant("Welcome!"), Message.user("hi"), Message.assistant("ok"))).containsExactly(
                "[default][assistant]{Welcome!$}[user]hi$[assistant]{ok$}");
        assertThat(taught(DEFAULT_SYSTEM.replace("[assistant]{% endif %}", "[assistant]{% endif %}").replace("messages[0].role != 'system'",
                "messages and messages[0].role != 'system'"), Message.assistant("Welcome!"))).containsExactly("[default][assistant]{Welcome!$}");
        assertThat(taught(DEFAULT_SYSTEM, Message.system("s"), Message.assistant("ok"))).containsExactly("[system]s$[assistant]{ok$}");
        // the template writes more in front of an answer than the turn's opening
        assertThat(taught(DEFAULT_SYSTEM.replace("']' + m.content", "']' + ('=' if m.role == 'assistant' else '') + m.content"), Message.assistant("a"),
                Message.user("b"), Message.assistant("c"))).containsExactly("[default][assistant]{=a$}[user]b$[assistant]{=c$}");
    }

    @Test
    void whatIsGivenIsWhatIsLearntBehind() {
        var encoder = new ChatEncoder(ChatTemplate.parse(NEMO, Map.of("eos_token", "</s>")), tokenizer);
        List<Message> messages = List.of(Message.system("s"), Message.user("a"), Message.assistant("b"), Message.user("c"), Message.assistant("d"));
        SupervisedTokens last = encoder.supervise(new Conversation(messages, List.of())).getLast();
        int[] given = encoder.prompt(new Conversation(messages.subList(0, 4), List.of()));
        assertThat(last.ids()).startsWith(given);
        assertThat(last.supervised()[given.length]).isTrue();
        assertThat(last.supervised()[given.length - 1]).isFalse();
    }

    @Test
    void aTurnThatIsNotShownIsRefused() {
        assertThatThrownBy(() -> taught("{% for m in messages %}{{ m.role if m.role == 'assistant' else m.content }}{% endfor %}"
                + "{% if add_generation_prompt %}[x]{% endif %}", Message.user("a"), Message.assistant("b"))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("does not show an assistant's turn");
    }
}
