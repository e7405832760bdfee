package dev.zhulong.data;

import dev.zhulong.data.clean.AddedStep;
import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.dedup.Decontaminate;
import dev.zhulong.data.dedup.MinHash;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.formats.ContentHash;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What an audit says of a corpus besides what its rules did. */
final class CorpusAudit {
    private CorpusAudit() { }

    /** Counts the duplicates, as if those of the same text had been dropped before the others. */
    static void duplicates(Clusters.Kind kind, KeptDocuments kept, Split split, DuplicateSamples samples, Audit audit) {
        if (kind == Clusters.Kind.NONE) {
            return;
        }
        for (Split.Fate fate : kind == Clusters.Kind.NEAR
                ? List.of(Split.Fate.EXACT_DUPLICATE, Split.Fate.NEAR_DUPLICATE) : List.of(Split.Fate.EXACT_DUPLICATE)) {
            boolean exact = fate == Split.Fate.EXACT_DUPLICATE;
            Audit.Step step = audit.step(exact ? "exact-duplicates" : "near-duplicates");
            long dropped = 0;
            long droppedBytes = 0;
            long left = 0;
            long leftBytes = 0;
            for (int document = 0; document < kept.size(); document++) {
                if (split.fate(document) == fate) {
                    dropped++;
                    droppedBytes += kept.textBytes(document);
                } else if (exact || split.fate(document) != Split.Fate.EXACT_DUPLICATE) {
                    left++;
                    leftBytes += kept.textBytes(document);
                }
            }
            step.kept(left, leftBytes);
            if (dropped > 0) {
                step.dropped(dropped, droppedBytes, exact ? "same text as another document" : "nearly the same text as another document",
                        samples.of(fate));
            }
        }
    }

    /** What the audit begins with. */
    static Map<String, Object> totals(CleanConfig config, List<CleaningStep> steps, KeptDocuments kept, ReadReport report, Corpus corpus) {
        var totals = new LinkedHashMap<String, Object>();
        totals.put("documents_read", report.documents());
        totals.put("documents_after_steps", (long) kept.size());
        totals.put("train_documents", corpus.train().count());
        totals.put("train_bytes", corpus.train().bytes());
        totals.put("validation_documents", corpus.validation().count());
        totals.put("validation_bytes", corpus.validation().bytes());
        totals.put("validation_fraction", config.validationFraction());
        totals.put("split_seed", config.seed());
        if (config.duplicates() == Clusters.Kind.NEAR) {
            MinHash minHash = config.minHash();
            totals.put("near_duplicates", minHash.bands() + " bands of " + minHash.rows() + " rows over shingles of " + minHash.shingle()
                    + " words, similarity at least " + minHash.threshold());
        }
        for (CleaningStep step : steps) {
            if (step instanceof Decontaminate decontaminate) {
                totals.put("evaluation_texts", decontaminate.texts());
                totals.put("evaluation_texts_too_short_to_look_for", decontaminate.tooShort());
                totals.put("evaluation_words", (long) config.evaluationWords());
            }
            if (step instanceof AddedStep added) {
                totals.put("added_step_" + added.name(), added.from().provider().getClass().getName() + " in "
                        + added.from().place().getFileName() + ", SHA-256 " + ContentHash.of(added.from().place()));
            }
        }
        return totals;
    }

    /** What is said where nothing is left. */
    static IllegalArgumentException nothingLeft(CleanConfig config, ReadReport report, Audit audit) {
        return new IllegalArgumentException("nothing is left of " + config.inputs() + ": " + report + "; " + drops(audit));
    }

    private static String drops(Audit audit) {
        var all = new ArrayList<String>();
        audit.steps().forEach((name, step) -> step.drops().forEach(
                (reason, tally) -> all.add(name + " dropped " + tally.documents() + ": " + reason)));
        return all.isEmpty() ? "no step dropped anything" : String.join(", ", all);
    }
}
