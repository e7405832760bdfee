package dev.zhulong.cli;

import dev.zhulong.distribute.Addresses;
import dev.zhulong.distribute.AgentMeeting;
import dev.zhulong.distribute.Certificates;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Launched;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.recipe.RunDirectory;
import dev.zhulong.recipe.RunRecipe;
import dev.zhulong.recipe.jobs.Jobs;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Starts the ranks of a training, watches them, and starts them again. */
@Command(
        name = "train-cluster",
        description = {
            "Train one model with several processes (ranks), on this machine or on several. Each rank holds the whole model, or its part of it (train.zero), and reads batches of its own; "
                    + "gradients are added in the order of the ranks, so that N ranks with one batch a step end in the same bits as one process with "
                    + "train.accumulation=N.",
            "The batches of a step (train.accumulation) are shared evenly: their number must be a multiple of the number of ranks.",
            "A rank that dies or freezes is named with its host and last step. On one machine the training then goes on from its newest checkpoint with the ranks "
                    + "that are left, as many as share the batches of a step evenly.",
        },
        footer = {
            "", "Examples:",
            "  zhulong train-cluster --nproc 2 pretrain --data my-texts \\",
            "      --set train.accumulation=2 --out RUN",
            "  zhulong train-cluster --nproc 2 pretrain --data my-texts \\",
            "      --set train.accumulation=2 --set train.zero=3 --out RUN",
            "  zhulong train-cluster --nproc 2 resume RUN",
            "  zhulong train-cluster --nproc 3 --staleness 4 pretrain --data my-texts \\",
            "      --set train.accumulation=2 --out RUN",
            "  zhulong train-cluster --spark local-cluster[2,1,1024] resume RUN",
            "",
            "On two machines that see the same RUN, with a key of 16 bytes or more that both have:",
            "  zhulong train-cluster --rank 0 --world-size 2 --master 10.0.0.1:29500 \\",
            "      --key-file KEY pretrain --recipe recipe.yaml --out RUN",
            "  zhulong train-cluster --rank 1 --world-size 2 --master 10.0.0.1:29500 \\",
            "      --key-file KEY pretrain --recipe recipe.yaml --out RUN",
            "",
            "Started by torchrun, whose store tells the ranks of one another:",
            "  torchrun --no-python --nproc-per-node 2 ./zhulong train-cluster pretrain \\",
            "      --recipe recipe.yaml --out RUN"
        })
final class TrainClusterVerb extends Verb {
    private static final String HOW = "give either --nproc N to start ranks here, or --rank R --world-size N --master HOST:PORT --key-file FILE for one rank of several machines, "
            + "unless torchrun, Kubernetes or Slurm says which rank this is";
    private static final String TLS_PASSWORD = "ZHULONG_TLS_PASSWORD";
    private static final List<String> JOBS = List.of("pretrain", "continue", "finetune", "resume");

    @Option(names = "--nproc", paramLabel = "N", description = "Number of ranks to start on this machine.")
    Integer nproc;

    @Option(names = "--rank", paramLabel = "R", description = "Rank of this process, from 0, where each machine starts its own (default: what torchrun, "
            + "a Kubernetes Job with indexes or Slurm says).")
    Integer rank;

    @Option(names = "--world-size", paramLabel = "N", description = "Number of ranks on all machines (default: what torchrun or Slurm says).")
    Integer worldSize;

    @Option(names = "--master", paramLabel = "HOST:PORT", description = "Address where the ranks meet: rank 0 listens there.")
    String master;

    @Option(names = "--bind", paramLabel = "ADDRESS[:PORT]", description = "Address of this machine that the other ranks connect to, and the port, where a firewall lets one in only "
            + "(default: the master's address on rank 0, the one that the master is reached from on the others; any free port).")
    String bind;

    @Option(names = "--advertise", paramLabel = "HOST:PORT", description = "Address at which the other ranks reach this one, where it is not the one it listens on: behind a proxy or the "
            + "forwarded port of a container. Needs --bind with a port.")
    String advertised;

    @Option(names = "--key-file", paramLabel = "FILE", description = "Secret of at least 16 bytes that all ranks share: nobody without it is let in. What the ranks send is encrypted with --tls only.")
    Path keyFile;

    @Option(names = "--tls", paramLabel = "FILE", description = "PKCS #12 file with a key pair, the same on all machines, with which ranks encrypt what they send (TLS 1.3). Its password is "
            + "that of the environment's ZHULONG_TLS_PASSWORD.")
    Path tls;

