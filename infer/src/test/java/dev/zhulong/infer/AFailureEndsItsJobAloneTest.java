package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.constrain.Constraint;
import dev.zhulong.infer.constrain.TokenBytes;
import dev.zhulong.text.ByteTokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever is thrown, by whatever part, ends the job it was thrown for; the thread that runs all of them goes on, or says that it does not. */
@Timeout(60)
class AFailureEndsItsJobAloneTest {
    private static final ByteTokenizer BYTES = new ByteTokenizer(true, true);
    private static final int[] BAD = {66, 6};

    enum Problem {
        STACK, HEAP, ASSERTION, EXCEPTION;

        RuntimeException raise() {
            switch (this) {
                case STACK -> throw new StackOverflowError("deep");
                case HEAP -> throw new OutOfMemoryError("heap");
                case ASSERTION -> throw new AssertionError("wrong");
                default -> throw new IllegalArgumentException("odd");
            }
        }
    }

    /** Fails where it is told to. */
    private static final class Fragile implements LanguageModel {
        private final FakeModel model = FakeModel.hashed(258, 1000);
        private volatile Predicate<Integer> breaksCache = capacity -> false;
        private volatile Predicate<Span> breaksStep = span -> false;
        private volatile Predicate<Span> spoilsLogits = span -> false;
        private volatile boolean breaksSpec;
        private volatile Problem problem;

        @Override
        public DecoderSpec spec() {
            if (breaksSpec && Thread.currentThread().getName().equals("scheduler")) {
                throw problem.raise();
            }
            return model.spec();
        }

        @Override
        public KvCache newCache(int capacity) {
            if (breaksCache.test(capacity)) {
                throw problem.raise();
            }
            return model.newCache(capacity);
        }

        @Override
        public List<float[]> forward(List<Span> spans) {
            List<float[]> logits = model.forward(spans);
            if (spans.stream().anyMatch(breaksStep)) {
                throw problem.raise();
            }
            for (int i = 0; i < spans.size(); i++) {
                if (spoilsLogits.test(spans.get(i))) {
                    Arrays.fill(logits.get(i), Float.NaN);
                }
            }
            return logits;
        }

        @Override
        public void close() { }
    }

    private final Fragile model = new Fragile();
    private final Scheduler scheduler = new Scheduler(model, BYTES, SchedulerOptions.of(8, 10_000));

    @AfterEach
    void nothingStaysOpen() {
        model.breaksSpec = false;
        scheduler.close();
        assertThat(model.model.open).as("caches left open").isZero();
    }

    private static GenerateOptions options(int tokens) {
        return new GenerateOptions(tokens, SamplerOptions.GREEDY, List.of(), List.of(), true);
    }

    private RecordingListener submit(int[] prompt, GenerateOptions options) {
        return submit(prompt, options, new RecordingListener());
    }

    private RecordingListener submit(int[] prompt, GenerateOptions options, RecordingListener told) {
        scheduler.submit(new Job(prompt, options, 0, "a", "", null), told);
        return told;
    }

    /** A job beside which {@code bad} fails, and one that comes after, are answered. */
    private void othersGoOn(Runnable bad) {
        RecordingListener before = submit(new int[] {1, 2, 3}, options(40));
        bad.run();
        RecordingListener after = submit(new int[] {4, 5}, options(10));
        assertThat(before.generation().ids()).hasSize(40);
        assertThat(after.generation().ids()).hasSize(10);
        assertThat(scheduler.failure()).isNull();
    }

    private void failsOf(Problem problem, RecordingListener told) {
        Throwable why = told.problem();
        assertThat(problem == Problem.EXCEPTION ? why : why.getCause()).isInstanceOfAny(StackOverflowError.class, OutOfMemoryError.class, AssertionError.class,
                IllegalArgumentException.class);
        assertThat(why).hasMessageContaining(problem == Problem.STACK ? "deep" : problem == Problem.HEAP ? "heap" : problem == Problem.ASSERTION ? "wrong" : "odd");
    }

    @ParameterizedTest
    @EnumSource
    void whenItHasNoCache(Problem problem) {
        model.problem = problem;
        model.breaksCache = capacity -> capacity == 7;
        othersGoOn(() -> failsOf(problem, submit(BAD, options(5))));
    }

