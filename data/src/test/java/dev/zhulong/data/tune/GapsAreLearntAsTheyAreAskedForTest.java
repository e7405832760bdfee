package dev.zhulong.data.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.GapTokens;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.chat.SupervisedTokens;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GapsAreLearntAsTheyAreAskedForTest {
    private static final List<String> MARKS = List.of("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>");

    @TempDir
    Path directory;

    private final RowReport report = new RowReport();

    private Tokenizer tokenizer(List<String> specials) {
        var trainer = new BpeTrainer(290, specials);
        trainer.add("int sum = one + two;\nreturn sum; int one = two; return one;");
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", null, false, 100));
        return HuggingFaceTokenizer.load(directory);
    }

    private SupervisedTokens encode(Tokenizer tokenizer, int seq, Example.Gap gap) {
        return new ExampleEncoder(tokenizer, new PlainChat(), seq).encode(new ExampleRow("s", "f#1", 1, gap), report).getFirst().tokens();
    }

    private static int[] learnt(SupervisedTokens tokens) {
        return IntStream.range(0, tokens.ids().length).filter(i -> tokens.supervised()[i]).map(i -> tokens.ids()[i]).toArray();
    }

    private static int[] join(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    @Test
    void theMiddleAndItsEndAreLearntBehindWhatIsAsked() {
        try (Tokenizer tokenizer = tokenizer(MARKS)) {
            var gap = new Example.Gap("int sum = ", ";\nreturn sum;", "one + two");
            SupervisedTokens tokens = encode(tokenizer, 100, gap);
            int[] asked = GapTokens.of(tokenizer).orElseThrow().prefixFirst(tokenizer.encode(gap.prefix()), tokenizer.encode(gap.suffix()), new int[0]);
            int[] answer = join(tokenizer.encode(gap.middle()), new int[] {tokenizer.eos().orElseThrow()});
            assertThat(tokens.ids()).isEqualTo(join(asked, answer));
            assertThat(learnt(tokens)).isEqualTo(answer);
            // the marks are tokens of their own, and spelled in the text they are not
            assertThat(tokens.ids()[0]).isEqualTo(tokenizer.id("<fim_prefix>").orElseThrow());
            assertThat(encode(tokenizer, 100, new Example.Gap("<fim_suffix>", "", "x")).ids()).hasSizeGreaterThan(10);
            assertThat(report.noted()).isEmpty();
        }
    }

    @Test
    void ofALongContextWhatIsNextToTheGapStays() {
        try (Tokenizer tokenizer = tokenizer(MARKS)) {
            int[] middle = tokenizer.encode("sum;");
            for (int[] lengths : new int[][] {{40, 40}, {3, 40}, {40, 3}}) {
                var gap = new Example.Gap("int one = two; ".repeat(lengths[0]), " return one;".repeat(lengths[1]), "sum;");
                int seq = 40;
                SupervisedTokens tokens = encode(tokenizer, seq, gap);
                assertThat(tokens.ids()).hasSize(seq + 1);
                assertThat(learnt(tokens)).isEqualTo(join(middle, new int[] {tokenizer.eos().orElseThrow()}));
                int[] before = tokenizer.encode(gap.prefix());
                int[] after = tokenizer.encode(gap.suffix());
                int mark = IntStream.range(0, seq).filter(i -> tokens.ids()[i] == tokenizer.id("<fim_suffix>").orElseThrow()).findFirst().orElseThrow();
                assertThat(Arrays.copyOfRange(tokens.ids(), 1, mark)).isEqualTo(Arrays.copyOfRange(before, before.length - mark + 1, before.length));
                int right = seq + 1 - mark - 1 - 1 - middle.length - 1;
                assertThat(Arrays.copyOfRange(tokens.ids(), mark + 1, mark + 1 + right)).isEqualTo(Arrays.copyOf(after, right));
                // the shorter side stays whole
                assertThat(right).isGreaterThanOrEqualTo(Math.min(after.length, (seq + 1 - 4 - middle.length) / 2));
            }
            assertThat(report.noted().keySet()).containsExactly("cut to what is next to the gap, 41 tokens with the middle");
        }
    }

    @Test
    void withoutTokensForGapsTheRowIsRefused() {
        try (Tokenizer tokenizer = tokenizer(List.of("<|endoftext|>"))) {
            var row = new ExampleRow("s", "f#1", 1, new Example.Gap("a", "b", "c"));
            assertThat(new ExampleEncoder(tokenizer, new PlainChat(), 50).encode(row, report)).isEmpty();
            assertThat(report.refused().keySet()).containsExactly("the tokenizer has no tokens for a gap");
        }
    }

    @Test
    void rowsAreReadAsTheyAre() {
        Examples read = ExampleReader.read(DataSource.of(RowFiles.file(directory, "rows.jsonl", "{\"prefix\": \"  a\\n\", \"suffix\": \"\", \"middle\": \" \"}",
                "{\"prefix\": \"\", \"suffix\": \" b\", \"middle\": \"c\"}", "{\"prefix\": \"a\", \"suffix\": \"b\", \"middle\": \"\"}")));
        assertThat(read.layout()).isEqualTo(Layout.GAP);
        assertThat(RowFiles.examples(read)).containsExactly(new Example.Gap("  a\n", "", " "), new Example.Gap("", " b", "c"));
        assertThat(read.report().refused().keySet()).containsExactly("empty middle");
        Examples mapped = ExampleReader.read(DataSource.of(RowFiles.file(directory, "infilling.jsonl", "{\"prompt\": \"a\", \"suffix\": \"b\", \"canonical_solution\": \"c\"}"))
                .withLayout(Layout.GAP).withMapping(Map.of("prefix", "prompt", "middle", "canonical_solution")));
        assertThat(RowFiles.examples(mapped)).containsExactly(new Example.Gap("a", "b", "c"));
    }
}
