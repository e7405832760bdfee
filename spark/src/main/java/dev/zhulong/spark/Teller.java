package dev.zhulong.spark;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.util.VersionInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerTaskStart;

/** Says on standard output what happens, a line each, for whoever waits, and ends the driver where nothing ever will. */
class Teller extends SparkListener {
    private static final long QUIET_MILLISECONDS = 8_000;
    private static final int HOPELESS = 3;
    /** The first Java whose security manager is gone for good, and the first Hadoop that does without it (HADOOP-19212). */
    private static final int JAVA = 24;
    private static final int[] HADOOP = {3, 4, 3};

    private final String master;
    private final String awaited;
    private final CountDownLatch started = new CountDownLatch(1);
    private final AtomicInteger gone = new AtomicInteger();

    /** @param awaited what the job needs to begin */
    Teller(String master, String awaited) {
        this.master = master;
        this.awaited = awaited;
    }

    /** Why this Hadoop cannot run on this Java; null where it can. */
    static String refusal(String hadoop, int java) {
        if (java < JAVA) {
            return null;
        }
        String[] numbers = hadoop.split("[.-]");
        for (int i = 0; i < HADOOP.length; i++) {
            int number = i < numbers.length && numbers[i].matches("\\d{1,9}") ? Integer.parseInt(numbers[i]) : 0;
            if (number != HADOOP[i]) {
                return number > HADOOP[i] ? null : "Hadoop " + hadoop + " does not run on Java " + java
                        + ": Spark needs hadoop-client-api and -runtime 3.4.3 or newer, as Spark 4.2.0 brings along";
            }
        }
        return null;
    }

    /** Says so, and ends the driver, where Hadoop cannot run; else says after a while what is waited for. */
    void begin() {
        String refused = refusal(VersionInfo.getVersion(), Runtime.version().feature());
        if (refused != null) {
            end(refused);
        }
        var waiting = new Thread(this::waitForStart, "waiting");
        waiting.setDaemon(true);
        waiting.start();
    }

    private void waitForStart() {
        try {
            if (!started.await(QUIET_MILLISECONDS, TimeUnit.MILLISECONDS)) {
                say("waiting for " + awaited + " on " + master);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void onTaskStart(SparkListenerTaskStart task) {
        started.countDown();
    }

    @Override
    public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
        String reason = removed.reason().lines().findFirst().orElse("no reason given");
        say("executor " + removed.executorId() + " is gone: " + reason);
        if (started.getCount() > 0 && gone.incrementAndGet() == HOPELESS) {
            end("the executors on " + master + " end before they are given anything to do: they need Java 17 or newer, and on Java " + JAVA
                    + " or newer Hadoop 3.4.3 or newer; their own logs say more");
        }
    }

    /** From a thread of its own, as ending waits for what is under way, and that may be the caller. */
    private static void end(String reason) {
        say(reason);
        new Thread(() -> System.exit(1), "end").start();
    }

    static void say(String text) {
        synchronized (System.out) {
            System.out.println(text);
            System.out.flush();
        }
    }
}
