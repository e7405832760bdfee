package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Ranks that are processes: those that are left say which is gone, where it was and how far it had come. */
@DisabledOnOs(OS.WINDOWS)
class AKilledOrFrozenRankIsNamedTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(4);

    @ParameterizedTest
    @CsvSource({"tcp,KILL", "memory,KILL", "tcp,STOP", "memory,STOP"})
    void byTheOthers(String over, String signal) throws Exception {
        List<Process> ranks = new ArrayList<>();
        List<Queue<String>> said = new ArrayList<>();
        try (var rendezvous = Rendezvous.open("127.0.0.1", 0, 3, 0, Ranked.KEY, refused -> {})) {
            for (int rank = 0; rank < 3; rank++) {
                ranks.add(start(over, Ranked.group(rank, 3, rendezvous.port(), TIMEOUT)));
                said.add(read(ranks.getLast()));
            }
            for (Queue<String> each : said) {
                awaitLine(each, "step 3");
            }
            new ProcessBuilder("kill", "-" + signal, Long.toString(ranks.get(1).pid())).start().waitFor();
            for (int other : new int[] {0, 2}) {
                assertThat(ranks.get(other).waitFor(60, TimeUnit.SECONDS)).isTrue();
                assertThat(ranks.get(other).exitValue()).isEqualTo(75);
                assertThat(awaitLine(said.get(other), "lost")).startsWith("lost 1: rank 1 on 127.0.0.1").containsPattern("its last step was [1-9]");
            }
        } finally {
            ranks.forEach(Process::destroyForcibly);
        }
    }

    /** As a machine that sleeps, or one that is moved, has it. */
    @Test
    void frozenAllTogetherTheyGoOn() throws Exception {
        List<Process> ranks = new ArrayList<>();
        List<Queue<String>> said = new ArrayList<>();
        try (var rendezvous = Rendezvous.open("127.0.0.1", 0, 3, 0, Ranked.KEY, refused -> {})) {
            for (int rank = 0; rank < 3; rank++) {
                ranks.add(start("tcp", Ranked.group(rank, 3, rendezvous.port(), Duration.ofSeconds(2))));
                said.add(read(ranks.getLast()));
            }
            awaitLine(said.getFirst(), "step 3");
            kill("STOP", ranks);
            Thread.sleep(4000);
            int steps = said.getFirst().size();
            kill("CONT", ranks);
            awaitLine(said.getFirst(), "step " + (steps + 60));
            assertThat(ranks).allMatch(Process::isAlive);
        } finally {
            ranks.forEach(Process::destroyForcibly);
        }
    }

    private static void kill(String signal, List<Process> all) throws Exception {
        List<String> command = new ArrayList<>(List.of("kill", "-" + signal));
        all.forEach(process -> command.add(Long.toString(process.pid())));
        assertThat(new ProcessBuilder(command).start().waitFor()).isZero();
    }

    @Test
    void strangersAreRefusedAndTheRanksMeet() throws Exception {
        Queue<String> refused = new ConcurrentLinkedQueue<>();
        try (var rendezvous = Rendezvous.open("127.0.0.1", 0, 2, 0, Ranked.KEY, refused::add);
                Socket silent = new Socket("127.0.0.1", rendezvous.port());
                Socket noise = new Socket("127.0.0.1", rendezvous.port())) {
            noise.getOutputStream().write("GET / HTTP/1.1\r\nHost: ranks\r\n\r\n".repeat(100).getBytes());
            var wrongKey = new Group(0, 2, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", "another key of 16 bytes".getBytes(), TIMEOUT);
            assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> Mesh.join(wrongKey, said -> {}))).isInstanceOf(RankFailure.class).hasMessageContaining("another key");
            var wrongGeneration = new Group(0, 2, 1, "127.0.0.1", rendezvous.port(), "127.0.0.1", Ranked.KEY, TIMEOUT);
            assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> Mesh.join(wrongGeneration, said -> {}))).isInstanceOf(RankFailure.class);
            int port = rendezvous.port();
            List<Thread> ranks = new ArrayList<>();
            double[][][] sums = new double[2][][];
            for (int i = 0; i < 2; i++) {
                int rank = i;
                ranks.add(Thread.ofPlatform().start(() -> {
                    try (Collectives joined = Collectives.join(Ranked.group(rank, 2, port, TIMEOUT), said -> {})) {
                        sums[rank] = joined.gather(new Call(1, "number"), rank + 1);
                    }
                }));
            }
            for (Thread rank : ranks) {
                rank.join(60_000);
            }
            assertThat(sums[0]).isEqualTo(new double[][] {{1}, {2}}).isEqualTo(sums[1]);
        }
        assertThat(refused).anySatisfy(line -> assertThat(line).contains("is no rank")).anySatisfy(line -> assertThat(line).contains("generation 1"));
    }

    private static Process start(String over, Group group) throws IOException {
        List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElseThrow(), "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream().filter(flag -> flag.startsWith("--add-modules") || flag.startsWith("--enable-native")).forEach(command::add);
        command.addAll(List.of("--add-modules", "jdk.incubator.vector", "-cp", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), RankMain.class.getName(), over));
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(GroupVariables.of(group));
        return builder.start();
    }

    private static Queue<String> read(Process rank) {
        Queue<String> lines = new ConcurrentLinkedQueue<>();
        Thread.ofPlatform().daemon().start(() -> {
            try (BufferedReader reader = rank.inputReader()) {
                reader.lines().forEach(lines::add);
            } catch (IOException | java.io.UncheckedIOException e) {
                // it has ended
            }
        });
        return lines;
    }

    private static String awaitLine(Queue<String> lines, String begin) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (System.nanoTime() < end) {
            for (String line : lines) {
                if (line.startsWith(begin)) {
                    return line;
                }
            }
            Thread.sleep(20);
        }
        throw new AssertionError("no line begins with '" + begin + "' among " + lines);
    }
}
