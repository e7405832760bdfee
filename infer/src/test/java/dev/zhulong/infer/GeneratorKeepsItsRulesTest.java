package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.infer.Generation.Finish;
import dev.zhulong.text.ByteTokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class GeneratorKeepsItsRulesTest {
    private static final ByteTokenizer PLAIN = new ByteTokenizer(true, false);
    private static final ByteTokenizer WITH_BOS = new ByteTokenizer(true, true);

    @Test
    void bosIsPutExactlyOnce() {
        var model = FakeModel.hashed(258, 32);
        var generator = new Generator(model, WITH_BOS);
        assertThat(generator.sequence("a")).containsExactly(ByteTokenizer.BOS, 'a');
        assertThat(generator.sequence(generator.sequence("a"))).containsExactly(ByteTokenizer.BOS, 'a');
        assertThat(generator.sequence("")).containsExactly(ByteTokenizer.BOS);
        assertThat(generator.sequence(generator.sequence(""))).containsExactly(ByteTokenizer.BOS);
        assertThat(new Generator(model, PLAIN).sequence("a")).containsExactly('a');
        assertThat(new Generator(model, PLAIN).sequence("")).containsExactly(ByteTokenizer.BOS);
        assertThat(new Generator(model, new ByteTokenizer(false, false)).sequence("")).containsExactly(ByteTokenizer.EOS);
    }

    @Test
    void endsAtEosWhichIsNotPartOfTheResult() {
        var model = FakeModel.scripted(258, 32, 'h', 'i', ByteTokenizer.EOS, 'x');
        var result = run(model, new int[] {65}, GenerateOptions.of(9, SamplerOptions.GREEDY));
        assertThat(result.ids()).containsExactly('h', 'i');
        assertThat(result.text()).isEqualTo("hi");
        assertThat(result.finish()).isEqualTo(Finish.EOS);
        assertThat(result.promptTokens()).isEqualTo(1);
        assertThat(result.notice()).isEmpty();
    }

    @Test
    void endsAtStopIdsAndAtTheModelsOwn() {
        var script = FakeModel.scripted(258, 32, 'h', 'i', 'x');
        assertThat(run(script, new int[] {65}, new GenerateOptions(9, SamplerOptions.GREEDY, List.of(), List.of((int) 'x'), false)).text())
                .isEqualTo("hi");
        var model = new FakeModel(258, 32, List.of(7), ids -> {
            float[] row = new float[258];
            row[ids.size() < 3 ? 'a' : 7] = 1;
            return row;
        });
        assertThat(run(model, new int[] {65}, GenerateOptions.of(9, SamplerOptions.GREEDY)).finish()).isEqualTo(Finish.EOS);
        var on = run(model, new int[] {65}, new GenerateOptions(9, SamplerOptions.GREEDY, List.of(), List.of(), true));
        assertThat(on.ids()).hasSize(9);
    }

    @Test
    void endsAfterTheNumberOfTokensAskedFor() {
        var result = run(FakeModel.scripted(258, 32, 'a'), new int[] {65}, GenerateOptions.of(5, SamplerOptions.GREEDY));
        assertThat(result.text()).isEqualTo("aaaaa");
        assertThat(result.finish()).isEqualTo(Finish.LENGTH);
        assertThat(result.notice()).isEmpty();
        assertThat(run(FakeModel.scripted(258, 32, 'a'), new int[] {65}, GenerateOptions.of(0, SamplerOptions.GREEDY)).ids()).isEmpty();
    }

    @Test
    void endsAtTheContextAndSaysSo() {
        var model = FakeModel.scripted(258, 8, 'a');
        var result = run(model, new int[] {1, 2, 3}, GenerateOptions.of(100, SamplerOptions.GREEDY));
        assertThat(result.ids()).hasSize(5);
        assertThat(result.finish()).isEqualTo(Finish.LENGTH);
        assertThat(result.notice()).contains("context of 8 tokens");
        assertThatIllegalArgumentException().isThrownBy(() -> run(model, new int[8], GenerateOptions.of(1, SamplerOptions.GREEDY)))
                .withMessageContaining("8 tokens").withMessageContaining("at most 7");
    }

    @Test
    void aStopAcrossTokensIsNeitherStreamedNorReturned() {
        var options = GenerateOptions.of(20, SamplerOptions.GREEDY).withStop(List.of("cde"));
        var pieces = new ArrayList<String>();
        var model = FakeModel.scripted(258, 32, 'a', 'b', 'c', 'd', 'e', 'f');
        var result = new Generator(model, PLAIN).generate(new int[] {65}, options, pieces::add);
        assertThat(result.text()).isEqualTo("ab").isEqualTo(String.join("", pieces));
        assertThat(result.finish()).isEqualTo(Finish.STOP);
        assertThat(result.ids()).containsExactly('a', 'b', 'c', 'd', 'e');
    }

    @Test
    void theStartOfAStopIsGivenOutWhenTheSequenceEndsFirst() {
        var options = GenerateOptions.of(3, SamplerOptions.GREEDY).withStop(List.of("cde"));
        var result = run(FakeModel.scripted(258, 32, 'b', 'c', 'd', 'x'), new int[] {65}, options);
        assertThat(result.text()).isEqualTo("bcd");
        assertThat(result.finish()).isEqualTo(Finish.LENGTH);
    }

    @Test
    void charactersAreNeverSplit() {
        byte[] bytes = "烛龙 😀 é".getBytes(StandardCharsets.UTF_8);
        int[] script = IntStream.range(0, bytes.length + 1).map(i -> i < bytes.length ? bytes[i] & 0xff : ByteTokenizer.EOS).toArray();
        var pieces = new ArrayList<String>();
        var options = GenerateOptions.of(40, SamplerOptions.GREEDY);
        new Generator(FakeModel.scripted(258, 64, script), PLAIN).generate(new int[] {65}, options, pieces::add);
        assertThat(pieces).containsExactly("烛", "龙", " ", "😀", " ", "é");
    }

    @Test
    void anUnfinishedCharacterAtTheEndIsFlushed() {
        var result = run(FakeModel.scripted(258, 64, 'a', 0xe7, 0x83), new int[] {65}, GenerateOptions.of(3, SamplerOptions.GREEDY));
        assertThat(result.text()).isEqualTo("a\uFFFD");
    }

    @Property(tries = 100)
    void batchedEqualsSingleForMixedLengths(@ForAll long seed) {
        var random = new SplittableRandom(seed);
        var prompts = new ArrayList<int[]>();
        for (int i = 0; i < 1 + random.nextInt(6); i++) {
            prompts.add(random.ints(1 + random.nextInt(20), 0, 256).toArray());
        }
        var options = GenerateOptions.of(random.nextInt(40), SamplerOptions.GREEDY).withStop(List.of("a"));
        var model = FakeModel.hashed(258, 32);
        var batched = new Generator(model, PLAIN).generateAll(prompts, options, (i, text) -> {});
        assertThat(batched).hasSameSizeAs(prompts);
        for (int i = 0; i < prompts.size(); i++) {
            var single = new Generator(model, PLAIN).generate(prompts.get(i), options, text -> {});
            assertThat(batched.get(i).ids()).isEqualTo(single.ids());
            assertThat(batched.get(i).text()).isEqualTo(single.text());
            assertThat(batched.get(i).finish()).isEqualTo(single.finish());
        }
        assertThat(model.open).isZero();
    }

    @Test
    void samplesOfOnePromptDifferFromTheFirstTokenAndDoNotDependOnTheirNumber() {
        var model = FakeModel.hashed(258, 32);
        var options = GenerateOptions.of(8, SamplerOptions.DEFAULT.withSeed(3));
        var eight = new Generator(model, PLAIN).generateAll(Collections.nCopies(8, new int[] {1, 2}), options, (i, text) -> {});
        var three = new Generator(model, PLAIN).generateAll(Collections.nCopies(3, new int[] {1, 2}), options, (i, text) -> {});
        assertThat(model.largestBatch).isEqualTo(8);
        assertThat(eight.stream().map(g -> g.ids()[0]).distinct().count()).isGreaterThan(5);
        for (int i = 0; i < 3; i++) {
            assertThat(three.get(i).ids()).isEqualTo(eight.get(i).ids());
        }
    }

    @Test
    void cachesAreClosedWhenTheConsumerFails() {
        var model = FakeModel.scripted(258, 32, 'a');
        var options = GenerateOptions.of(3, SamplerOptions.GREEDY);
        assertThatThrownBy(() -> new Generator(model, PLAIN).generate(new int[] {65}, options, text -> {
            throw new IllegalStateException("client is gone");
        })).hasMessage("client is gone");
        assertThat(model.open).isZero();
    }

    @Test
    void badPromptsAndOptionsAreRefused() {
        var model = FakeModel.hashed(258, 32);
        var options = GenerateOptions.of(1, SamplerOptions.GREEDY);
        assertThatIllegalArgumentException().isThrownBy(() -> run(model, new int[0], options));
        assertThatIllegalArgumentException().isThrownBy(() -> run(model, new int[] {258}, options)).withMessageContaining("258");
        assertThatIllegalArgumentException().isThrownBy(() -> run(model, new int[] {-1}, options));
        assertThatIllegalArgumentException().isThrownBy(() -> GenerateOptions.of(-1, SamplerOptions.GREEDY));
        assertThatIllegalArgumentException().isThrownBy(() -> options.withStop(List.of("")));
        assertThatIllegalArgumentException().isThrownBy(() -> new Generator(FakeModel.hashed(200, 32), PLAIN)).withMessageContaining("200");
        assertThatIllegalStateException().isThrownBy(() -> run(new FakeModel(258, 32, List.of(), ids -> {
            float[] row = new float[258];
            row[3] = Float.NaN;
            return row;
        }), new int[] {1}, options)).withMessageContaining("NaN");
        assertThat(model.open).isZero();
    }

    @Test
    void chatStopsAtTheNextUserLineAndForgetsOldTurnsFirst() {
        var prompts = new ArrayList<String>();
        String answer = " yes\nUser: x";
        var model = new FakeModel(258, 64, List.of(), ids -> {
            String text = PLAIN.decode(ids.stream().mapToInt(i -> i).toArray());
            int at = text.length() - text.lastIndexOf("Assistant:") - "Assistant:".length();
            if (at == 0) {
                prompts.add(text);
            }
            float[] row = new float[258];
            row[answer.charAt(at)] = 1;
            return row;
        });
        try (var chat = ChatSession.plain(new Generator(model, PLAIN), 64, GenerateOptions.of(16, SamplerOptions.GREEDY))) {
            for (String message : List.of("one", "two", "six")) {
                assertThat(chat.reply(message, text -> {}).text()).isEqualTo(" yes");
            }
        }
        assertThat(model.open).isZero();
        assertThat(prompts).containsExactly(
                "User: one\nAssistant:",
                "User: one\nAssistant: yes\nUser: two\nAssistant:",
                "User: two\nAssistant: yes\nUser: six\nAssistant:");
    }

    private static Generation run(FakeModel model, int[] prompt, GenerateOptions options) {
        var streamed = new StringBuilder();
        Generation result = new Generator(model, PLAIN).generate(prompt, options, streamed::append);
        assertThat(streamed.toString()).isEqualTo(result.text());
        return result;
    }
}
