package dev.zhulong.data.pack;

/** Fixed 64-bit mixing (SplitMix64's finaliser): the order of training must not change with the JDK's random generators. */
final class Mix {
    private Mix() { }

    static long mix(long x) {
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }

    static long mix(long seed, long index) {
        return mix(mix(seed + 0x9E3779B97F4A7C15L) + index * 0xD1342543DE82EF95L);
    }
}
