package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataInspectShowsWhatTheModelSeesTest {
    @TempDir
    Path temporary;

    private Path model;

    @BeforeEach
    void tokenizer() throws IOException {
        model = Files.createDirectories(temporary.resolve("model"));
        var trainer = new BpeTrainer(300, List.of("<|im_start|>", "<|im_end|>", "<|endoftext|>"));
        for (int i = 0; i < 20; i++) {
            trainer.add(TinyModel.text(i));
        }
        TokenizerJson.write(model, trainer.train(), new TokenizerJson.Settings(null, "<|endoftext|>", null, false, 64));
    }

    private Path rows(String name, String... lines) throws IOException {
        return Files.writeString(temporary.resolve(name), String.join("\n", lines) + "\n");
    }

    @Test
    void tokensTextAndWhatIsLearnt() throws IOException {
        Path data = rows("rows.jsonl", "{\"question\": \"The lamp?\", \"answer\": \"was lit\\t\\u001b[31m 灯 <|endoftext|>\"}", "broken",
                "{\"question\": \"Who?\", \"answer\": \"\"}");
        String out = Cli.run("data", "inspect", "--model", model, "--data", data, "--row", 1).done().out();
        assertThat(out).contains("layout: completion (prompt = question, completion = answer)", "3 rows read, 1 used, 2 refused",
                "refused: empty completion: 1", "rows.jsonl#3", "refused: malformed JSON: 1", "last learnt <|endoftext|>",
                "The lamp?\nwas lit\t\uFFFD[31m 灯 <|endoftext|><|endoftext|>", "\u2192").doesNotContain("\u001b");

        assertThat(Cli.run("data", "inspect", "--model", model, "--data", data, "--row", 3).err()).contains("row 3 can't be used: empty completion");

        JsonNode json = new ObjectMapper().readTree(Cli.run("data", "inspect", "--model", model, "--data", data, "--json").done().out());
        JsonNode sample = json.path("samples").path(0);
        assertThat(json.path("rows_used").intValue()).isEqualTo(1);
        assertThat(json.path("refused").path("malformed JSON").path("samples").path(0).path("where").asText()).isEqualTo("rows.jsonl#2");
        assertThat(json.path("lengths").path("bins").path(0).path("count").intValue()).isEqualTo(1);
        assertThat(sample.path("ends_with_control").booleanValue()).isTrue();
        var ids = new ArrayList<Integer>();
        var learnt = new ArrayList<Integer>();
        for (JsonNode token : sample.path("tokens")) {
            assertThat(token.path("position").intValue()).isEqualTo(ids.size());
            ids.add(token.path("id").intValue());
            if (token.path("supervised").booleanValue()) {
                learnt.add(token.path("id").intValue());
            }
        }
        try (var tokenizer = HuggingFaceTokenizer.load(model)) {
            int[] joint = tokenizer.encode("The lamp?\nwas lit\t\u001b[31m 灯 <|endoftext|>");
            assertThat(ids.subList(0, ids.size() - 1)).containsExactly(Arrays.stream(joint).boxed().toArray(Integer[]::new));
            assertThat(ids.getLast()).isEqualTo(tokenizer.eos().orElseThrow());
            assertThat(tokenizer.decode(learnt.stream().mapToInt(Integer::intValue).toArray())).isEqualTo("was lit\t\u001b[31m 灯 <|endoftext|>");
        }
        assertThat(sample.path("supervised").intValue()).isEqualTo(learnt.size());
    }

    @Test
    void optionsReachTheReader() throws IOException {
        Path csv = rows("faq.csv", "q,a", "Who came?,The keeper", "What?,A lamp", "When?,At noon");
        Cli.run("data", "inspect", "--model", model, "--data", csv, "--map", "prompt=q", "completion=a", "--separator", " -> ", "--row", 2).done();
        String out = Cli.run("data", "inspect", "--model", model, "--data", csv, "--map", "prompt=q", "completion=a", "--separator", " -> ",
                "--sample", 2, "--seed", 4).done().out();
        assertThat(out).contains("prompt = q, completion = a", " -> ").containsPattern("(?s)faq.csv#\\d: .*faq.csv#\\d: ");
        assertThat(Cli.run("data", "inspect", "--model", model, "--data", csv, "--map", "prompt=q", "completion=a", "--separator", " -> ",
                "--sample", 2, "--seed", 4).done().out()).isEqualTo(out);
        assertThat(Cli.run("data", "inspect", "--model", model, "--data", csv, "--map", "prompt=q", "completion=a", "--seq", 3).done().out())
                .contains("no supervised token left after cutting to 4 tokens: 3", "nothing to train on");
        assertThat(Cli.run("data", "inspect", "--model", model, "--data", csv, "--layout", "completion", "--map", "prompt=q", "completion=a")
                .done().out()).contains("3 used");
    }

    @Test
    void whatIsWrongIsSaid() throws IOException {
        Path csv = rows("odd.csv", "a,b", "1,2");
        Cli unknown = Cli.run("data", "inspect", "--model", model, "--data", csv);
        assertThat(unknown.code()).isEqualTo(Main.FAILED);
        assertThat(unknown.err()).contains("odd.csv").contains("found the fields a, b");
        Path good = rows("good.jsonl", "{\"text\": \"The lamp\"}");
        Cli missing = Cli.run("data", "inspect", "--model", model, "--data", good, "--row", 7);
        assertThat(missing.code()).isEqualTo(Main.FAILED);
        assertThat(missing.err()).contains("no row 7");
        assertThat(Cli.run("data", "inspect", "--model", model, "--data", good, "--row", 1, "--sample", 2).code()).isEqualTo(Main.WRONG_USAGE);
        assertThat(Cli.run("data", "inspect", "--model", model, "--data", good, "--layout", "alpace").code()).isEqualTo(Main.WRONG_USAGE);
        assertThat(Cli.run("data").code()).isEqualTo(Main.WRONG_USAGE);
    }
}
