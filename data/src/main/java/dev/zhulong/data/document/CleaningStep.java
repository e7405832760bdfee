package dev.zhulong.data.document;

/** A cleaning rule: a plain function from a document to a decision. */
public interface CleaningStep {

    /** Short name for recipes and the audit ("unicode", "quality", ...). */
    String name();

    /** Decides on one document; safe to call from many threads. */
    Decision apply(Document document);

    /** What a rule decided. */
    sealed interface Decision {

        /** The document stays; {@code note} is null when the text is unchanged, else says what was changed. */
        record Keep(Document document, String note) implements Decision {
        }

        /** The document goes, for this reason. */
        record Drop(String reason) implements Decision {
        }
    }
}