    @Option(names = "--timeout", paramLabel = "SECONDS", defaultValue = "4", description = "Seconds after which a rank that says nothing is taken for dead (default: ${DEFAULT-VALUE}).")
    double timeout;

    @Option(names = "--restarts", paramLabel = "N", defaultValue = "3", description = "How often the training may be started again when a rank is lost; with --nproc or --spark only (default: ${DEFAULT-VALUE}).")
    int restarts;

    @Option(names = "--staleness", paramLabel = "S", description = "Have one more rank, the first, hold the weights and serve the others, so that a slow one keeps nobody waiting: a gradient may be "
            + "used up to S steps after the weights it was computed with, and a step takes the first train.accumulation gradients that come. 0: none is stale, and the bits are those "
            + "of one process (default: all ranks add up their gradients). With --world-size the first rank is among them.")
    Integer staleness;

    @Option(names = "--spark", paramLabel = "MASTER", description = "Let Apache Spark place, start and restart the ranks: local[N], local-cluster[EXECUTORS,CORES,MB], spark://HOST:PORT, yarn or "
            + "k8s://URL. --nproc says how many (default: the slots of a local master). All machines have the JDK, Zhulong and the run's directory at the same paths. "
            + "Its jars (about 240 MB) are fetched at first use.")
    String spark;

    @Option(names = "--spark-set", paramLabel = "NAME=VALUE", description = "Setting of Spark, such as spark.executor.memoryOverhead=4g; may be repeated.")
    Map<String, String> sparkSettings = new LinkedHashMap<>();

    @Parameters(paramLabel = "JOB", arity = "1..*", description = "Verb to run on each rank (pretrain, continue, finetune or resume) and its options.")
    List<String> job = List.of();

    private int code = Main.DONE;

    @Override
    protected void run() {
        if (!JOBS.contains(job.getFirst())) {
            throw wrongUsage("ranks run one of " + String.join(", ", JOBS) + ", found '" + job.getFirst() + "': name it behind the options of train-cluster");
        }
        if (staleness != null && (staleness < 0 || spark != null)) {
            throw wrongUsage(spark == null ? "--staleness must be at least 0, found " + staleness : "--staleness is not for ranks under Spark, whose stages end with the first rank that is lost");
        }
        if (timeout < 0.5) {
            throw wrongUsage("--timeout must be at least 0.5 seconds, found " + timeout);
        }
        if (spark != null) {
            onSpark();
            return;
        }
        if (nproc != null && (rank != null || tls != null)) {
            throw wrongUsage(rank == null ? "--tls is for ranks on several machines; those of --nproc exchange values in memory" : HOW);
        }
        // unpacked once: ranks that find no unpacked libraries would unpack them over one another
        Libtorch.loadInTurn();
        if (nproc != null) {
            here();
        } else {
            one();
        }
    }

    private Duration patience() {
        return Duration.ofMillis((long) (timeout * 1000));
    }

