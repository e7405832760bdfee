package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.infer.Generation.Finish;
import dev.zhulong.infer.constrain.Constraint;
import dev.zhulong.infer.constrain.TokenBytes;
import dev.zhulong.text.ByteTokenizer;
import dev.zhulong.text.HuggingFaceTokenizer;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A constraint through the generator: what is sampled, when it ends, and why. */
class ConstrainedTextKeepsToItsFormTest {
    private static final ByteTokenizer TOKENIZER = new ByteTokenizer(true, false);
    private static final TokenBytes TOKENS = TokenBytes.of(TOKENIZER);
    private static final int[] PROMPT = {'?'};

    private static Generation run(LanguageModel model, Constraint constraint, GenerateOptions options) {
        return new Generator(model, TOKENIZER).generate(PROMPT, options.withConstraint(constraint), text -> {});
    }

    private static GenerateOptions greedy(int most) {
        return GenerateOptions.of(most, SamplerOptions.GREEDY);
    }

    @Test
    void whatTheModelWantsIsPassedOverWhereItIsNotAllowed() {
        var model = FakeModel.scripted(258, 64, 'x', 'y', '4', ByteTokenizer.EOS, '2', ByteTokenizer.EOS);
        Generation got = run(model, Constraint.regex("[a-z]+\\d{2,4}", TOKENS), greedy(20));
        assertThat(got.text()).isEqualTo("xy402"); // the end is not allowed after one digit, and the lowest id is the likeliest then
        assertThat(got.finish()).isEqualTo(Finish.EOS);
    }

    @Test
    void itEndsByItselfWhereNothingElseIsPossible() {
        var model = FakeModel.scripted(258, 64, 'x');
        Generation got = run(model, Constraint.regex("x{3}", TOKENS), greedy(20));
        assertThat(got.ids()).containsExactly('x', 'x', 'x');
        assertThat(got.finish()).isEqualTo(Finish.EOS);
        Generation none = run(model, Constraint.regex("", TOKENS), greedy(20));
        assertThat(none.ids()).isEmpty();
        assertThat(none.finish()).isEqualTo(Finish.EOS);
        Generation cut = run(model, Constraint.regex("x{9}", TOKENS), greedy(4));
        assertThat(cut.text()).isEqualTo("xxxx");
        assertThat(cut.finish()).isEqualTo(Finish.LENGTH);
        assertThat(run(model, Constraint.regex("x{4}", TOKENS), greedy(4)).finish()).isEqualTo(Finish.EOS);
    }

    @Test
    void anIdThatEndsIsAllowedOnlyWhereTheTextMayEnd() {
        var model = FakeModel.scripted(258, 64, '.', '.', '.', '.', '.', '.', '.');
        var options = greedy(20).withStopIds(List.of((int) '.'));
        assertThat(run(model, Constraint.regex("a{2}.*", TOKENS), options).text()).isEqualTo("aa");
        var stops = greedy(20).withStop(List.of("b"));
        Generation stopped = run(FakeModel.scripted(258, 64, 'a', 'b', 'c'), Constraint.regex("abc", TOKENS), stops);
        assertThat(stopped.text()).isEqualTo("a");
        assertThat(stopped.finish()).isEqualTo(Finish.STOP);
    }

    @Test
    void eachSequenceOfABatchHasItsOwnStateAndEveryChainKeepsTheForm() throws Exception {
        Constraint constraint = Constraint.jsonSchema("{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"},"
                + " \"b\": {\"enum\": [\"x\", \"yz\"]}}, \"required\": [\"a\"], \"additionalProperties\": false}", TOKENS);
        var model = FakeModel.hashed(258, 512);
        var chains = List.of(SamplerOptions.DEFAULT, SamplerOptions.GREEDY, SamplerOptions.DEFAULT.withTopK(1), SamplerOptions.DEFAULT.withTopP(0.1),
                SamplerOptions.DEFAULT.withMinP(0.9), SamplerOptions.DEFAULT.withTypicalP(0.3), SamplerOptions.DEFAULT.withRepetitionPenalty(1.8),
                SamplerOptions.DEFAULT.withMirostat(new SamplerOptions.Mirostat(2, 0.1)));
        for (SamplerOptions chain : chains) {
            var options = GenerateOptions.of(300, chain).withConstraint(constraint);
            var prompts = new ArrayList<>(Collections.nCopies(6, PROMPT));
            prompts.add(new int[] {'a', 'b', 'c'});
            List<Generation> all = new Generator(model, TOKENIZER).generateAll(prompts, options, (i, text) -> {});
            for (Generation each : all) {
                assertThat(each.finish()).as(each.text()).isEqualTo(Finish.EOS);
                assertThat(new ObjectMapper().readTree(each.text()).get("a").isIntegralNumber()).isTrue();
            }
            assertThat(all.getFirst().ids()).isEqualTo(new Generator(model, TOKENIZER).generate(PROMPT, options, text -> {}).ids());
        }
    }

    @Test
    void logProbabilitiesAreTheModelsOwn() {
        var model = FakeModel.scripted(258, 64, 'x');
        Generation got = run(model, Constraint.regex("y", TOKENS), greedy(4).withLogProbs(1));
        assertThat(got.text()).isEqualTo("y");
        assertThat(got.logProbs().getFirst().top().getFirst().id()).isEqualTo('x');
        assertThat(got.logProbs().getFirst().chosen().logProb()).isLessThan(-10);
    }

    /** A small model that knows only stories, in a vocabulary that drops a space at the start of a text. */
    @Test
    void storiesAreWrittenAsJson() throws Exception {
        var directory = GoldenTextIsReproducedTest.SHARED.resolve("assets/stories260K");
        assumeTrue(Files.isDirectory(directory), "../shared is absent: not tried on a trained model");
        try (LanguageModel model = TorchEngine.load(directory); var tokenizer = HuggingFaceTokenizer.load(directory)) {
            var generator = new Generator(model, tokenizer);
            var tokens = TokenBytes.of(tokenizer);
            Constraint story = Constraint.jsonSchema("{\"type\": \"object\", \"properties\": {\"title\": {\"type\": \"string\", \"maxLength\": 20},"
                    + " \"story\": {\"type\": \"string\", \"maxLength\": 60}, \"pages\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 99}},"
                    + " \"required\": [\"title\", \"story\", \"pages\"], \"additionalProperties\": false}", tokens);
            for (SamplerOptions sampler : List.of(SamplerOptions.GREEDY, SamplerOptions.DEFAULT.withSeed(3))) {
                for (String prompt : List.of("", "Once upon a time")) {
                    Generation got = generator.generate(generator.sequence(prompt), GenerateOptions.of(200, sampler).withConstraint(story), text -> {});
                    assertThat(got.finish()).as(got.text()).isEqualTo(Finish.EOS);
                    var json = new ObjectMapper().readTree(got.text());
                    assertThat(json.get("title").textValue().length()).isLessThanOrEqualTo(20);
                    assertThat(json.get("pages").intValue()).isBetween(1, 99);
                }
            }
            for (String pattern : List.of(" a| b", "a b", " {2}a")) {
                for (String prompt : List.of("", "Once")) {
                    Generation got = generator.generate(generator.sequence(prompt),
                            GenerateOptions.of(20, SamplerOptions.GREEDY).withConstraint(Constraint.regex(pattern, tokens)), text -> {});
                    assertThat(got.text()).matches(pattern);
                }
            }
        }
    }
}
