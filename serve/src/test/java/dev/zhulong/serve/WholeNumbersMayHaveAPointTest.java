package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.serve.TestServer.Answer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients whose numbers are all doubles send 3.0 where 3 is meant. */
class WholeNumbersMayHaveAPointTest {
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.of(prompt -> "one two three four five six seven eight");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static Answer ask(String tokens) {
        return server.post("/v1/chat/completions", "{'messages':[{'role':'user','content':'x'}],'temperature':0,'max_tokens':" + tokens + "}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"3.0", "3e0", "30E-1"})
    void theyAreTaken(String tokens) {
        assertThat(ask(tokens).json().at("/choices/0/message/content").asText()).isEqualTo(ask("3").json().at("/choices/0/message/content").asText());
    }

    @ParameterizedTest
    @ValueSource(strings = {"3.5", "1e300", "-1.0", "9007199254740994.0", "'3'"})
    void othersAreNot(String tokens) {
        Answer answer = ask(tokens);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.json().at("/error/message").asText()).contains("max_tokens must be a whole number");
    }
}