    @ParameterizedTest
    @EnumSource
    void whenTheModelFails(Problem problem) {
        model.problem = problem;
        model.breaksStep = span -> Arrays.equals(span.ids(), BAD);
        othersGoOn(() -> failsOf(problem, submit(BAD, options(5))));
    }

    @ParameterizedTest
    @EnumSource
    void whenItsListenerFails(Problem problem) {
        othersGoOn(() -> {
            var startsBadly = submit(BAD, options(500), new RecordingListener() {
                @Override
                public void started(int promptTokens, int cachedTokens) {
                    throw problem.raise();
                }
            });
            var writesBadly = submit(BAD, options(500), new RecordingListener() {
                @Override
                public void wrote(String piece, List<TokenLogProbs> more) {
                    throw problem.raise();
                }
            });
            assertThat(List.of(startsBadly, writesBadly)).allSatisfy(told -> assertThat(told.problem()).isInstanceOf(CancellationException.class));
        });
    }

    @Test
    void whenItsSamplerCannotBeMade() {
        var biased = SamplerOptions.GREEDY.withLogitBias(Map.of(5000, 1.0));
        othersGoOn(() -> assertThat(submit(BAD, new GenerateOptions(5, biased, List.of(), List.of(), true)).problem()).isNotNull().isNotInstanceOf(AssertionError.class));
    }

    @Test
    void whenItsConstraintIsOfAnotherVocabulary() {
        TokenBytes fewer = TokenBytes.of(new ByteTokenizer(true, true) {
            @Override
            public int vocabSize() {
                return 128;
            }
        });
        var constrained = new GenerateOptions(5, SamplerOptions.GREEDY, List.of(), List.of(), false).withConstraint(Constraint.regex("x{3}", fewer));
        othersGoOn(() -> assertThat(submit(BAD, constrained).problem()).isInstanceOf(IndexOutOfBoundsException.class));
    }

    @Test
    void whenNothingCanBeDrawn() {
        model.spoilsLogits = span -> Arrays.equals(span.ids(), BAD);
        othersGoOn(() -> assertThat(submit(BAD, options(5)).problem()).isInstanceOf(IllegalStateException.class).hasMessageContaining("NaN"));
    }

    @ParameterizedTest
    @EnumSource
    void whatCannotBeToldApartEndsAllThatRunAndThoseWhoComeAfterAreAnswered(Problem problem) {
        model.problem = problem;
        var began = new RecordingListener() {
            @Override
            public void wrote(String piece, List<TokenLogProbs> more) {
                model.breaksSpec = true;
            }
        };
        failsOf(problem, submit(new int[] {1, 2, 3}, options(900), began));
        model.breaksSpec = false;
        assertThat(submit(new int[] {4, 5}, options(10)).generation().ids()).hasSize(10);
        assertThat(scheduler.failure()).isNull();
    }

    @ParameterizedTest
    @EnumSource
    void aThreadThatCannotGoOnSaysWhy(Problem problem) throws Exception {
        model.problem = problem;
        RecordingListener last = null;
        for (int i = 0; i < 2; i++) {
            // rounds fail while the job runs
            last = submit(new int[] {1, 2}, options(5), new RecordingListener() {
                @Override
                public void started(int promptTokens, int cachedTokens) {
                    model.breaksSpec = true;
                }

                @Override
                public void failed(RuntimeException why) {
                    model.breaksSpec = false;
                    super.failed(why);
                }
            });
            assertThat(last.problem()).isNotNull();
        }
        assertThat(last.problem()).isInstanceOf(SchedulerStoppedException.class).hasMessageContaining("restart");
        assertThat(scheduler.failure()).isNotNull().isSameAs(last.problem().getCause());
        assertThatThrownBy(() -> submit(new int[] {1, 2}, options(5))).isInstanceOf(SchedulerStoppedException.class).hasCause(scheduler.failure());
        assertThatThrownBy(() -> scheduler.between(model -> 1)).isInstanceOf(SchedulerStoppedException.class).hasCause(scheduler.failure());
        scheduler.drain();
    }
}
