package dev.zhulong.data;

import java.nio.file.Path;
import java.util.List;

/** Measures a whole run by hand: {@code java -cp ... dev.zhulong.data.CorpusFixture src.zip out}. */
final class CorpusFixture {
    public static void main(String[] args) {
        long start = System.nanoTime();
        String[] stage = {""};
        var corpus = Cleaner.run(CleanConfig.of(List.of(Path.of(args[0])), List.of()), Path.of(args[1]), (name, done, total, unit) -> {
            if (!name.equals(stage[0])) {
                stage[0] = name;
                System.out.printf("%.1f s %s%n", (System.nanoTime() - start) / 1e9, name);
            }
        });
        System.out.printf("%.1f s %s%n", (System.nanoTime() - start) / 1e9, corpus);
        long n = corpus.train().documents().mapToLong(d -> d.text().length()).sum();
        System.out.printf("%.1f s read again, %d characters%n", (System.nanoTime() - start) / 1e9, n);
    }
}
