package dev.zhulong.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.TreeSet;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;

/**
 * Loads libtorch once, with the settings under which it is fast and gives the same bits from run to run.
 *
 * <p>Everything is set here rather than in a launcher, so that a program that uses Zhulong as a library gets the same engine:
 * <ul>
 * <li>MKL under libtorch's own OpenMP where it is on the class path, OpenBLAS elsewhere. MKL's default layer brings a second OpenMP
 *     whose spinning threads fight the first for the cores.
 * <li>A fixed number of threads ({@code OMP_NUM_THREADS}, else all cores) and {@code MKL_DYNAMIC=FALSE}: the order of a sum depends on
 *     the number of threads.
 * <li>glibc keeps freed blocks instead of returning them to the system: a training step frees and asks again for the same megabytes, and
 *     each fresh page costs a fault. Under a budget of memory ({@link #BUDGET}) it is the other way round.
 * </ul>
 */
public final class Libtorch {
    /** The most threads for each core. */
    public static final int THREADS_A_CORE = 8;

    /** A system property; where it is set, what is freed goes back to the system at once, so that no more is resident than is in use. */
    public static final String BUDGET = "zhulong.memory";

    private static final String MKL = "org.bytedeco.mkl.global.mkl_rt";
    private static boolean loaded;
    private static boolean mkl;

    private Libtorch() {}

    /** Loads the natives. Cheap when they are loaded already. */
    public static synchronized void load() {
        if (loaded) {
            return;
        }
        setDefault("org.bytedeco.javacpp.maxPhysicalBytes", "0");
        setDefault("org.bytedeco.javacpp.maxBytes", "0");
        mkl = Libtorch.class.getClassLoader().getResource(MKL.replace('.', '/') + ".class") != null
                && !"openblas".equals(System.getProperty("zhulong.blas"));
        int threads = threads();
        if (mkl) {
            setDefault("org.bytedeco.openblas.load", "mkl_rt");
            setEnvironment("MKL_THREADING_LAYER", "GNU");
            setEnvironment("MKL_DYNAMIC", "FALSE");
            setEnvironment("MKL_NUM_THREADS", Integer.toString(threads));
        } else {
            // OpenBLAS's threads and libgomp's spin against each other otherwise
            setEnvironment("OMP_WAIT_POLICY", "passive");
        }
        setEnvironment("OMP_NUM_THREADS", Integer.toString(threads));
        // read when a GPU's first product is computed: with a workspace of a fixed size its products give the same bits from run to run
        setEnvironment("CUBLAS_WORKSPACE_CONFIG", ":4096:8");
        if (System.getProperty(BUDGET) == null) {
            keepFreedMemory();
        } else {
            giveFreedMemoryBack();
        }
        if (mkl) {
            // unpacks the redistributable libraries where OpenBLAS's loader will look for mkl_rt
            Loader.load(mklClass());
        }
        try {
            Loader.load(torch.class);
        } catch (LinkageError e) {
            throw isBuiltForCuda() ? new UnsatisfiedLinkError("this build is for CUDA, and CUDA 13, cuDNN 9 or NCCL is not found on this machine: install"
                    + " them (docs/cuda.md), or build without -Dcuda; " + e.getMessage()) : e;
        }
        torch.set_num_threads(threads);
        loaded = true;
    }

