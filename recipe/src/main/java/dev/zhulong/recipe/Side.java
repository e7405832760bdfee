package dev.zhulong.recipe;

import dev.zhulong.data.Corpus;
import dev.zhulong.data.DocumentStore;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.ContentHash;
import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Training or validation documents.
 *
 * @param documents   opened as often as needed; the stream is to be closed
 * @param bytes       of the texts, about, for progress
 * @param contentHash of the documents
 */
record Side(Supplier<Stream<Document>> documents, long bytes, String contentHash) {
    static Side of(DocumentStore store) {
        return new Side(store::documents, store.bytes(), store.contentHash());
    }

    /**
     * Both sides of a corpus whose documents, in their order, are one text: the first {@code 1 - fraction} of its characters train, the
     * rest validates. A document that lies across the cut is cut.
     */
    static Side[] byPosition(Corpus corpus, double fraction) {
        DocumentStore store = corpus.train();
        long characters;
        try (var documents = store.documents()) {
            characters = documents.mapToLong(Side::characters).sum();
        }
        long cut = (long) (characters * (1 - fraction));
        return new Side[] {part(store, cut, true), part(store, cut, false)};
    }

    private static Side part(DocumentStore store, long cut, boolean head) {
        String hash = ContentHash.ofBytes((store.contentHash() + (head ? " until " : " from ") + cut).getBytes(StandardCharsets.UTF_8)).sha256();
        return new Side(() -> {
            long[] at = {0};
            return store.documents().<Document>mapMulti((document, out) -> {
                long start = at[0];
                at[0] += characters(document);
                int inside = (int) Math.clamp(cut - start, 0, at[0] - start);
                int place = document.text().offsetByCodePoints(0, inside);
                String text = head ? document.text().substring(0, place) : document.text().substring(place);
                if (!text.isEmpty()) {
                    out.accept(new Document(document.id(), text));
                }
            });
        }, store.bytes(), hash);
    }

    private static long characters(Document document) {
        return document.text().codePointCount(0, document.text().length());
    }
}
