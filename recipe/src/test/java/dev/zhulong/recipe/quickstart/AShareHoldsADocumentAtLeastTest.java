package dev.zhulong.recipe.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.CleanConfig;
import dev.zhulong.data.Cleaner;
import dev.zhulong.data.DocumentStore;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a slow machine a plan may want so little that no document's hash is below its share: then there was nothing to learn from. */
class AShareHoldsADocumentAtLeastTest {
    @TempDir
    Path temporary;

    @Test
    void theFirstWhereNoneIsChosen() throws IOException {
        Path texts = TinyCorpus.write(temporary.resolve("texts"));
        DocumentStore store = Cleaner.run(CleanConfig.of(List.of(texts), List.of()), temporary.resolve("corpus"), Progress.SILENT).train();
        List<Document> all;
        try (var documents = store.documents()) {
            all = documents.toList();
        }
        try (var none = Quickstart.share(store, 0, 5); var some = Quickstart.share(store, store.bytes() / 2.0, 5); var every = Quickstart.share(store, 2.0 * store.bytes(), 5)) {
            assertThat(none).containsExactly(all.getFirst());
            assertThat(some).isSubsetOf(all).hasSizeBetween(1, all.size() - 1);
            assertThat(every).isEqualTo(all);
        }
    }
}
