package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.infer.Encoder.Input;
import dev.zhulong.infer.Encoder.Output;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What an {@link Encoder} owes whatever stands above it. The test of an engine says how a directory is opened.
 *
 * @param <E> the engine
 */
public abstract class EncoderContract<E extends Encoder> {
    @TempDir
    Path directory;

    /** Opens what {@link TinyEncoder#save} has written. */
    protected abstract E open(Path directory);

    private E open(EncoderSpec spec) {
        TinyEncoder.save(spec, directory, 11);
        return open(directory);
    }

    @Test
    protected void aSequenceHasTheSameBitsWhateverSharesTheCall() {
        for (EncoderSpec spec : TinyEncoder.heads("bert")) {
            try (E model = open(spec)) {
                List<Input> inputs = new ArrayList<>();
                for (int length : new int[] {1, 9, 20, 70, 33, 2, 64, 5, 70, 70, 70}) {
                    inputs.add(input(length, inputs.size()));
                }
                List<Output> together = model.encode(inputs.reversed()).reversed();
                for (int i = 0; i < inputs.size(); i++) {
                    Output alone = model.encode(List.of(inputs.get(i))).getFirst();
                    assertThat(together.get(i).states()).as("states of sequence %d, %s", i, spec.head()).isEqualTo(alone.states());
                    assertThat(together.get(i).logits()).as("logits of sequence %d, %s", i, spec.head()).isEqualTo(alone.logits());
                }
            }
        }
    }

    /** The same where a layer's attention is a family's own: a window's edge, a far distance and a global token depend on the sequence alone. */
    @Test
    protected void soHasOneOfAFamilyWithAttentionOfItsOwn() {
        for (String family : TinyEncoder.OWN_ATTENTION) {
            EncoderSpec bare = TinyEncoder.spec(family);
            for (EncoderSpec spec : List.of(bare.withTags(List.of("a", "b")), bare.withClasses(List.of("no", "yes"), EncoderSpec.Problem.SINGLE_LABEL))) {
                try (E model = open(spec)) {
                    List<Input> inputs = new ArrayList<>();
                    for (int length : new int[] {1, 9, 70, 33, 5}) {
                        inputs.add(Input.of(ids(length, inputs.size())));
                    }
                    List<Output> together = model.encode(inputs.reversed()).reversed();
                    for (int i = 0; i < inputs.size(); i++) {
                        Output alone = model.encode(List.of(inputs.get(i))).getFirst();
                        assertThat(together.get(i).states()).as("states of sequence %d, %s", i, family).isEqualTo(alone.states());
                        assertThat(together.get(i).logits()).as("logits of sequence %d, %s", i, family).isEqualTo(alone.logits());
                    }
                }
            }
        }
    }

    @Test
    protected void whatAFamilyWithAttentionOfItsOwnDoesNotSeeChangesNothing() {
        for (String family : TinyEncoder.OWN_ATTENTION) {
            try (E model = open(TinyEncoder.spec(family).withTags(List.of("a", "b")))) {
                int[] ids = ids(23, 5);
                Output whole = model.encode(List.of(Input.of(ids))).getFirst();
                int[] padded = Arrays.copyOf(ids, 40);
                boolean[] seen = new boolean[40];
                Arrays.fill(seen, 0, 23, true);
                Output masked = model.encode(List.of(new Input(padded, new int[0], seen, true))).getFirst();
                assertNear(Arrays.copyOf(masked.states(), whole.states().length), whole.states());
                padded[30] = 99;
                Output other = model.encode(List.of(new Input(padded, new int[0], seen, true))).getFirst();
                assertThat(Arrays.copyOf(other.states(), whole.states().length)).as(family).isEqualTo(Arrays.copyOf(masked.states(), whole.states().length));
            }
        }
    }

