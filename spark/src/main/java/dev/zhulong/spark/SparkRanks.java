package dev.zhulong.spark;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDDBarrier;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;

/**
 * Ranks of a training as the tasks of one barrier stage: Spark places them, starts them together, and starts all of them again when one is lost. Each
 * is a process of its own; they talk to each other past Spark. Behind the stage stands a shuffle, without which Spark would give up instead of starting
 * the stage again.
 *
 * <p>What a launcher is to show goes to standard output, a line each.
 */
public final class SparkRanks {
    /** A rank's exit code where another was lost, as of {@code EX_TEMPFAIL}. */
    private static final int OTHER_LOST = 75;
    private static final int SIGNAL = 128;
    private static final String FAILED = "failed";

    private SparkRanks() {}

    /** @param args file of the job */
    public static void main(String[] args) throws IOException {
        Job job = Job.read(Path.of(args[0]));
        var conf = new SparkConf(true).setMaster(job.master()).setAppName(job.value("name"));
        job.settings().forEach(conf::set);
        int code = 0;
        // before Spark looks for its master, which may take minutes
        var teller = new Attempts(job);
        teller.begin();
        try (var context = new JavaSparkContext(conf)) {
            context.setLogLevel("WARN");
            // tasks whose stage is lost are interrupted, and end their ranks
            context.sc().setJobGroup("ranks", job.value("name"), true);
            context.sc().addSparkListener(teller);
            List<String> ends = ranks(context, job).repartition(1).collect();
            String failed = ends.stream().filter(end -> end.startsWith(FAILED)).findFirst().orElse(null);
            if (failed != null) {
                System.out.println(failed.substring(FAILED.length()).strip());
                code = 1;
            }
        } catch (Exception e) {
            System.out.println(reason(e, job));
            // for the driver's log
            e.printStackTrace();
            code = 1;
        }
        System.out.flush();
        System.exit(code);
    }

    private static JavaRDD<String> ranks(JavaSparkContext context, Job job) {
        RDDBarrier<Integer> barrier = context.parallelize(Job.numbers(job.tasks()), job.tasks()).rdd().barrier();
        Ranks ranks = new Ranks(job);
        return JavaRDD.fromRDD(barrier.mapPartitions(ranks, false, ClassTag$.MODULE$.apply(String.class)), ClassTag$.MODULE$.apply(String.class));
    }

    /** One task: one rank. */
    private record Ranks(Job job) implements scala.Function1<scala.collection.Iterator<Integer>, scala.collection.Iterator<String>>, java.io.Serializable {
        @Override
        public scala.collection.Iterator<String> apply(scala.collection.Iterator<Integer> one) {
            Iterator<Integer> given = CollectionConverters.asJava(one);
            try {
                return CollectionConverters.asScala(List.of(run(given.next(), BarrierTaskContext.get())).iterator());
            } catch (IOException e) {
                throw new IllegalStateException("a rank could not be run: " + e.getMessage(), e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("a rank was ended, as another is gone", e);
            }
        }

        private String run(int rank, BarrierTaskContext task) throws IOException, InterruptedException {
            Path failed = Path.of(job.value("failed"));
            if (Files.exists(failed)) {
                return FAILED + " " + Files.readString(failed);
            }
            int attempt = task.stageAttemptNumber();
            String[] ports = job.value("ports").split(",");
            if (attempt >= ports.length) {
                return FAILED + " a rank was lost after " + (ports.length - 1) + " restarts: raise --restarts; the newest checkpoint stays, go on with the same command";
            }
            String address = task.getTaskInfos()[rank].address();
            Map<String, String> variables = new HashMap<>();
            variables.put("ZHULONG_RANK", Integer.toString(rank));
            variables.put("ZHULONG_WORLD_SIZE", Integer.toString(job.tasks()));
            variables.put("ZHULONG_GENERATION", Integer.toString(attempt));
            variables.put("ZHULONG_MASTER_HOST", job.value("host"));
            variables.put("ZHULONG_MASTER_PORT", ports[attempt]);
            variables.put("ZHULONG_BIND", job.master().startsWith("local") ? job.value("host") : InetAddress.getByName(host(address)).getHostAddress());
            variables.put("ZHULONG_CLUSTER_KEY", job.value("key"));
            variables.put("ZHULONG_RANK_TIMEOUT_MS", job.value("timeout"));
            variables.put("OMP_NUM_THREADS", job.value("threads"));
            int code = Child.run(job.command(), new File(job.value("directory")), variables, new File(job.value("logs"), "rank-" + rank + ".log"), task::isInterrupted);
            if (code == 0) {
                return "rank " + rank + " is done";
            }
            if (code != OTHER_LOST && code < SIGNAL) {
                // its own fault, which would come again
                Files.writeString(failed, "rank " + rank + " failed on " + host(address) + " (exit code " + code + "): see " + job.value("logs") + "/rank-" + rank + ".log");
            }
            throw new IllegalStateException(code == OTHER_LOST ? "rank " + rank + " lost another" : "rank " + rank + " ended with exit code " + code);
        }

        private static String host(String address) {
            int colon = address.lastIndexOf(':');
            return colon < 0 ? address : address.substring(0, colon);
        }
    }

    private static final class Attempts extends Teller {
        Attempts(Job job) {
            super(job.master(), job.tasks() + " free slots, as all ranks start together,");
        }

        @Override
        public void onStageSubmitted(SparkListenerStageSubmitted stage) {
            if (stage.stageInfo().attemptNumber() > 0) {
                say("Spark starts the ranks again, attempt " + (stage.stageInfo().attemptNumber() + 1) + ": they go on from the newest checkpoint");
            }
        }
    }

    private static String reason(Exception e, Job job) {
        for (Throwable t = e; t != null; t = t.getCause()) {
            if (t instanceof SparkException && String.valueOf(t.getMessage()).contains("more slots than")) {
                return job.tasks() + " ranks need as many free slots at once, and " + job.master() + " has fewer: give a smaller --nproc, or a larger cluster";
            }
        }
        return "Spark gave up: " + String.valueOf(e.getMessage()).lines().findFirst().orElse(e.getClass().getSimpleName());
    }
}
