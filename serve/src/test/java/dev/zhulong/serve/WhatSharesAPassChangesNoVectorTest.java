package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.infer.Encoder;
import dev.zhulong.serve.TestServer.Answer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Requests of an encoder run together, wait in a queue, and are given up one by one. */
class WhatSharesAPassChangesNoVectorTest {
    private static final String EMBED = "/v1/embeddings";
    @TempDir
    Path directory;

    /** Waits before each pass until it is let through. */
    private record Held(Encoder encoder, Semaphore passes, CountDownLatch begun) implements Encoder {
        @Override
        public EncoderSpec spec() {
            return encoder.spec();
        }

        @Override
        public List<Output> encode(List<Input> inputs) {
            begun.countDown();
            passes.acquireUninterruptibly();
            if (inputs.stream().anyMatch(input -> input.ids().length == 5 && input.ids()[1] == input.ids()[2] && input.ids()[2] == input.ids()[3])) {
                throw new IllegalStateException("broken");
            }
            return encoder.encode(inputs);
        }

        @Override
        public void close() {
            encoder.close();
        }
    }

    private static List<Answer> together(List<Callable<Answer>> requests) throws Exception {
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Answer> answers = new ArrayList<>();
            for (Future<Answer> each : threads.invokeAll(requests)) {
                answers.add(each.get());
            }
            return answers;
        }
    }

    @Test
    void eachAnswerHasTheBitsItHasAlone() throws Exception {
        TinyBert.write(directory, spec -> spec.withClasses(List.of("calm", "urgent"), Problem.SINGLE_LABEL));
        var random = new SplittableRandom(3);
        List<String[]> requests = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            var texts = new ArrayList<String>();
            for (int t = 0; t < 1 + i % 4; t++) {
                texts.add("'" + String.join(" ", random.ints(1 + random.nextInt(30), 0, TinyBert.WORDS.size() - 1).mapToObj(TinyBert.WORDS::get).toList()) + "'");
            }
            requests.add(new String[] {i % 2 == 0 ? EMBED : "/v1/classify", "{'input':" + texts + "}"});
        }
        try (var model = new TinyBert(directory, 64); var server = new TestServer(model.served, ServerOptions.local(0))) {
            List<Answer> alone = requests.stream().map(each -> server.post(each[0], each[1])).toList();
            assertThat(alone).allMatch(answer -> answer.status() == 200);
            List<Answer> crowd = together(requests.stream().<Callable<Answer>>map(each -> () -> server.post(each[0], each[1])).toList());
            for (int i = 0; i < alone.size(); i++) {
                assertThat(crowd.get(i).body()).as(requests.get(i)[1]).isEqualTo(alone.get(i).body());
            }
            // fewer calls of the model than inputs: they did run together
            var stats = model.served.scheduler().stats();
            assertThat(stats.steps()).isLessThan(2 * requests.size());
            assertThat(stats.finished()).isEqualTo(2L * requests.size());
        }
    }

    @Test
    void theQueueHasAnEndAndSoHasWaiting() throws Exception {
        var passes = new Semaphore(0);
        var begun = new CountDownLatch(1);
        try (var model = new TinyBert(TinyBert.write(directory, spec -> spec), 2, encoder -> new Held(encoder, passes, begun));
                var server = new TestServer(model.served, ServerOptions.local(0).withLimits(1 << 20, 30, 2)); var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Answer> running = threads.submit(() -> server.post(EMBED, "{'input':'lit'}"));
            begun.await();
            List<Future<Answer>> waiting = IntStream.range(0, 2).mapToObj(_ -> threads.submit(() -> server.post(EMBED, "{'input':'lamp'}"))).toList();
            TestServer.await(10, () -> model.served.scheduler().stats().waiting() == 2);
            assertThat(server.get("/metrics").body()).contains("zhulong_queue{precision=\"high\"} 2");
            Answer refused = server.post(EMBED, "{'input':'lamp'}");
            assertThat(refused.status()).isEqualTo(429);
            assertThat(refused.error()).contains("queue_full");
            assertThat(refused.response().headers().firstValue("Retry-After")).isPresent();
            // nobody lets them through: their time ends, and their places are free
            assertThat(running.get().status()).isEqualTo(504);
            for (Future<Answer> each : waiting) {
                assertThat(each.get().error()).contains("deadline_exceeded");
            }
            passes.release(100);
            assertThat(server.post(EMBED, "{'input':'lamp'}").status()).isEqualTo(200);
        }
    }

    @Test
    void whatFailsFailsAlone() throws Exception {
        var passes = new Semaphore(0);
        var begun = new CountDownLatch(1);
        try (var model = new TinyBert(TinyBert.write(directory, spec -> spec), 64, encoder -> new Held(encoder, passes, begun));
                var server = new TestServer(model.served, ServerOptions.local(0)); var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Answer> first = threads.submit(() -> server.post(EMBED, "{'input':'lit'}"));
            begun.await();
            Future<Answer> broken = threads.submit(() -> server.post(EMBED, "{'input':['lamp','lamp lamp lamp']}"));
            Future<Answer> sound = threads.submit(() -> server.post(EMBED, "{'input':'the harbour'}"));
            TestServer.await(10, () -> model.served.scheduler().stats().waiting() == 2);
            passes.release(100);
            assertThat(first.get().status()).isEqualTo(200);
            assertThat(broken.get().status()).isEqualTo(500);
            assertThat(broken.get().error()).contains("internal_error");
            assertThat(sound.get().status()).isEqualTo(200);
            assertThat(server.get("/health").status()).isEqualTo(200);
            server.server.drain();
            Answer late = server.post(EMBED, "{'input':'lit'}");
            assertThat(late.status()).isEqualTo(503);
            assertThat(late.error()).contains("shutting_down");
        }
    }
}
