package dev.zhulong.data.clean;

import dev.zhulong.data.document.Document;

/** Which family of rules fits a document: those for source code (and markup, and data files) or those for prose. */
public enum Profile {
    CODE,
    PROSE;

    /** By the extension of the document's id; an id that says nothing is decided by the look of the text. */
    public static Profile of(Document document) {
        Profile byName = FileKind.of(document.id()).profile();
        if (byName != null) {
            return byName;
        }
        return CodeDetector.looksLikeCode(document.text()) ? CODE : PROSE;
    }
}
