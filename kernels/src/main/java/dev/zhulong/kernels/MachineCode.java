package dev.zhulong.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Memory that holds machine code made by this program, and what this processor can run. Memory is written first and made executable afterwards, never
 * both at once.
 */
final class MachineCode {
    private static final int READ_WRITE = 3;
    private static final int READ_EXECUTE = 5;
    private static final int PRIVATE_ANONYMOUS = 0x22;
    private static final long PAGE = 4096;

    // cpuid(leaf, subleaf, to): four 32-bit registers are written to `to`
    private static final int[] CPUID = {
        0x53, // push rbx
        0x89, 0xf8, // mov eax, edi
        0x89, 0xf1, // mov ecx, esi
        0x49, 0x89, 0xd0, // mov r8, rdx
        0x0f, 0xa2, // cpuid
        0x41, 0x89, 0x00, // mov [r8], eax
        0x41, 0x89, 0x58, 0x04, // mov [r8 + 4], ebx
        0x41, 0x89, 0x48, 0x08, // mov [r8 + 8], ecx
        0x41, 0x89, 0x50, 0x0c, // mov [r8 + 12], edx
        0x5b, // pop rbx
        0xc3 // ret
    };

    private MachineCode() {}

    /** Whether this is a system whose calls are known here: Linux on x86-64. */
    static boolean isKnownSystem() {
        return System.getProperty("os.name").equals("Linux") && System.getProperty("os.arch").equals("amd64");
    }

    /** Executable memory with {@code code}, for the life of the process; nothing where the system forbids it. */
    static Optional<MemorySegment> load(byte[] code) {
        Linker linker = Linker.nativeLinker();
        MethodHandle map = linker.downcallHandle(linker.defaultLookup().findOrThrow("mmap"), FunctionDescriptor.of(ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
        MethodHandle protect = linker.downcallHandle(linker.defaultLookup().findOrThrow("mprotect"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));
        long bytes = (code.length + PAGE - 1) / PAGE * PAGE;
        try {
            long address = (long) map.invokeExact(0L, bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0L);
            if (address == -1) {
                return Optional.empty();
            }
            MemorySegment memory = MemorySegment.ofAddress(address).reinterpret(bytes);
            MemorySegment.copy(code, 0, memory, ValueLayout.JAVA_BYTE, 0, code.length);
            return (int) protect.invokeExact(address, bytes, READ_EXECUTE) == 0 ? Optional.of(memory) : Optional.empty();
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    /** Whether the processor has products of four bytes with 512-bit vectors (AVX512_VNNI). */
    static boolean hasVnni(MemorySegment cpuid) {
        return (cpuid(cpuid, 7, 0)[2] >> 11 & 1) == 1;
    }

    /** Whether it has FMA and conversions of f16 (F16C), as all processors with AVX2 that are known. */
    static boolean hasFmaAndF16c(MemorySegment cpuid) {
        int ecx = cpuid(cpuid, 1, 0)[2];
        return (ecx >> 12 & 1) == 1 && (ecx >> 29 & 1) == 1;
    }

    /** The code of {@code cpuid}. */
    static byte[] cpuidCode() {
        byte[] code = new byte[CPUID.length];
        for (int i = 0; i < code.length; i++) {
            code[i] = (byte) CPUID[i];
        }
        return code;
    }

    private static int[] cpuid(MemorySegment code, int leaf, int subleaf) {
        MethodHandle call = Linker.nativeLinker().downcallHandle(code,
                FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment to = arena.allocate(16);
            call.invokeExact(leaf, subleaf, to);
            return to.toArray(ValueLayout.JAVA_INT);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }
}
