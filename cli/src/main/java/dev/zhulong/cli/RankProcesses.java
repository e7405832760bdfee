package dev.zhulong.cli;

import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.GroupVariables;
import dev.zhulong.tensor.Libtorch;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Ranks as processes of this machine: JVMs like this one, whose environment says which rank each is. They end together. */
final class RankProcesses {
    private static final String JVM = "WARNING: Using incubator";
    private static final int SIGNAL = 128;
    private static final long GRACE_SECONDS = 5;

    /**
     * How they ended.
     *
     * @param lost ranks that were killed or answered no more, and which of the two
     * @param code of the first that failed otherwise; 0 for none
     */
    record End(Map<Integer, String> lost, int code, int rank) {
        /** @throws IllegalStateException where one failed, which has said why */
        void require() {
            if (!lost.isEmpty() || code != Main.DONE) {
                throw new IllegalStateException(lost.isEmpty() ? "rank " + rank + " failed (exit code " + code + "), as said above"
                        : text() + ": the newest checkpoint stays, go on with the same command on all machines");
            }
        }

        /** Who was lost, in words. */
        String text() {
            return lost.isEmpty() ? "ranks lost touch with one another" : "lost " + (lost.size() == 1 ? "rank " : "ranks ")
                    + String.join(", ", lost.entrySet().stream().map(e -> e.getKey() + " on this machine (" + e.getValue() + ")").toList());
        }
    }

    private RankProcesses() {}

    /** Runs {@code job} on each rank until all have ended; once one has, the others have some seconds to notice. */
    static End run(List<Group> groups, List<String> job, PrintWriter err) {
        List<Process> ranks = new ArrayList<>();
        try (var stop = AtExit.of(() -> ranks.forEach(Process::destroy))) {
            for (Group group : groups) {
                ranks.add(start(group, groups.size(), job, err));
            }
            return await(groups, ranks);
        } catch (IOException e) {
            ranks.forEach(Process::destroyForcibly);
            throw new UncheckedIOException("a rank could not be started: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            ranks.forEach(Process::destroyForcibly);
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while ranks were training", e);
        }
    }

    /** A JVM like this one that runs {@code job}. */
    static List<String> command(List<String> job) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(java());
        // the descriptor that the launcher gave this process is not theirs
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream().filter(flag -> !flag.startsWith("-Dzhulong.stderr=")).forEach(command::add);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(job);
        return command;
    }

    static String java() throws IOException {
        return ProcessHandle.current().info().command().orElseThrow(() -> new IOException("this machine does not tell which java runs here"));
    }

    /** What a rank does first that another process started on whatever machine: it ends with that one, and unpacks libraries in turn with its like. */
    static void begin() {
        if (AtExit.ofParent()) {
            Libtorch.loadInTurn();
        }
    }

    private static Process start(Group group, int here, List<String> job, PrintWriter err) throws IOException {
        var builder = new ProcessBuilder(command(job));
        builder.environment().putAll(GroupVariables.of(group));
        int cores = Integer.parseInt(System.getenv().getOrDefault("OMP_NUM_THREADS", Integer.toString(Runtime.getRuntime().availableProcessors())));
        builder.environment().put("OMP_NUM_THREADS", Integer.toString(Math.max(1, cores / here)));
        boolean first = group.rank() == 0;
        Process rank = builder.redirectInput(ProcessBuilder.Redirect.INHERIT)
                .redirectOutput(first ? ProcessBuilder.Redirect.INHERIT : ProcessBuilder.Redirect.DISCARD).start();
        Thread.ofPlatform().daemon().name("rank-" + group.rank() + "-says").start(first ? () -> passOn(rank) : () -> passOn(rank, group.rank(), err));
        return rank;
    }

    /** As it comes, for the line that shows how far it is; but for what the JVM says of its incubator module. */
    private static void passOn(Process rank) {
        try (var said = rank.getErrorStream()) {
            byte[] begun = said.readNBytes(JVM.length());
            if (begun.length < JVM.length() || !new String(begun, StandardCharsets.ISO_8859_1).equals(JVM)) {
                System.err.write(begun);
            } else {
                for (int c = said.read(); c >= 0 && c != '\n'; ) {
                    c = said.read();
                }
            }
            said.transferTo(System.err);
            System.err.flush();
        } catch (IOException e) {
            // it has ended
        }
    }

    private static void passOn(Process rank, int number, PrintWriter err) {
        try (BufferedReader said = rank.errorReader(StandardCharsets.UTF_8)) {
            for (String line = said.readLine(); line != null; line = said.readLine()) {
                if (!line.startsWith(JVM)) {
                    err.println("rank " + number + ": " + line.replaceFirst("^zhulong: ", ""));
                    err.flush();
                }
            }
        } catch (IOException e) {
            // it has ended
        }
    }

    private static End await(List<Group> groups, List<Process> ranks) throws InterruptedException {
        // a server goes on while it has a worker
        boolean serves = groups.getFirst().staleness() != null;
        while (serves ? ranks.getFirst().isAlive() && ranks.stream().skip(1).anyMatch(Process::isAlive) : ranks.stream().allMatch(Process::isAlive)) {
            TimeUnit.MILLISECONDS.sleep(50);
        }
        if (serves && !ranks.getFirst().isAlive() && ranks.getFirst().exitValue() == Main.DONE) {
            // whoever is left now was lost on the way
            for (Process worker : ranks.subList(1, ranks.size())) {
                if (!worker.waitFor(2, TimeUnit.SECONDS)) {
                    worker.destroyForcibly();
                }
            }
            return new End(Map.of(), Main.DONE, 0);
        }
        boolean failed = false;
        long end = Long.MAX_VALUE;
        while (ranks.stream().anyMatch(Process::isAlive) && System.nanoTime() < end) {
            if (!failed && ranks.stream().anyMatch(rank -> !rank.isAlive() && rank.exitValue() != Main.DONE)) {
                failed = true;
                end = System.nanoTime() + groups.getFirst().timeout().toNanos() + TimeUnit.SECONDS.toNanos(GRACE_SECONDS);
            }
            TimeUnit.MILLISECONDS.sleep(50);
        }
        Map<Integer, String> lost = new LinkedHashMap<>();
        int code = Main.DONE;
        int who = 0;
        for (int i = 0; i < ranks.size(); i++) {
            Process rank = ranks.get(i);
            boolean frozen = rank.isAlive();
            if (frozen) {
                rank.destroyForcibly().waitFor();
            }
            if (frozen || rank.exitValue() > SIGNAL) {
                lost.put(groups.get(i).rank(), frozen ? "it answered no more" : "killed by signal " + (rank.exitValue() - SIGNAL));
            } else if (rank.exitValue() != Main.DONE && (code == Main.DONE || code == Main.LOST)) {
                code = rank.exitValue();
                who = groups.get(i).rank();
            }
        }
        return new End(lost, code, who);
    }
}
