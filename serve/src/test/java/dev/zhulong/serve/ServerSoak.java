package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.kernels.KvPages;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Minutes long, and so run by its name alone: {@code ./zhulong test -pl serve -am -Dtest=ServerSoak -Dsurefire.failIfNoSpecifiedTests=false}. */
@EnabledOnOs(OS.LINUX)
class ServerSoak {
    private static final int REQUESTS = Integer.getInteger("zhulong.soak", 20_000);
    private static final int CLIENTS = 40;
    /** Of a server without clients: what it listens on, and what the JDK closes others by. */
    private static final int SOCKETS = 2;
    private static final String HOST = "127.0.0.1";
    private static final String CHAT = "/v1/chat/completions";
    private static final String SCHEMA = ",'response_format':{'type':'json_schema','json_schema':{'name':'s','strict':true,'schema':{'type':'object','properties':"
            + "{'a':{'type':'integer','minimum':0,'maximum':9},'b':{'enum':['x','y']}},'required':['a','b'],'additionalProperties':false}}}";
    private static final String TOOLS = ",'tool_choice':'required','tools':[{'type':'function','function':{'name':'f','parameters':{'type':'object','properties':"
            + "{'a':{'type':'boolean'}},'required':['a'],'additionalProperties':false}}}]";
    private final Map<String, Integer> outcomes = new ConcurrentSkipListMap<>();
    /** Closed when its part is done, so that no connection of its own stays. */
    private HttpClient client;
    private int port;
    @TempDir
    Path directory;

