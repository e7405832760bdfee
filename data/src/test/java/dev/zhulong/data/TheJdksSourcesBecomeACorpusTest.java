package dev.zhulong.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.PackedRows;
import dev.zhulong.data.shard.ShardConfig;
import dev.zhulong.data.shard.ShardWriter;
import dev.zhulong.formats.progress.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TheJdksSourcesBecomeACorpusTest {
    @TempDir
    Path directory;

    @Test
    void wholeSrcZipInUnderTwoMinutes() {
        Path sources = Path.of(System.getProperty("java.home"), "lib", "src.zip");
        assumeTrue(Files.exists(sources), "this JDK has no lib/src.zip");
        double start = ProcessorTime.ofTheProcess();
        Corpus corpus = Cleaner.run(CleanConfig.of(List.of(sources), List.of()), directory.resolve("corpus"), Progress.SILENT);
        double seconds = (ProcessorTime.ofTheProcess() - start) / Runtime.getRuntime().availableProcessors();
        System.out.printf("src.zip read, deduplicated and split in %.1f s of each processor: %d + %d documents%n", seconds, corpus.train().count(),
                corpus.validation().count());
        assertThat(seconds).isLessThan(120);
        assertThat(corpus.train().count()).isGreaterThan(8000);
        assertThat(corpus.validation().bytes() / (double) corpus.train().bytes()).isBetween(0.02, 0.09);
        try (var documents = corpus.validation().documents()) {
            assertThat(documents.limit(50)).allMatch(document -> document.id().startsWith("src.zip!/") && document.text().contains("/*"));
        }
        var tokenizer = new ShiftedBytes();
        var config = ShardConfig.of(ShardConfig.hash(tokenizer), corpus.validation().contentHash());
        try (var documents = corpus.validation().documents();
                var shards = ShardWriter.write(documents, corpus.validation().bytes(), tokenizer, config, directory.resolve("shards"),
                        Progress.SILENT)) {
            assertThat(shards.documents()).isEqualTo(corpus.validation().count());
            assertThat(shards.bytes()).isEqualTo(corpus.validation().bytes());
            assertThat(shards.tokens()).isEqualTo(shards.bytes() + shards.documents());
            assertThat(new Batches(new PackedRows(shards, 1024, 0), 8).get(17).supervised()).isGreaterThan(7000);
        }
    }
}
