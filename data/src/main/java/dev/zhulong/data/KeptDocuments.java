package dev.zhulong.data;

import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.dedup.MinHash;
import java.util.Arrays;

/** What is remembered of each document that the rules left, in reading order: its signature and the size of its text. */
final class KeptDocuments {
    private final Clusters clusters;
    private int[] textBytes = new int[1 << 12];

    KeptDocuments(Clusters clusters) {
        this.clusters = clusters;
    }

    void add(MinHash.Signature signature, int bytes) {
        if (clusters.size() == textBytes.length) {
            textBytes = Arrays.copyOf(textBytes, textBytes.length + (textBytes.length >> 1));
        }
        textBytes[clusters.size()] = bytes;
        clusters.add(signature);
    }

    Clusters clusters() {
        return clusters;
    }

    int size() {
        return clusters.size();
    }

    /** Bytes of a document's text in UTF-8. */
    int textBytes(int document) {
        return textBytes[document];
    }
}
