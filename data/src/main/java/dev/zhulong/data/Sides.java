package dev.zhulong.data;

import dev.zhulong.data.document.Document;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.function.IntUnaryOperator;

/**
 * Documents of one batch, put on their sides.
 *
 * @param train      those to train on
 * @param validation those held out
 * @param samples    those that the audit shows, by number
 * @param documents  how many there were
 */
record Sides(DocumentStoreWriter.Frame train, DocumentStoreWriter.Frame validation, Map<Integer, Document> samples, int documents) {
    private static final int LEVEL = 3;

    /**
     * Divides JSON lines.
     *
     * @param first     number of the first document
     * @param fates     by number
     * @param textBytes by number, in UTF-8
     * @param wanted    whether the audit shows a document, by number
     */
    static Sides of(byte[] lines, int first, IntFunction<Split.Fate> fates, IntUnaryOperator textBytes, IntPredicate wanted) {
        var out = new ByteArrayOutputStream[] {new ByteArrayOutputStream(), new ByteArrayOutputStream()};
        var count = new int[2];
        var bytes = new long[2];
        var found = new LinkedHashMap<Integer, Document>();
        int document = first;
        for (int start = 0; start < lines.length; document++) {
            int end = start;
            while (lines[end] != '\n') {
                end++;
            }
            end++;
            Split.Fate fate = fates.apply(document);
            if (fate == Split.Fate.TRAIN || fate == Split.Fate.VALIDATION) {
                int side = fate.ordinal();
                out[side].write(lines, start, end - start);
                count[side]++;
                bytes[side] += textBytes.applyAsInt(document);
            }
            if (wanted.test(document)) {
                try {
                    found.put(document, DocumentStore.parse(lines, start, end - start));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
            start = end;
        }
        return new Sides(DocumentStoreWriter.frame(out[0].toByteArray(), count[0], bytes[0], LEVEL),
                DocumentStoreWriter.frame(out[1].toByteArray(), count[1], bytes[1], LEVEL), found, document - first);
    }
}