    @Test
    void twentyThousandRequestsLeaveNothingBehind() throws Exception {
        // here: the server has no need of libtorch
        TinyModel.write(directory);
        // a heap that is there from the beginning, so that what grows is seen; its content is looked at by itself. The trim and the arenas are the launcher's
        List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElseThrow(), "-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:TrimNativeHeapInterval=10000", "-XX:+UseParallelGC", "-XX:MaxMetaspaceSize=192m"));
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream().filter(flag -> !flag.startsWith("-Xm")).forEach(command::add);
        command.addAll(List.of("-cp", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), SoakedServer.class.getName(), directory.toString()));
        var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.to(directory.resolve("log").toFile()));
        builder.environment().put("MALLOC_ARENA_MAX", "2");
        Process server = builder.start();
        try (BufferedReader in = server.inputReader(StandardCharsets.UTF_8); OutputStream out = server.getOutputStream()) {
            String first = in.readLine();
            assertThat(first).as(Files.readString(directory.resolve("log"))).isNotNull();
            port = Integer.parseInt(first);
            soak(server, in, out);
        } finally {
            server.destroyForcibly();
        }
    }

    private void soak(Process server, BufferedReader in, OutputStream out) throws Exception {
        long began = System.nanoTime();
        run(0, REQUESTS / 4);
        // not at half: what a collection that is forced throws away is compiled again, and would be taken for growth
        long[] quarter = state(in, out);
        run(REQUESTS / 4, REQUESTS / 2);
        long middle = settled(server);
        run(REQUESTS / 2, REQUESTS);
        long end = settled(server);
        long[] whole = state(in, out);
        double seconds = (System.nanoTime() - began) * 1e-9;
        String metrics;
        try (HttpClient http = HttpClient.newHttpClient()) {
            client = http;
            metrics = get("/metrics");
        }
        System.out.printf(Locale.ROOT, "%,d requests in %.0f s: %s%n  resident %,d kB at half, %,d kB at the end (%+.2f %%); at a quarter and the end live heap %,d and %,d kB; threads %d and %d; pages %d and %d%n%s%n", REQUESTS,
                seconds, outcomes, middle, end, 100.0 * (end - middle) / middle, quarter[0] >> 10, whole[0] >> 10, quarter[1], whole[1], quarter[2], whole[2],
                metrics.lines().filter(line -> line.matches("zhulong_(kv_tokens|cached|prompt_tokens|written|preempted|batch|queue|response_cache|guard).*")).collect(Collectors.joining("\n")));
        assertThat(seconds).isLessThan(900);
        assertThat((double) end).isLessThan(1.01 * middle);
        assertThat(whole[0]).isLessThan(quarter[0] + (2 << 20));
        assertThat(whole[1]).isLessThanOrEqualTo(quarter[1] + 2);
        awaitSockets(server);
        assertThat(metrics).contains("zhulong_batch{precision=\"high\"} 0.0", "zhulong_queue{precision=\"high\"} 0.0");
        assertThat(value(metrics, "zhulong_kv_tokens{")).isEqualTo(whole[2] * KvPages.PAGE);
        assertThat(value(metrics, "zhulong_preempted")).isPositive();
        assertThat(outcomes.keySet()).noneMatch(outcome -> outcome.contains(" 5"));
        tell(out, "stop");
        assertThat(in.readLine()).isEqualTo("0");
        assertThat(server.waitFor()).isZero();
        assertThat(Files.readString(directory.resolve("log")).lines().filter(line -> line.contains("internal error") || line.contains("Exception"))).isEmpty();
    }

    private static double value(String metrics, String name) {
        String line = metrics.lines().filter(each -> each.startsWith(name)).findFirst().orElseThrow();
        return Double.parseDouble(line.substring(line.lastIndexOf(' ')));
    }

    private void run(int from, int to) throws Exception {
        var next = new AtomicInteger(from);
        List<Future<?>> all = new ArrayList<>();
        try (HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build(); var clients = Executors.newFixedThreadPool(CLIENTS)) {
            client = http;
            for (int c = 0; c < CLIENTS; c++) {
                all.add(clients.submit(() -> {
                    for (int i = next.getAndIncrement(); i < to; i = next.getAndIncrement()) {
                        one(new SplittableRandom(i));
                    }
                    return null;
                }));
            }
            for (Future<?> each : all) {
                each.get();
            }
        }
    }

    /** Resident kilobytes at rest: the least, as a trim comes now and then. */
    private static long settled(Process server) throws Exception {
        awaitSockets(server);
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 22; i++) {
            Thread.sleep(1000);
            String status = Files.readString(Path.of("/proc", Long.toString(server.pid()), "status"));
            least = Math.min(least, Long.parseLong(status.lines().filter(line -> line.startsWith("VmRSS")).findFirst().orElseThrow().replaceAll("\\D", "")));
        }
        return least;
    }

    /** Until every connection is gone. */
    private static void awaitSockets(Process server) throws Exception {
        long patience = System.nanoTime() + 30_000_000_000L;
        while (sockets(server) > SOCKETS) {
            assertThat(System.nanoTime()).as("connections stay").isLessThan(patience);
            Thread.sleep(100);
        }
    }

    /** Open ones. */
    private static long sockets(Process server) throws IOException {
        long count = 0;
        try (var files = Files.newDirectoryStream(Path.of("/proc", Long.toString(server.pid()), "fd"))) {
            for (Path file : files) {
                try {
                    count += Files.readSymbolicLink(file).toString().startsWith("socket") ? 1 : 0;
                } catch (IOException e) {
                    // closed since it was listed
                }
            }
        }
        return count;
    }

    private static void tell(OutputStream out, String word) throws IOException {
        out.write((word + "\n").getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    private static long[] state(BufferedReader in, OutputStream out) throws IOException {
        tell(out, "state");
        String[] words = in.readLine().split(" ");
        return new long[] {Long.parseLong(words[0]), Long.parseLong(words[1]), Long.parseLong(words[2])};
    }

    private static String messages(SplittableRandom random, int words) {
        var text = new StringBuilder("The keeper of the lamp tells the harbour a story. ".repeat(1 + random.nextInt(2)));
        for (int i = 0; i < words; i++) {
            text.append(random.nextInt(3) == 0 ? "boats " : "lamp " + random.nextInt(1000) + " ");
        }
        String model = new String[] {"tiny", "tiny", "one", "two"}[random.nextInt(4)];
        return "{'model':'" + model + "','messages':[{'role':'system','content':'You keep a lamp.'},{'role':'user','content':'" + text + "'}]";
    }

    private void one(SplittableRandom random) throws Exception {
        int kind = random.nextInt(100);
        String few = ",'max_tokens':" + (1 + random.nextInt(24));
        if (kind < 25) {
            whole("chat", messages(random, random.nextInt(10)) + ",'temperature':" + random.nextInt(2) + few + "}");
        } else if (kind < 40) {
            stream("stream", messages(random, random.nextInt(10)) + ",'stream':true,'ignore_eos':true,'max_tokens':" + (1 + random.nextInt(160)) + "}");
        } else if (kind < 50) {
            stream("long", messages(random, 60 + random.nextInt(60)) + ",'stream':true,'stream_options':{'include_usage':true},'logprobs':true,'top_logprobs':2" + few + "}");
        } else if (kind < 55) {
            whole("many", messages(random, 5) + ",'n':3,'logprobs':true" + few + "}");
        } else if (kind < 60) {
            whole("schema", messages(random, 3) + ",'max_tokens':60" + SCHEMA + "}");
        } else if (kind < 65) {
            whole("tools", messages(random, 3) + ",'max_tokens':60" + TOOLS + "}");
        } else if (kind < 80) {
            leave(random, messages(random, random.nextInt(80)) + ",'stream':" + random.nextBoolean() + ",'ignore_eos':true,'max_tokens':300}");
        } else if (kind < 85) {
            count("embeddings", post("/v1/embeddings", "{'model':'tiny','input':['a lamp','" + "boats ".repeat(random.nextInt(30)) + " in'],'encoding_format':'float'}"), "data");
        } else if (kind < 88) {
            count("text", post("/v1/completions", "{'model':'one','prompt':'The lamp number','n':2,'echo':true" + few + "}"), "choices");
        } else if (kind < 90) {
            count("tokens", post("/tokenize", "{'text':'The lamp number'}"), "tokens");
        } else {
            bad(random);
        }
    }

    private void whole(String kind, String body) throws Exception {
        count(kind, post(CHAT, body), "choices");
    }

    /** An answer is whole, or it was not begun. */
    private void count(String kind, HttpResponse<String> answer, String field) {
        if (answer.statusCode() == 200) {
            JsonNode tree = TestServer.parsed(answer.body());
            assertThat(tree.path(field).size()).as(answer.body()).isPositive();
            tree.path("choices").forEach(choice -> assertThat(choice.path("finish_reason").asText()).isIn("stop", "length", "tool_calls"));
        } else {
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(429);
            assertThat(answer.headers().firstValue("Retry-After")).isPresent();
        }
        outcomes.merge(kind + " " + answer.statusCode(), 1, Integer::sum);
    }

    private void stream(String kind, String body) throws Exception {
        HttpResponse<String> answer = post(CHAT, body);
        if (answer.statusCode() == 200) {
            assertThat(answer.body()).endsWith("data: [DONE]\n\n");
            assertThat(answer.body()).contains("\"finish_reason\":\"").doesNotContain("\"error\"");
            outcomes.merge(kind + " 200", 1, Integer::sum);
        } else {
            count(kind, answer, "");
        }
    }

    /** A client that is gone at some moment, politely or not. */
    private void leave(SplittableRandom random, String body) throws Exception {
        byte[] bytes = body.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        try (var socket = new Socket(HOST, port)) {
            socket.setSoLinger(random.nextBoolean(), 0);
            OutputStream out = socket.getOutputStream();
            out.write(("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + bytes.length + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            out.write(bytes, 0, random.nextInt(10) == 0 ? random.nextInt(bytes.length) : bytes.length);
            if (random.nextInt(3) > 0) {
                socket.setSoTimeout(1 + random.nextInt(200));
                try {
                    socket.getInputStream().readNBytes(1 + random.nextInt(2000));
                } catch (IOException e) {
                    // it has waited long enough
                }
            }
        } catch (SocketException e) {
            // refused while it still wrote
        }
        outcomes.merge("left", 1, Integer::sum);
    }

    private void bad(SplittableRandom random) throws Exception {
        String body = switch (random.nextInt(6)) {
            case 0 -> "{'messages':";
            case 1 -> "{'messages':[]}";
            case 2 -> "{'messages':[{'role':'user','content':'x'}],'temperature':-1}";
            case 3 -> "{'model':'gone','messages':[{'role':'user','content':'x'}]}";
            case 4 -> "{'messages':[{'role':'user','content':'" + "far too long ".repeat(4000) + "'}]}";
            default -> "{'messages':[{'role':'user','content':'x'}],'response_format':{'type':'json_schema','json_schema':{'name':'s','strict':true,'schema':{'$ref':'#/nowhere'}}}}";
        };
        HttpResponse<String> answer = post(CHAT, body);
        assertThat(answer.statusCode()).as("%s: %s", body, answer.body()).isIn(400, 404);
        assertThat(TestServer.parsed(answer.body()).at("/error/message").asText()).isNotEmpty();
        outcomes.merge("bad " + answer.statusCode(), 1, Integer::sum);
    }

    private HttpResponse<String> post(String path, String body) throws Exception {
        return client.send(HttpRequest.newBuilder(URI.create("http://" + HOST + ":" + port + path)).header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body.replace('\'', '"'))).build(), HttpResponse.BodyHandlers.ofString());
    }

    private String get(String path) throws Exception {
        return client.send(HttpRequest.newBuilder(URI.create("http://" + HOST + ":" + port + path)).build(), HttpResponse.BodyHandlers.ofString()).body();
    }
}
