package dev.zhulong.data.dedup;

/** 64-bit mixing (Steele et al., SplittableRandom's finaliser, variant 13 of David Stafford). */
final class Hash64 {
    private Hash64() { }

    static long mix(long x) {
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }
}
