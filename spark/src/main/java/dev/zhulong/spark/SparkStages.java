package dev.zhulong.spark;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/**
 * Stages of a job whose tasks are processes that meet in files: Spark places them, and does a task again whose process or executor is lost. Standard input
 * says what to do, a line {@code STAGE TASKS} for each stage; each is answered on standard output by {@code done} or {@code failed REASON} behind a tab,
 * with {@code progress N} before. Lines without a tab are to be shown. The end of standard input is the job's, whatever is under way.
 */
public final class SparkStages {
    private static final int SIGNAL = 128;
    /** Exit code of a process that ended because its executor did, as of {@code EX_TEMPFAIL}. */
    private static final int LOST = 75;
    private static final String FAILED = "failed ";
    private static final String END = "";
    private static final String OURS = "zhulong: ";
    private static final String THROWN = "IllegalStateException: ";

    private SparkStages() {}

    /** @param args file of the job */
    public static void main(String[] args) throws Exception {
        Job job = Job.read(Path.of(args[0]));
        BlockingQueue<String> wanted = listen();
        var conf = new SparkConf(true).setMaster(job.master()).setAppName(job.value("name"));
        job.settings().forEach(conf::set);
        int code = 0;
        // before Spark looks for its master, which may take minutes
        var progress = new Progress(job.master());
        progress.begin();
        try (var context = new JavaSparkContext(conf)) {
            context.setLogLevel("WARN");
            context.sc().addSparkListener(progress);
            for (String line = wanted.take(); !line.equals(END) && code == 0; line = code == 0 ? wanted.take() : END) {
                String[] words = line.split(" ");
                String failed = run(context, job, words[0], Integer.parseInt(words[1]), progress);
                Teller.say("\t" + (failed == null ? "done" : failed));
                code = failed == null ? 0 : 1;
            }
        } catch (RuntimeException e) {
            // for the driver's log
            e.printStackTrace();
            Teller.say("\t" + FAILED + "Spark gave up: " + first(e));
            code = 1;
        }
        System.exit(code);
    }

    /** What is read from standard input; its end is an empty line, and ends what is under way. */
    private static BlockingQueue<String> listen() {
        var lines = new LinkedBlockingQueue<String>();
        var listener = new Thread(() -> {
            try (var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    lines.add(line);
                }
            } catch (IOException e) {
                // as if it had ended
            }
            lines.add(END);
            if (running) {
                System.exit(1);
            }
        }, "listener");
        listener.setDaemon(true);
        listener.start();
        return lines;
    }

    private static volatile boolean running;

    /** Null where all went well, else what did not. */
    private static String run(JavaSparkContext context, Job job, String stage, int tasks, Progress progress) {
        // tasks that are no longer wanted are interrupted, and end their processes
        context.sc().setJobGroup(stage, job.value("name") + ": " + stage, true);
        progress.done.set(0);
        running = true;
        try {
            List<String> ends = context.parallelize(Job.numbers(tasks), tasks).map(new Task(job, stage, tasks)).collect();
            return ends.stream().filter(end -> end.startsWith(FAILED)).findFirst().orElse(null);
        } catch (RuntimeException e) {
            e.printStackTrace();
            String first = first(e);
            int ours = first.lastIndexOf(THROWN);
            return FAILED + (ours < 0 ? "Spark gave up: " + first : first.substring(ours + THROWN.length()) + ", each time it was tried");
        } finally {
            running = false;
        }
    }

    private static String first(Throwable e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse(e.getClass().getSimpleName());
    }

    private static final class Progress extends Teller {
        private final AtomicInteger done = new AtomicInteger();

        Progress(String master) {
            super(master, "a free slot");
        }

        @Override
        public void onTaskEnd(SparkListenerTaskEnd task) {
            if (task.taskInfo().successful()) {
                say("\tprogress " + done.incrementAndGet());
            } else if (!task.taskInfo().killed()) {
                say("part " + (task.taskInfo().index() + 1) + " was lost on " + task.taskInfo().host() + ", and is done again");
            }
        }
    }

    /** One part of a stage. */
    private record Task(Job job, String stage, int tasks) implements Function<Integer, String> {
        @Override
        public String call(Integer number) throws IOException, InterruptedException {
            Path failed = Path.of(job.value("failed"));
            var log = new File(job.value("logs"), "%s-%05d.log".formatted(stage, number));
            List<String> command = new ArrayList<>(job.command());
            command.add(stage + ":" + number);
            TaskContext task = TaskContext.get();
            int code;
            try {
                code = Child.run(command, new File(job.value("directory")), Map.of("OMP_NUM_THREADS", job.value("threads")), log,
                        () -> task.isInterrupted() || Files.exists(failed));
            } catch (InterruptedException e) {
                if (Files.exists(failed)) {
                    return FAILED + Files.readString(failed);
                }
                throw e;
            }
            if (code == 0) {
                return "done";
            }
            String what = stage + ", part " + (number + 1) + " of " + tasks;
            if (code >= SIGNAL || code == LOST) {
                throw new IllegalStateException(what + ": its process ended with exit code " + code);
            }
            // its own fault, which would come again
            String reason = what + ", failed on " + InetAddress.getLocalHost().getHostName() + ": " + said(log, code);
            Files.writeString(failed, reason);
            return FAILED + reason;
        }

        private static String said(File log, int code) throws IOException {
            return Files.readAllLines(log.toPath()).stream().filter(line -> line.startsWith(OURS)).reduce((former, last) -> last)
                    .map(line -> line.substring(OURS.length())).orElse("exit code " + code + ", see " + log);
        }
    }
}