    @Test
    protected void eachHeadHasItsShape() {
        for (String family : List.of("bert", "roberta", "distilbert", "modernbert", "deberta-v2")) {
            for (EncoderSpec spec : TinyEncoder.heads(family)) {
                try (E model = open(spec)) {
                    assertThat(model.spec()).isEqualTo(spec);
                    Output output = model.encode(List.of(Input.of(ids(7, 1)))).getFirst();
                    assertThat(output.states()).hasSize(7 * spec.hiddenSize());
                    assertThat(output.logits()).hasSize((spec.head() instanceof Head.Classes ? 1 : 7) * spec.outputs());
                    for (float value : output.logits()) {
                        assertThat(value).isFinite();
                    }
                    assertThat(model.encode(List.of(Input.of(ids(7, 1)).statesAlone())).getFirst().logits()).isEmpty();
                }
            }
        }
    }

    @Test
    protected void whatIsNotSeenChangesNothing() {
        try (E model = open(TinyEncoder.spec("bert").withTags(List.of("a", "b")))) {
            int[] ids = ids(23, 5);
            Output whole = model.encode(List.of(Input.of(ids))).getFirst();
            int[] padded = Arrays.copyOf(ids, 40);
            boolean[] seen = new boolean[40];
            Arrays.fill(seen, 0, 23, true);
            Output masked = model.encode(List.of(new Input(padded, new int[0], seen, true))).getFirst();
            assertNear(Arrays.copyOf(masked.states(), whole.states().length), whole.states());
            padded[30] = 99;
            Output other = model.encode(List.of(new Input(padded, new int[0], seen, true))).getFirst();
            assertThat(Arrays.copyOf(other.states(), whole.states().length)).isEqualTo(Arrays.copyOf(masked.states(), whole.states().length));
        }
    }

    @Test
    protected void segmentsAndPositionsCount() {
        for (String family : List.of("bert", "distilbert", "modernbert", "deberta-v2", "longformer")) {
            try (E model = open(TinyEncoder.spec(family))) {
                int[] ids = ids(12, 3);
                float[] plain = states(model, Input.of(ids));
                assertThat(states(model, Input.of(ids, new int[12]))).isEqualTo(plain);
                if (model.spec().segments() > 0) {
                    int[] second = new int[12];
                    second[11] = 1;
                    assertThat(states(model, Input.of(ids, second))).isNotEqualTo(plain);
                }
                int[] turned = ids.clone();
                turned[1] = ids[2];
                turned[2] = ids[1];
                assertThat(states(model, Input.of(turned))).isNotEqualTo(plain);
            }
        }
    }

    @Test
    protected void whatDoesNotFitIsRefusedBeforeAnythingRuns() {
        try (E model = open(TinyEncoder.spec("bert"))) {
            refused(model, Input.of(ids(71, 1)), "71 tokens is longer than the model's context of 70");
            refused(model, Input.of(new int[] {3, 256}), "token id 256 is outside the vocabulary of 256");
            refused(model, Input.of(new int[] {-1}), "token id -1 is outside the vocabulary of 256");
            refused(model, Input.of(new int[] {1, 2}, new int[] {0, 2}), "segment 2 of token 1: the model has 2");
            assertThatThrownBy(() -> Input.of(new int[0])).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> Input.of(new int[] {1, 2}, new int[] {0})).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> new Input(new int[] {1}, new int[0], new boolean[] {false}, true)).isInstanceOf(IllegalArgumentException.class);
            assertThat(model.encode(List.of())).isEmpty();
        }
    }

    @Test
    protected void closingAgainDoesNothing() {
        E model = open(TinyEncoder.spec("roberta"));
        model.close();
        model.close();
    }

    private static void refused(Encoder model, Input wrong, String message) {
        assertThatThrownBy(() -> model.encode(List.of(Input.of(new int[] {1}), wrong))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    private static float[] states(Encoder model, Input input) {
        return model.encode(List.of(input)).getFirst().states();
    }

    private static void assertNear(float[] found, float[] expected) {
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).isCloseTo(expected[i], within(1e-5f));
        }
    }

    private static Input input(int length, int seed) {
        return Input.of(ids(length, seed), new SplittableRandom(seed).ints(length, 0, 2).toArray());
    }

    private static int[] ids(int n, long seed) {
        return new SplittableRandom(seed).ints(n, 2, 256).toArray();
    }
}
