package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.SchedulerOptions;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AnswersThatRepeatAreKeptTest {
    private static final String CHAT = "/v1/chat/completions";
    private final AtomicInteger asked = new AtomicInteger();

    private TestServer server(ServerOptions options) {
        return new TestServer(new ScriptedModel(4096, prompt -> "answer " + asked.incrementAndGet()), new SchedulerOptions(8, 64, 100_000, 64, true), options);
    }

    private static String ask(String more) {
        return "{'messages':[{'role':'user','content':'x'}]" + more + "}";
    }

    private static String content(JsonNode json) {
        return json.at("/choices/0/message/content").asText();
    }

    private void keeps(ResponseCache cache) {
        try (cache; TestServer server = server(ServerOptions.local(0).withCache(cache))) {
            JsonNode first = server.post(CHAT, ask(",'temperature':0")).json();
            JsonNode second = server.post(CHAT, ask(",'temperature':0,'user':'someone'")).json();
            assertThat(content(second)).isEqualTo(content(first));
            assertThat(second.get("id")).isNotEqualTo(first.get("id"));
            assertThat(second.at("/usage/prompt_tokens_details/cached_tokens")).isEqualTo(second.at("/usage/prompt_tokens"));
            assertThat(second.at("/usage/completion_tokens")).isEqualTo(first.at("/usage/completion_tokens"));
            assertThat(server.post(CHAT, "{'temperature':0,'stream':true,'messages':[{'content':'x','role':'user'}]}").events().stream()
                    .map(event -> event.at("/choices/0/delta/content").asText("")).collect(Collectors.joining())).isEqualTo(content(first));
            assertThat(content(server.post(CHAT, ask(",'temperature':0,'max_tokens':4")).json())).isNotEqualTo(content(first));
            String seeded = content(server.post(CHAT, ask(",'seed':5")).json());
            assertThat(content(server.post(CHAT, ask(",'seed':5")).json())).isEqualTo(seeded);
            assertThat(content(server.post(CHAT, ask("")).json())).isNotEqualTo(content(server.post(CHAT, ask("")).json()));
            assertThat(server.get("/metrics").body()).contains("zhulong_response_cache_total{hit=\"true\"} 3.0");
        }
    }

    @Test
    void inTheProcess() {
        keeps(ResponseCache.local(1_000_000));
    }

    @Test
    void inRedis(@TempDir Path directory) throws Exception {
        String program = Program.require("redis-server");
        int port;
        try (var free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Process redis = new ProcessBuilder(program, "--port", Integer.toString(port), "--save", "", "--dir", directory.toString()).redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile()).start();
        try {
            awaitPort(port);
            keeps(ResponseCache.redis("redis://127.0.0.1:" + port));
            ResponseCache lost = ResponseCache.redis("redis://127.0.0.1:" + port);
            redis.destroy();
            redis.waitFor();
            // without Redis every answer is computed
            try (lost; TestServer server = server(ServerOptions.local(0).withCache(lost))) {
                assertThat(server.post(CHAT, ask(",'temperature':0")).status()).isEqualTo(200);
            }
        } finally {
            redis.destroyForcibly();
        }
        assertThatThrownBy(() -> ResponseCache.redis("redis://127.0.0.1:" + port)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("there is no Redis");
    }

    private static void awaitPort(int port) throws InterruptedException {
        for (int i = 0; i < 200; i++) {
            try (var _ = new Socket("127.0.0.1", port)) {
                return;
            } catch (IOException e) {
                Thread.sleep(50);
            }
        }
    }

    @Test
    void oneTenantsAnswersAreNotAnothers(@TempDir Path directory) {
        Path file = directory.resolve("keys.json");
        String anna = ApiKeys.add(file, "anna", null, null);
        String bert = ApiKeys.add(file, "bert", null, null);
        try (ResponseCache cache = ResponseCache.local(1_000_000); TestServer server = server(ServerOptions.local(0).withCache(cache).withKeys(ApiKeys.read(file)))) {
            String first = content(server.post(CHAT, ask(",'temperature':0"), "Authorization", "Bearer " + anna).json());
            assertThat(content(server.post(CHAT, ask(",'temperature':0"), "Authorization", "Bearer " + anna).json())).isEqualTo(first);
            assertThat(content(server.post(CHAT, ask(",'temperature':0"), "Authorization", "Bearer " + bert).json())).isNotEqualTo(first);
        }
    }
}
