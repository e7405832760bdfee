package dev.zhulong.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * What NVIDIA's driver says of the GPUs: their names and memory. It is on the machine where a GPU is, whether libtorch was built for it or not, and
 * libtorch's own Java side does not tell. CUDA's driver interface, version 13.
 */
final class CudaDriver {
    private static final int NAME = 256;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    /** Null where there is no driver. */
    private static final SymbolLookup LIBRARY = library();
    private static final int STATUS = LIBRARY == null ? -1 : initialise();

    private CudaDriver() {}

    private static SymbolLookup library() {
        String name = System.getProperty("os.name").startsWith("Windows") ? "nvcuda.dll" : "libcuda.so.1";
        try {
            return SymbolLookup.libraryLookup(name, Arena.global());
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static int initialise() {
        try {
            return (int) call("cuInit", INT).invokeExact(0);
        } catch (Throwable e) {
            return -1;
        }
    }

    /** Why no GPU is shown, in half a sentence. */
    static String missing() {
        if (LIBRARY == null) {
            return "no NVIDIA driver is installed";
        }
        return STATUS == 0 ? "the NVIDIA driver shows no GPU to libtorch" : "the NVIDIA driver does not start (cuInit gives " + STATUS + ")";
    }

    /** Names of the GPUs in CUDA's order, each with its memory, as {@code NVIDIA H200 (139.8 GiB)}; empty without any. */
    static List<String> names() {
        List<String> names = new ArrayList<>();
        if (STATUS != 0) {
            return names;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment number = arena.allocate(INT);
            require((int) call("cuDeviceGetCount", ValueLayout.ADDRESS).invokeExact(number));
            int count = number.get(INT, 0);
            for (int i = 0; i < count; i++) {
                MemorySegment name = arena.allocate(NAME);
                MemorySegment bytes = arena.allocate(LONG);
                int device = device(arena, i);
                require((int) call("cuDeviceGetName", ValueLayout.ADDRESS, INT, INT).invokeExact(name, NAME, device));
                require((int) call("cuDeviceTotalMem_v2", ValueLayout.ADDRESS, INT).invokeExact(bytes, device));
                names.add(name.getString(0) + " (" + String.format(java.util.Locale.ROOT, "%.1f", bytes.get(LONG, 0) / (double) (1L << 30)) + " GiB)");
            }
        } catch (Throwable e) {
            return names;
        }
        return names;
    }

    /** Bytes of GPU {@code index}'s memory that nobody holds; -1 where the driver does not say. */
    static long freeBytes(int index) {
        if (STATUS != 0) {
            return -1;
        }
        try (Arena arena = Arena.ofConfined()) {
            int device = device(arena, index);
            MemorySegment context = arena.allocate(ValueLayout.ADDRESS);
            MemorySegment free = arena.allocate(LONG);
            MemorySegment total = arena.allocate(LONG);
            // the context that libtorch uses too
            require((int) call("cuDevicePrimaryCtxRetain", ValueLayout.ADDRESS, INT).invokeExact(context, device));
            try {
                require((int) call("cuCtxPushCurrent_v2", ValueLayout.ADDRESS).invokeExact(context.get(ValueLayout.ADDRESS, 0)));
                try {
                    require((int) call("cuMemGetInfo_v2", ValueLayout.ADDRESS, ValueLayout.ADDRESS).invokeExact(free, total));
                    return free.get(LONG, 0);
                } finally {
                    int unused = (int) call("cuCtxPopCurrent_v2", ValueLayout.ADDRESS).invokeExact(context);
                }
            } finally {
                int unused = (int) call("cuDevicePrimaryCtxRelease_v2", INT).invokeExact(device);
            }
        } catch (Throwable e) {
            return -1;
        }
    }

    private static int device(Arena arena, int index) throws Throwable {
        MemorySegment device = arena.allocate(INT);
        require((int) call("cuDeviceGet", ValueLayout.ADDRESS, INT).invokeExact(device, index));
        return device.get(INT, 0);
    }

    private static void require(int status) {
        if (status != 0) {
            throw new IllegalStateException("status " + status + " of the NVIDIA driver");
        }
    }

    private static MethodHandle call(String name, java.lang.foreign.MemoryLayout... arguments) {
        return Linker.nativeLinker().downcallHandle(LIBRARY.findOrThrow(name), FunctionDescriptor.of(INT, arguments));
    }
}
