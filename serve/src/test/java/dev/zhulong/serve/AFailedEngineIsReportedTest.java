package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.NoMemoryException;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.ServedModel.Route;
import dev.zhulong.serve.TestServer.Answer;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What goes wrong in the engine ends the request it went wrong for, under its own name; where the engine cannot go on, whoever watches the server is told. */
class AFailedEngineIsReportedTest {
    private static final String CHAT = "/v1/chat/completions";
    private static final String ASK = "{'messages':[{'role':'user','content':'x'}],'max_tokens':50,'temperature':0}";

    /** Fails where it is told to. */
    private static final class Failing implements LanguageModel {
        private final ScriptedModel model = new ScriptedModel(4096, prompt -> "word ".repeat(30));
        private volatile Supplier<Throwable> forward;
        private volatile boolean breaksRounds;
        private volatile boolean breakNow;

        @SuppressWarnings("unchecked")
        private static <T extends Throwable> void raise(Throwable problem) throws T {
            throw (T) problem;
        }

        @Override
        public DecoderSpec spec() {
            if (breakNow && Thread.currentThread().getName().equals("scheduler")) {
                breakNow = false;
                throw new StackOverflowError("too deep");
            }
            return model.spec();
        }

        @Override
        public KvCache newCache(int capacity) {
            return model.newCache(capacity);
        }

        @Override
        public List<float[]> forward(List<Span> spans) {
            if (forward != null) {
                Failing.<RuntimeException>raise(forward.get());
            }
            List<float[]> logits = model.forward(spans);
            breakNow = breaksRounds;
            return logits;
        }

        @Override
        public void close() {}
    }

    private final Failing model = new Failing();
    private final ServedModel served = TestServer.served(new SchedulerOptions(8, 64, 100_000, 64, true), new Route(Precision.HIGH, "script", model));
    private final TestServer server = new TestServer(served, ServerOptions.local(0));

    @AfterEach
    void close() {
        server.close();
        served.close();
    }

    private static Throwable problem(String name) {
        return switch (name) {
            case "stack" -> new StackOverflowError("deep");
            case "heap" -> new OutOfMemoryError("heap");
            case "assertion" -> new AssertionError("wrong");
            case "context" -> new IllegalArgumentException("odd");
            default -> new IllegalStateException("broken");
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {"stack", "heap", "assertion", "context", "state"})
    void oneRequestFailsAndTheNextIsAnswered(String name) {
        for (String body : List.of(ASK, ASK.replace("{'messages'", "{'stream':true,'messages'"), ASK.replace("{'messages'", "{'n':3,'messages'"))) {
            model.forward = () -> problem(name);
            Answer failed = server.post(CHAT, body);
            assertThat(failed.status()).isEqualTo(500);
            assertThat(failed.error()).contains("internal_error");
            Answer vector = server.post("/v1/embeddings", "{'input':'x'}");
            assertThat(vector.status()).isEqualTo(500);
            assertThat(vector.error()).contains("internal_error");
            model.forward = null;
            assertThat(server.post(CHAT, ASK).status()).isEqualTo(200);
            assertThat(server.post("/v1/embeddings", "{'input':'x'}").status()).isEqualTo(200);
            assertThat(server.get("/health").status()).isEqualTo(200);
        }
    }

    @Test
    void noMemoryIsNoShutDown() {
        model.forward = () -> new NoMemoryException("no memory for keys and values", null);
        for (Answer answer : List.of(server.post(CHAT, ASK), server.post("/v1/embeddings", "{'input':'x'}"))) {
            assertThat(answer.status()).isEqualTo(503);
            assertThat(answer.error()).contains("out_of_memory").contains("no memory for keys and values");
            assertThat(answer.response().headers().firstValue("Retry-After")).isPresent();
        }
        assertThat(server.get("/ready").status()).isEqualTo(200);
    }

    @Test
    void anEngineThatCannotGoOnMakesTheServerUnhealthy() {
        model.breaksRounds = true;
        assertThat(server.post(CHAT, ASK).status()).isEqualTo(500);
        assertThat(server.get("/health").status()).isEqualTo(200);
        Answer last = server.post(CHAT, ASK);
        assertThat(last.status()).isEqualTo(503);
        assertThat(last.error()).contains("engine_failed").contains("too deep");
        model.breaksRounds = false;
        for (Answer answer : List.of(server.get("/health"), server.get("/ready"), server.post(CHAT, ASK), server.post("/v1/embeddings", "{'input':'x'}"))) {
            assertThat(answer.status()).isEqualTo(503);
            assertThat(answer.error()).contains("engine_failed").contains("too deep").contains("restart");
        }
    }

    @Test
    void aServerThatIsShuttingDownSaysSo() throws Exception {
        server.server.drain();
        Answer answer = server.post(CHAT, ASK);
        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.error()).contains("shutting_down");
    }
}