    private void onSpark() {
        if (rank != null || worldSize != null || master != null || keyFile != null || tls != null) {
            throw wrongUsage("--spark starts all ranks: leave --rank, --world-size, --master, --key-file and --tls out");
        }
        if (nproc != null && nproc < 1) {
            throw wrongUsage("--nproc must be at least 1, found " + nproc);
        }
        Path run = runDirectory();
        if (run == null) {
            throw wrongUsage("under Spark the job needs --out RUN, or is resume RUN");
        }
        SparkLaunch launch;
        try {
            launch = new SparkLaunch(spark, nproc == null ? 0 : nproc, restarts, bind, patience().toMillis(), sparkSettings, err());
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
        launch.run(job, run);
    }

    private void here() {
        if (nproc < 1) {
            throw wrongUsage("--nproc must be at least 1, found " + nproc);
        }
        int size = staleness == null ? nproc : nproc + 1;
        for (int generation = 0; ; generation++) {
            byte[] key = Rendezvous.newKey();
            RankProcesses.End end;
            try (var rendezvous = Rendezvous.open("127.0.0.1", 0, size, generation, key, this::say)) {
                List<Group> groups = new ArrayList<>();
                for (int i = 0; i < size; i++) {
                    groups.add(new Group(i, size, generation, "127.0.0.1", rendezvous.port(), "127.0.0.1", key, patience()).serving(staleness));
                }
                end = RankProcesses.run(groups, job, err());
            }
            if (end.lost().isEmpty() && end.code() != Main.LOST) {
                end.require();
                return;
            }
            int left = size - end.lost().size();
            // a machine that stood still for a while, and goes on
            String lost = end.text();
            if (generation >= restarts || left < 1 && staleness == null) {
                throw new IllegalStateException(lost + (left < 1 ? ": none is left" : " after " + generation + " restarts: raise --restarts")
                        + "; the newest checkpoint stays, go on with the same command");
            }
            int batches = batches();
            int next = staleness != null ? size : IntStream.rangeClosed(1, left).filter(n -> batches % n == 0).max().orElse(1);
            say(lost + ": going on from the newest checkpoint with " + next + (next == 1 ? " rank" : " ranks"));
            size = next;
        }
    }

    /** Batches of a step, which the run's directory knows as soon as the run has begun. */
    private int batches() {
        Path run = runDirectory();
        return run != null && Files.exists(run.resolve(RunDirectory.RECIPE)) && Jobs.in(run, List.of()).recipe() instanceof RunRecipe begun ? begun.train().accumulation() : 1;
    }

    /** Directory of the job; null where it names none. */
    private Path runDirectory() {
        int out = job.indexOf("--out") + 1;
        int at = job.getFirst().equals("resume") ? 1 : out;
        return at == 0 || at >= job.size() ? null : Path.of(job.get(at));
    }

    /** This process is a rank. */
    private void one() {
        Optional<Launched> launched = rank == null ? Launched.read(System.getenv()) : Optional.empty();
        if (rank == null && launched.isEmpty()) {
            throw wrongUsage(HOW);
        }
        if (launched.isPresent() && !launched.get().store().isEmpty()) {
            try (var meeting = AgentMeeting.of(launched.get(), keyFile == null ? null : key(), bind, encryption(), patience(), this::say)) {
                if (meeting.group().rank() == 0) {
                    say("started by torchrun: " + Libtorch.threads() + (Libtorch.threads() == 1 ? " thread" : " threads") + " for each of " + meeting.group().size()
                            + " ranks; OMP_NUM_THREADS, which torchrun sets to 1 where it is not set, says how many");
                }
                train(meeting.group());
            }
            return;
        }
        int me = rank != null ? rank : launched.get().rank();
        int size = worldSize != null ? worldSize : launched.map(Launched::size).orElse(0);
        if (size == 0 || master == null || keyFile == null) {
            throw wrongUsage((rank != null ? "--rank" : "a rank that " + launched.get().by() + " starts") + " needs "
                    + (size == 0 ? "--world-size N, " : "") + "--master HOST:PORT and --key-file FILE");
        }
        InetSocketAddress meeting = address("--master", master);
        InetSocketAddress listens = bind == null || bind.indexOf(':') < 0 ? null : address("--bind", bind);
        if (advertised != null && listens == null) {
            throw wrongUsage("--advertise needs --bind ADDRESS:PORT, the port that " + advertised + " leads to");
        }
        byte[] key = key();
        SSLContext encryption = encryption();
        String own = listens != null ? listens.getHostString() : bind != null ? bind : me == 0 ? meeting.getHostString() : Addresses.towards(meeting);
        Rendezvous rendezvous = me == 0 ? Rendezvous.open(own, meeting.getPort(), size, 0, key, encryption, this::say) : null;
        try {
            train(new Group(me, size, 0, me == 0 ? own : meeting.getHostString(), meeting.getPort(), own, key, patience(), advertised == null ? null : address("--advertise", advertised),
                    listens == null ? 0 : listens.getPort(), encryption));
        } finally {
            if (rendezvous != null) {
                rendezvous.close();
            }
        }
    }

    private InetSocketAddress address(String option, String text) {
        try {
            return Addresses.of(text);
        } catch (IllegalArgumentException e) {
            throw wrongUsage(option + ": " + e.getMessage());
        }
    }

    private void train(Group group) {
        code = ScopedValue.where(JobVerb.MEMBER, group.serving(staleness)).call(() -> Main.execute(out(), err(), job.toArray(String[]::new)));
    }

    @Override
    int code() {
        return code;
    }

    private SSLContext encryption() {
        if (tls == null) {
            return null;
        }
        String password = System.getenv(TLS_PASSWORD);
        if (password == null) {
            throw new IllegalArgumentException("the file of --tls needs its password: set " + TLS_PASSWORD);
        }
        return Certificates.of(tls, password.toCharArray());
    }

    private byte[] key() {
        try {
            byte[] key = Files.readAllBytes(keyFile);
            if (key.length < 16) {
                throw new IllegalArgumentException(keyFile + " has " + key.length + " bytes: a key needs at least 16, such as: head -c 32 /dev/urandom > " + keyFile);
            }
            return key;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void say(String text) {
        err().println("zhulong: " + text);
        err().flush();
    }
}
