package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.ServedModel.Route;
import dev.zhulong.serve.TestServer.Answer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Two routes that say which they are. */
class PrecisionIsTheRequestsChoiceTest {
    private static final String LONG = "x".repeat(600);
    private final ScriptedModel high = new ScriptedModel(4096, prompt -> "[1]");
    private final ScriptedModel low = new ScriptedModel(4096, prompt -> "[0]");
    private final ResponseCache cache = ResponseCache.local(100_000);
    private final ServedModel served = TestServer.served(new SchedulerOptions(4, 64, 50_000, 64, true), new Route(Precision.HIGH, "exact", high),
            new Route(Precision.LOW, "fast", low));
    private final TestServer server = new TestServer(served, ServerOptions.local(0).withCache(cache));

    @AfterEach
    void close() {
        server.close();
        served.close();
        cache.close();
    }

    private String answered(String text, String more) {
        JsonNode answer = server.post("/v1/chat/completions", "{'messages':[{'role':'user','content':'" + text + "'}],'temperature':0" + more + "}").json();
        String content = answer.at("/choices/0/message/content").asText();
        // the answer says what made it
        assertThat(answer.path("precision").asText()).as(answer.toString()).isEqualTo(content.equals("[1]") ? "high" : "low");
        return answer.path("precision").asText();
    }

    @Test
    void whatIsAskedForIsUsed() {
        for (int i = 0; i < 2; i++) {
            // the second time from the cache of answers, which tells them apart
            assertThat(answered("hi", ",'precision':'low'")).isEqualTo("low");
            assertThat(answered("hi", ",'precision':'high'")).isEqualTo("high");
            assertThat(answered(LONG, ",'precision':'high'")).isEqualTo("high");
        }
        assertThat(server.get("/metrics").body()).contains("zhulong_response_cache_total{hit=\"true\"} 3.0").contains("zhulong_batch{precision=\"low\"}", "zhulong_batch{precision=\"high\"}");
    }

    @Test
    void byItselfItGoesByLengthTaskAndQuality() {
        assertThat(answered("hi", "")).as("short").isEqualTo("high");
        assertThat(answered(LONG, "")).as("long").isEqualTo("low");
        assertThat(answered(LONG, ",'precision':'auto'")).isEqualTo("low");
        assertThat(answered(LONG, ",'logprobs':true")).as("probabilities").isEqualTo("high");
        assertThat(answered(LONG, ",'reasoning_effort':'high'")).as("asked quality").isEqualTo("high");
        assertThat(answered(LONG, ",'max_tokens':3,'response_format':{'type':'json_schema','json_schema':{'name':'n','strict':true,'schema':{'type':'array','items':{'enum':[0,1]},"
                + "'minItems':1,'maxItems':1}}}")).as("form").isEqualTo("high");
    }

    @Test
    void whatIsNotLoadedIsRefused() {
        assertThat(server.post("/v1/completions", "{'prompt':'x','precision':'exact'}").status()).isEqualTo(400);
        try (TestServer one = TestServer.of(prompt -> "ok")) {
            Answer answer = one.post("/v1/completions", "{'prompt':'x','precision':'low'}");
            assertThat(answer.status()).isEqualTo(400);
            assertThat(answer.error()).contains("not loaded here; there is: high");
        }
    }
}
