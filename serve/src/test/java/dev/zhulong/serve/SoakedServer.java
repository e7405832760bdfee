package dev.zhulong.serve;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.HotSpotDiagnosticMXBean.ThreadDumpFormat;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.infer.SchedulerOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The server of {@link ServerSoak} in a process of its own, so that what is measured is the server's alone. Says its port; answers {@code state} on
 * standard input with a line of what it holds, and {@code stop} with the pages that are left when all is closed.
 */
final class SoakedServer {
    private static final String RULES = """
            name: soak
            rules:
              - id: forbidden
                words: [xylophone, qzx]
                action: mask
            """;

    private SoakedServer() {}

    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[0]);
        PrintStream out = System.out;
        // little of everything, so that queues fill and pages are fought for
        try (var model = new TinyModel(directory, new SchedulerOptions(8, 48, 1600, 32, true))) {
            serve(directory, model, out);
            model.served.close();
            out.println(model.engine.pagesUsed());
        }
    }

    private static void serve(Path directory, TinyModel model, PrintStream out) throws Exception {
        model.served.addAdapter("one", directory.resolve("adapter1"));
        model.served.addAdapter("two", directory.resolve("adapter2"));
        Path rules = Files.writeString(directory.resolve("rules.yaml"), RULES);
        try (ResponseCache cache = ResponseCache.local(1 << 20); ApiServer server = ApiServer.start(model.served,
                ServerOptions.local(0).withLimits(100_000, 5, 60).withCache(cache).withGuard(new Guard(List.of(rules.toString()), AuditLog.to(directory.resolve("audit.jsonl")))))) {
            out.println(server.port());
            var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            while ("state".equals(in.readLine())) {
                out.println(state(directory, model));
            }
            server.drain();
        }
    }

    /** Live bytes of the heap, threads of both kinds, pages in use. */
    private static String state(Path directory, TinyModel model) throws IOException {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
        Path dump = directory.resolve("threads.json");
        Files.deleteIfExists(dump);
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class).dumpThreads(dump.toString(), ThreadDumpFormat.JSON);
        long threads = Files.readString(dump).lines().filter(line -> line.contains("\"tid\"")).count();
        return heap + " " + threads + " " + model.engine.pagesUsed();
    }
}
