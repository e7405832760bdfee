package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.SchedulerOptions;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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

    /** A cache whose entries others can see and change. */
    private static final class Open implements ResponseCache {
        private final Map<String, String> entries = new ConcurrentHashMap<>();

        @Override
        public String get(String key) {
            return entries.get(key);
        }

        @Override
        public void put(String key, String answer) {
            entries.put(key, answer);
        }

        @Override
        public void close() {}
    }

    private static String format(String properties) {
        return ",'temperature':0,'response_format':{'type':'json_schema','json_schema':{'name':'x','schema':{'type':'object','properties':{" + properties + "},'maxLength':3}}}";
    }

    /** Requests that a careless way of writing them down makes one: each is another. */
    @Test
    void differentRequestsHaveDifferentKeys() {
        List<String> bodies = List.of(
                ask(format("'x':{'type':'null'},'y':{'type':'null'}")), ask(format("'x={type=\\u0022null\\u0022}, y':{'type':'null'}")),
                ask(format("'y':{'type':'null'},'x':{'type':'null'}")), ask(format("'x':{'type':'null'},'y':{'type':'null'},'z':{}")),
                ask(",'temperature':0,'stop':['a','b']"), ask(",'temperature':0,'stop':['a, b']"), ask(",'temperature':0,'stop':['a\\u0022,\\u0022b']"), ask(",'temperature':0,'stop':'a'"),
                ask(",'temperature':0,'stop':'1'"), ask(",'temperature':0,'seed':1"), ask(",'temperature':0,'seed':-1"), ask(",'temperature':0"), ask(",'temperature':0,'max_tokens':9"),
                ask(",'temperature':0,'tools':[{'type':'function','function':{'name':'f','parameters':{'properties':{'a':{},'b':{}}}}}]"),
                ask(",'temperature':0,'tools':[{'type':'function','function':{'name':'f','parameters':{'properties':{'b':{},'a':{}}}}}]"),
                "{'messages':[{'role':'user','content':'x'},{'role':'user','content':'y'}],'temperature':0}", "{'messages':[{'role':'user','content':'x<user>y'}],'temperature':0}",
                "{'messages':[{'role':'user','content':'y'},{'role':'user','content':'x'}],'temperature':0}");
        List<String> texts = List.of("{'prompt':['ab','c'],'temperature':0}", "{'prompt':['a','bc'],'temperature':0}", "{'prompt':[[97,98],[99]],'temperature':0}",
                "{'prompt':'abc','temperature':0}", "{'prompt':'abc','temperature':0,'n':2}", "{'prompt':'ab','suffix':'c','temperature':0}", "{'prompt':'a','suffix':'bc','temperature':0}",
                "{'prompt':'abc','temperature':0,'echo':true}");
        try (var cache = new Open(); TestServer server = server(ServerOptions.local(0).withCache(cache))) {
            bodies.forEach(body -> assertThat(server.post(CHAT, body).status()).as(body).isEqualTo(200));
            texts.forEach(body -> assertThat(server.post("/v1/completions", body).status()).as(body).isEqualTo(200));
            TestServer.await(20, () -> cache.entries.size() == bodies.size() + texts.size());
            assertThat(server.get("/metrics").body()).doesNotContain("zhulong_response_cache_total{hit=\"true\"}");
            bodies.forEach(body -> server.post(CHAT, body));
            assertThat(server.get("/metrics").body()).contains("zhulong_response_cache_total{hit=\"true\"} " + bodies.size() + ".0");
        }
    }

    /** Ways to spoil an entry. */
    private static List<UnaryOperator<String>> spoilers() {
        List<UnaryOperator<String>> spoilers = new ArrayList<>();
        for (String other : List.of("", "{}", "[]", "null", "0", "not JSON", "{\"choices\":[]}", "{\"choices\":[{}]}", "{\"choices\":{}}", "{\"prompt\":1,\"written\":1,\"choices\":[{},{},{}]}",
                "\u0000", "0".repeat(64), "0".repeat(64) + "{\"choices\":[]}", "{\"prompt\":6,\"written\":8,\"choices\":[{\"text\":\"a\",\"finish\":\"stop\",\"refusal\":null,\"calls\":[]}]}",
                "[".repeat(100_000))) {
            spoilers.add(kept -> other);
        }
        for (int cut : new int[] {1, 2, 10, 63, 64, 65, 100}) {
            spoilers.add(kept -> kept.substring(0, Math.max(0, kept.length() - cut)));
            spoilers.add(kept -> kept.substring(Math.min(kept.length(), cut)));
        }
        spoilers.add(kept -> kept.replace("answer", "ANSWER"));
        spoilers.add(kept -> kept.replace("\"finish\":\"stop\"", "\"finish\":\"boredom\""));
        spoilers.add(kept -> kept.replace("\"finish\":\"stop\",", ""));
        spoilers.add(kept -> kept.replace("\"written\":", "\"written\":-"));
        spoilers.add(kept -> kept + " ");
        return spoilers;
    }

    /** The entry as another process would write it: with a hash that is right. */
    private static UnaryOperator<String> rewritten(String key, UnaryOperator<String> change) {
        return kept -> {
            String text = change.apply(kept.substring(64));
            return StoredAnswers.hash(key, text) + text;
        };
    }

    @Test
    void whatIsNoAnswerToTheRequestIsAsIfItWereNotThere() {
        try (var cache = new Open(); TestServer server = server(ServerOptions.local(0).withCache(cache))) {
            String body = ask(",'temperature':0,'max_tokens':50");
            String first = content(server.post(CHAT, body).json());
            TestServer.await(20, () -> !cache.entries.isEmpty());
            String key = cache.entries.keySet().iterator().next();
            String kept = cache.entries.get(key);
            assertThat(content(server.post(CHAT, body).json())).isEqualTo(first);
            List<UnaryOperator<String>> spoilers = new ArrayList<>(spoilers());
            for (String[] change : new String[][] {{"\"choices\":[", "\"choices\":[],\"was\":["}, {"]}]", "]},{\"text\":\"\",\"finish\":\"stop\",\"refusal\":null,\"calls\":[]}]"},
                {"\"finish\":\"stop\"", "\"finish\":\"boredom\""}, {"\"finish\":\"stop\"", "\"finish\":\"tool_calls\""}, {"\"finish\":\"stop\"", "\"finish\":null"},
                {"\"text\":", "\"text\":1,\"txt\":"}, {"\"calls\":[]", "\"calls\":[{\"name\":\"f\",\"arguments\":\"{}\"}]"}, {"\"calls\":[]", "\"calls\":{}"},
                {"\"refusal\":null", "\"refusal\":5"}, {"\"prompt\":", "\"prompt\":1"}, {"\"written\":", "\"written\":-"}, {"\"written\":", "\"written\":\"x\",\"w\":"}}) {
                assertThat(kept).contains(change[0]);
                spoilers.add(rewritten(key, text -> text.replace(change[0], change[1])));
            }
            for (UnaryOperator<String> spoiler : spoilers) {
                String spoiled = spoiler.apply(kept);
                cache.entries.put(key, spoiled);
                for (String stream : List.of("", ",'stream':true")) {
                    cache.entries.put(key, spoiled);
                    var answer = server.post(CHAT, body.replace(",'temperature'", stream + ",'temperature'"));
                    assertThat(answer.status()).as(spoiled).isEqualTo(200);
                    assertThat(answer.body()).as(spoiled).doesNotContain("internal_error").doesNotContain(first + "\"");
                    // it was computed anew, and is kept when it has been sent
                    TestServer.await(20, () -> !cache.entries.get(key).equals(spoiled));
                }
            }
        }
    }

    @Test
    void anEntryUnderAnothersKeyIsNotRead() {
        try (var cache = new Open(); TestServer server = server(ServerOptions.local(0).withCache(cache))) {
            server.post(CHAT, ask(",'temperature':0"));
            TestServer.await(20, () -> !cache.entries.isEmpty());
            String entry = cache.entries.values().iterator().next();
            String other = content(server.post(CHAT, ask(",'temperature':0,'max_tokens':300")).json());
            TestServer.await(20, () -> cache.entries.size() == 2);
            cache.entries.replaceAll((key, value) -> entry);
            assertThat(content(server.post(CHAT, ask(",'temperature':0,'max_tokens':300")).json())).isNotEqualTo(other);
        }
    }

    @Test
    void whatIsKeptInTheProcessIsBoundedByItsBytes() {
        try (ResponseCache cache = ResponseCache.local(1_000_000)) {
            for (int i = 0; i < 2000; i++) {
                cache.put(Integer.toString(i), "");
            }
            for (int i = 0; i < 300; i++) {
                cache.put("long" + i, "字".repeat(10_000));
            }
            cache.put("huge", "x".repeat(2_000_000));
            TestServer.await(10, () -> IntStream.range(0, 300).filter(i -> cache.get("long" + i) != null).count() <= 50);
            TestServer.await(10, () -> cache.get("huge") == null);
        }
    }
}
