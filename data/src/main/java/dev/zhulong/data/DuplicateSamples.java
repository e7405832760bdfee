package dev.zhulong.data;

import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.document.Document;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** A few removed duplicates and whom they duplicate, chosen by content hash before their texts are at hand. */
final class DuplicateSamples {
    private static final int SAMPLES = 3;

    private final Map<Split.Fate, TreeMap<Long, Integer>> chosen = new HashMap<>();
    private final Map<Integer, Document> documents = new HashMap<>();
    private final Map<Integer, Integer> wanted = new HashMap<>();

    DuplicateSamples(Clusters clusters, Split split) {
        for (Split.Fate fate : List.of(Split.Fate.EXACT_DUPLICATE, Split.Fate.NEAR_DUPLICATE)) {
            chosen.put(fate, new TreeMap<>());
        }
        for (int document = 0; document < clusters.size(); document++) {
            TreeMap<Long, Integer> samples = chosen.get(split.fate(document));
            if (samples != null) {
                samples.putIfAbsent(clusters.contentHash(document), document);
                if (samples.size() > SAMPLES) {
                    samples.pollLastEntry();
                }
            }
        }
        chosen.values().forEach(samples -> samples.values().forEach(document -> {
            wanted.put(document, split.representative(document));
            wanted.putIfAbsent(split.representative(document), split.representative(document));
        }));
    }

    /** Any thread. */
    boolean wants(int document) {
        return wanted.containsKey(document);
    }

    /** Numbers of those whose texts are asked for. */
    Set<Integer> wanted() {
        return wanted.keySet();
    }

    void found(Map<Integer, Document> some) {
        documents.putAll(some);
    }

    List<Audit.Sample> of(Split.Fate fate) {
        var samples = new ArrayList<Audit.Sample>();
        chosen.get(fate).forEach((hash, document) -> samples.add(new Audit.Sample(
                documents.get(document).id() + " = " + documents.get(wanted.get(document)).id(),
                Audit.excerpt(documents.get(document).text(), 0), hash)));
        return samples;
    }
}
