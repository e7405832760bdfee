package dev.zhulong.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.bytedeco.pytorch.global.torch;

/**
 * While open, libtorch's operations on this thread stay on this thread. For operations inside a pool of Java threads: libtorch's own spinning
 * threads would fight that pool for the cores.
 */
final class OneThread implements AutoCloseable {
    /** OpenMP's count is a thread's own; libtorch's setter would also change what threads that start later find. Null where OpenMP is not found. */
    private static final MethodHandle SET = find();

    private final int before;

    private OneThread(int before) {
        this.before = before;
    }

    static OneThread open() {
        // asking also has libtorch set this thread up, which it would otherwise do later and undo what is set here
        int before = torch.get_num_threads();
        if (before > 1) {
            set(1);
        }
        return new OneThread(before);
    }

    @Override
    public void close() {
        if (before > 1) {
            set(before);
        }
    }

    private static void set(int threads) {
        if (SET == null) {
            torch.set_num_threads(threads);
            return;
        }
        try {
            SET.invokeExact(threads);
        } catch (Throwable e) {
            throw new IllegalStateException("cannot set the number of OpenMP's threads", e);
        }
    }

    private static MethodHandle find() {
        Libtorch.load();
        int before = torch.get_num_threads();
        for (String library : new String[] {"libgomp.so.1", "libomp.dylib"}) {
            try {
                var symbol = SymbolLookup.libraryLookup(library, Arena.global()).find("omp_set_num_threads");
                if (symbol.isPresent()) {
                    MethodHandle set = Linker.nativeLinker().downcallHandle(symbol.get(), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
                    set.invokeExact(before + 1);
                    boolean libtorchs = torch.get_num_threads() == before + 1;
                    set.invokeExact(before);
                    if (libtorchs) {
                        return set;
                    }
                }
            } catch (IllegalArgumentException e) {
                // not this library: the next
            } catch (Throwable e) {
                throw new IllegalStateException("cannot set the number of OpenMP's threads", e);
            }
        }
        return null;
    }
}
