package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.chat.SupervisedTokens;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Trap 19. */
class PromptAndCompletionAreTokenisedTogetherTest {
    @TempDir
    Path directory;

    private final RowReport report = new RowReport();

    private SupervisedTokens encode(Tokenizer tokenizer, String prompt, String completion) {
        var row = new ExampleRow("s", "f#1", 1, new Example.Completion(prompt, completion));
        return new ExampleEncoder(tokenizer, new PlainChat(), 100_000).encode(row, report).getFirst().tokens();
    }

    private static String learnt(Tokenizer tokenizer, SupervisedTokens tokens) {
        var out = new ByteArrayOutputStream();
        for (int i = 0; i < tokens.ids().length; i++) {
            if (tokens.supervised()[i]) {
                out.writeBytes(tokenizer.bytes(tokens.ids()[i]));
            }
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aTokenAcrossTheSeamIsContext() {
        var trainer = new BpeTrainer(265, List.of("<eos>"));
        trainer.add("xyxyxyxy xyxy xy xyxyxyxyxy xyz");
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings("<eos>", "<eos>", null, false, 100));
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            assertThat(tokenizer.encode("xy")).as("the vocabulary joins x and y").hasSize(1);
            SupervisedTokens tokens = encode(tokenizer, "a x", "yb");
            assertThat(Arrays.copyOf(tokens.ids(), tokens.ids().length - 1)).isEqualTo(tokenizer.encode("a xyb"));
            assertThat(learnt(tokenizer, tokens)).isEqualTo("b");
            assertThat(report.noted().keySet()).containsExactly("a token across the seam of prompt and completion, not learnt");
            // apart they would have been other tokens
            assertThat(tokenizer.encode("a x").length + tokenizer.encode("yb").length).isGreaterThan(tokens.ids().length - 1);
            assertThat(learnt(tokenizer, encode(tokenizer, "a ", "xyb"))).isIn("xyb", "yb", "b");
            assertThat(learnt(tokenizer, encode(tokenizer, "ax\n", "yb"))).isEqualTo("yb");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"stories15M", "tokenizers/qwen2_5", "tokenizers/gpt2"})
    void whatIsLearntIsTheCompletionAndNoByteOfThePrompt(String model) {
        Path assets = Path.of(System.getProperty("zhulong.root")).resolve("../shared/assets");
        assumeTrue(Files.exists(assets), "../shared/assets is absent: not compared");
        List<ExampleRow> rows = ExampleReader.read(DataSource.of(assets.resolve("data/gsm8k.test.jsonl"))).examples();
        int whole = 0;
        try (var tokenizer = HuggingFaceTokenizer.load(assets.resolve(model))) {
            for (ExampleRow row : rows.subList(0, 100)) {
                var example = (Example.Completion) row.example();
                for (String prompt : List.of(example.prompt(), example.prompt().strip(), example.prompt().strip() + " ")) {
                    SupervisedTokens tokens = encode(tokenizer, prompt, example.completion());
                    int bos = tokenizer.addsBos() ? 1 : 0;
                    int[] joint = tokenizer.encode(prompt + example.completion());
                    assertThat(Arrays.copyOfRange(tokens.ids(), bos, bos + joint.length)).isEqualTo(joint);
                    assertThat(tokens.ids()).hasSize(bos + joint.length + 1);
                    String learnt = learnt(tokenizer, tokens);
                    assertThat(example.completion()).endsWith(learnt);
                    whole += learnt.equals(example.completion()) ? 1 : 0;
                }
            }
        }
        assertThat(whole).as("most seams fall between tokens").isGreaterThan(100);
    }

    @Test
    void textThatTheTokenizerRewritesKeepsItsSeam() {
        Path qwen = Path.of(System.getProperty("zhulong.root")).resolve("../shared/assets/tokenizers/qwen2_5");
        assumeTrue(Files.exists(qwen), "../shared/assets/tokenizers is absent: not compared");
        try (var tokenizer = HuggingFaceTokenizer.load(qwen)) {
            // Qwen composes characters (NFC): the prompt is shorter in tokens' bytes than in the text's
            String decomposed = "e\u0301".repeat(9) + "\n";
            assertThat(learnt(tokenizer, encode(tokenizer, decomposed, "answer"))).isEqualTo("answer");
        }
    }
}
