package dev.zhulong.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A cluster that Apache Spark runs on, as {@code --spark} names it.
 *
 * @param url    as given
 * @param slots  tasks that it runs at the same time; 0 where only the cluster knows
 * @param memory of an executor in MB; 0 for Spark's own default
 */
record SparkMaster(String url, int slots, int memory) {
    private static final Pattern LOCAL = Pattern.compile("local\\[(\\d{1,4})]");
    private static final Pattern LOCAL_CLUSTER = Pattern.compile("local-cluster\\[(\\d{1,4}), *(\\d{1,4}), *(\\d{1,9})]");
    private static final Pattern REMOTE = Pattern.compile("(spark|k8s)://.+|yarn");
    /** What {@code --spark} takes. */
    static final String KINDS = "local[N], local-cluster[EXECUTORS,CORES,MB], spark://HOST:PORT, yarn or k8s://URL";

    /** @throws IllegalArgumentException if it names none */
    static SparkMaster of(String url) {
        Matcher local = LOCAL.matcher(url);
        Matcher cluster = LOCAL_CLUSTER.matcher(url);
        int slots = local.matches() ? Integer.parseInt(local.group(1)) : cluster.matches() ? Integer.parseInt(cluster.group(1)) * Integer.parseInt(cluster.group(2)) : 0;
        if (slots < 1 && !REMOTE.matcher(url).matches()) {
            throw new IllegalArgumentException("--spark must be " + KINDS + ", found " + url);
        }
        return new SparkMaster(url, slots, cluster.matches() ? Integer.parseInt(cluster.group(3)) : 0);
    }

    /** Whether it is of other machines. */
    boolean isRemote() {
        return slots == 0;
    }
}