    /**
     * The same for processes that start together: one after another, so that the first unpacks the natives for all. What finds no unpacked library unpacks it, and a library that is
     * written a second time while somebody runs it ends that process.
     */
    public static synchronized void loadInTurn() {
        if (loaded) {
            return;
        }
        try {
            Path cache = Loader.getCacheDir().toPath();
            Files.createDirectories(cache);
            try (var file = FileChannel.open(cache.resolve("zhulong.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE); var turn = file.lock()) {
                load();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the natives cannot be unpacked: " + e.getMessage(), e);
        }
    }

    /** By its name: a build without MKL has no such class. */
    private static Class<?> mklClass() {
        try {
            return Class.forName(MKL, false, Libtorch.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Why libtorch cannot be loaded, in half a sentence; null where it can, and then it is. */
    public static String unavailable() {
        try {
            load();
            return null;
        } catch (LinkageError e) {
            return "cannot be loaded (" + String.valueOf(e.getMessage()).lines().findFirst().orElse("") + ")";
        }
    }

    /** Threads one operation uses: {@code OMP_NUM_THREADS}, but no more than {@link #mostThreads}; else as many as there are cores. */
    public static int threads() {
        String wanted = System.getenv("OMP_NUM_THREADS");
        if (wanted != null && wanted.matches("[1-9][0-9]{0,8}")) {
            return Math.min(Integer.parseInt(wanted), mostThreads());
        }
        return Runtime.getRuntime().availableProcessors();
    }

    /** More threads than these only wait for each other. */
    public static int mostThreads() {
        return THREADS_A_CORE * Runtime.getRuntime().availableProcessors();
    }

    /** Sets the number of threads one operation uses. Results of sums depend on it. */
    public static void threads(int threads) {
        load();
        torch.set_num_threads(threads);
        if (mkl) {
            // libtorch is built against another BLAS and does not know that it has to pass the number on
            try {
                mklClass().getMethod("MKL_Set_Num_Threads", int.class).invoke(null, threads);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** Which library multiplies matrices: {@code MKL} or {@code OpenBLAS}. */
    public static String blas() {
        load();
        return mkl ? "MKL" : "OpenBLAS";
    }

    /** Version of libtorch. */
    public static String version() {
        try {
            return Loader.getVersion("org.bytedeco", "pytorch");
        } catch (java.io.IOException e) {
            return "unknown";
        }
    }

    /** OpenMP and BLAS libraries mapped into this process (Linux; empty elsewhere): more than one OpenMP is a fault worth reporting. */
    public static TreeSet<String> mappedMathLibraries() {
        load();
        TreeSet<String> names = new TreeSet<>();
        Path maps = Path.of("/proc/self/maps");
        if (Files.isReadable(maps)) {
            try (var lines = Files.lines(maps)) {
                lines.map(l -> l.substring(l.lastIndexOf('/') + 1))
                        .filter(n -> n.matches("lib(gomp|iomp5|omp|openblas|mkl_(rt|gnu_thread|intel_thread|sequential)).*\\.so.*"))
                        .forEach(names::add);
            } catch (java.io.IOException | java.io.UncheckedIOException e) {
                return names;
            }
        }
        return names;
    }

    /** Names of the GPUs that NVIDIA's driver shows, whether this build can use them or not; {@link Device#unavailable} says that. */
    public static List<String> gpus() {
        return CudaDriver.names();
    }

    private static boolean isBuiltForCuda() {
        String natives = "org/bytedeco/pytorch/" + Loader.getPlatform() + "-gpu/";
        return Libtorch.class.getClassLoader().getResource(natives + System.mapLibraryName("jnitorch")) != null;
    }

    /** Whether libtorch is made for GPUs on this kind of machine. */
    static boolean cudaPlatform() {
        String system = System.getProperty("os.name");
        return System.getProperty("os.arch").equals("amd64") && (system.equals("Linux") || system.startsWith("Windows"));
    }

    /** Seeds libtorch's default generators; with it a program on the same machine gives the same bits. */
    public static void seed(long seed) {
        load();
        torch.manual_seed(seed);
    }

    /** Seeds a generator that is somebody's own. */
    public static void seed(TensorRandom random, long seed) {
        random.generator.get().set_current_seed(seed);
    }

    /** Native objects alive that this façade made: for leak tests. */
    public static long nativeObjects() {
        return Pointer.totalCount();
    }

    private static void setDefault(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    /** The C library's environment, which native code reads; Java's own view of it cannot be changed. */
    private static void setEnvironment(String name, String value) {
        if (System.getenv(name) != null) {
            return;
        }
        Linker linker = Linker.nativeLinker();
        var setenv = linker.defaultLookup().find("setenv");
        if (setenv.isEmpty()) {
            return;
        }
        var handle = linker.downcallHandle(
                setenv.get(), FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try (var arena = java.lang.foreign.Arena.ofConfined()) {
            int unused = (int) handle.invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 0);
        } catch (Throwable e) {
            throw new IllegalStateException("cannot set " + name, e);
        }
    }

    private static void keepFreedMemory() {
        // no block gets a mapping of its own, and the heap never shrinks
        mallopt(MMAP_MAX, 0);
        mallopt(TRIM_THRESHOLD, Integer.MAX_VALUE);
    }

    private static void giveFreedMemoryBack() {
        mallopt(MMAP_THRESHOLD, OWN_MAPPING);
        mallopt(TRIM_THRESHOLD, OWN_MAPPING);
    }

    /** Blocks from this size on have a mapping of their own under a budget. */
    private static final int OWN_MAPPING = 256 << 10;
    // malloc.h of glibc
    private static final int TRIM_THRESHOLD = -1;
    private static final int MMAP_THRESHOLD = -3;
    private static final int MMAP_MAX = -4;

    private static void mallopt(int parameter, int value) {
        Linker linker = Linker.nativeLinker();
        MemorySegment mallopt = linker.defaultLookup().find("mallopt").orElse(null);
        if (mallopt == null) {
            return;
        }
        var handle = linker.downcallHandle(mallopt, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        try {
            int unused = (int) handle.invokeExact(parameter, value);
        } catch (Throwable e) {
            throw new IllegalStateException("mallopt", e);
        }
    }
}
